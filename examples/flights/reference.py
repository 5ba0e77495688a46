"""Computes with scikit-learn what the demo must find: AUC and Brier score by month and over February to December, of the
model of each month (live) and of the January model kept for the whole year (frozen).

    .weir/venv/bin/python examples/flights/reference.py --data .weir/data/flights --fitted .weir/flights-fitted

Writes expected/summary-lr.json and expected/summary-boosting.json beside this file. Run after train.py.
"""

import argparse
import json
import pathlib
import warnings

import joblib
import numpy as np
import pandas as pd
from sklearn.metrics import brier_score_loss, roc_auc_score

from flight_models import KINDS, MONTHS, features, make_model, read_events, training_rows, version


def quality(rows):
    return {
        "auc_live": roc_auc_score(rows.late, rows.live),
        "auc_frozen": roc_auc_score(rows.late, rows.frozen),
        "brier_live": brier_score_loss(rows.late, rows.live),
        "brier_frozen": brier_score_loss(rows.late, rows.frozen),
    }


def local_day(rows):
    return rows.event_time.dt.tz_convert("America/New_York").dt.date


def print_uncertainty(kind, events, labelled):
    """What the README says beside the figures: how much of them is chance."""
    random = np.random.default_rng(2013)
    days = [day for _, day in labelled.groupby(local_day(labelled))]
    apart = [day for day in days if day.month.iloc[0] > MONTHS[0]]  # in February both are the same model
    better = np.mean([roc_auc_score(day.late, day.live) > roc_auc_score(day.late, day.frozen) for day in apart])
    gains = []
    for _ in range(200):
        rows = pd.concat([days[index] for index in random.integers(len(days), size=len(days))])
        gains.append(roc_auc_score(rows.late, rows.live) - roc_auc_score(rows.late, rows.frozen))
    low, high = np.quantile(gains, [0.025, 0.975])
    # The frozen model hangs on one January: how would it do had other days of that January been drawn?
    january = training_rows(events, MONTHS[0])
    days = [day for _, day in january.groupby(local_day(january))]
    frozen = []
    for _ in range(10):
        rows = pd.concat([days[index] for index in random.integers(len(days), size=len(days))])
        model = make_model(kind).fit(rows[features(kind)], rows.late.astype(int))
        frozen.append(roc_auc_score(labelled.late, model.predict_proba(labelled[features(kind)])[:, 1]))
    print(f"{kind}: gain of AUC, 95 % of 200 day bootstraps: {low:.3f} to {high:.3f}")
    print(f"{kind}: live has the higher AUC on {100 * better:.0f} % of the days from March on")
    print(f"{kind}: AUC of 10 frozen models from resampled January days: {min(frozen):.3f} to {max(frozen):.3f}")


def summary(kind, events, fitted):
    models = {month: joblib.load(fitted / f"{kind}-{month:02d}.joblib") for month in MONTHS}
    scored = events[events.month >= MONTHS[0]].copy()
    inputs = scored[features(kind)]
    scored["frozen"] = models[MONTHS[0]].predict_proba(inputs)[:, 1]
    for month in MONTHS:
        of_month = scored.month == month
        scored.loc[of_month, "live"] = models[month].predict_proba(inputs[of_month])[:, 1]
    labelled = scored[scored.late.notna()]
    months = [{"month": 1, "version": "", "requests": int((events.month == 1).sum()), "labelled": 0}]
    for month in MONTHS:
        rows = labelled[labelled.month == month]
        requests = int((scored.month == month).sum())
        months.append({"month": month, "version": version(month), "requests": requests, "labelled": len(rows), **quality(rows)})
    print_uncertainty(kind, events, labelled)
    return {"models": kind, "records_in": len(events), "labelled": len(labelled), **quality(labelled), "months": months}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="directory with requests.csv and outcomes.csv")
    parser.add_argument("--fitted", type=pathlib.Path, required=True, help="what train.py --fitted wrote")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path(__file__).parent / "expected")
    arguments = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning, message="Found unknown categories")
    events = read_events(arguments.data)
    for kind in KINDS:
        result = summary(kind, events, arguments.fitted)
        (arguments.output / f"summary-{kind}.json").write_text(json.dumps(result, indent=1) + "\n")
        print({name: value for name, value in result.items() if name != "months"})


if __name__ == "__main__":
    main()
