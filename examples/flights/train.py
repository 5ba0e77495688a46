"""Trains the models of the demo: for each month of 2013 from February on, on the flights that landed before it began.

    ./dev setup && build/release/examples/flights/flights_prepare .weir/data/flights
    python3 -m venv .weir/venv && .weir/venv/bin/pip install -r examples/flights/requirements.txt
    .weir/venv/bin/python examples/flights/train.py --data .weir/data/flights --fitted .weir/flights-fitted

Writes models/{lr,boosting}/2013-MM.pmml, the two bad models, models/index.csv and expected/{inputs,lr,boosting}.csv beside
this file, and the fitted scikit-learn models into the --fitted directory, for reference.py. Takes about five minutes.
"""

import argparse
import pathlib
import re
import warnings

import joblib
import numpy as np
import pandas as pd
from sklearn2pmml import sklearn2pmml

from flight_models import KINDS, MONTHS, features, make_model, month_begin, read_events, training_rows, version

SEED = 2013
SAMPLE_ROWS = 1000
VERIFICATION_ROWS = 10
ORIGINS = ("EWR", "JFK", "LGA")


def sample_rows(events):
    """Rows to compare evaluators on: one for each destination (some appear only after January), the others at random."""
    per_destination = events.groupby("dest").sample(1, random_state=SEED)
    others = events.drop(per_destination.index).sample(SAMPLE_ROWS - len(per_destination), random_state=SEED)
    return pd.concat([per_destination, others]).sort_values("id")


def export(model, rows, path):
    # The PMML carries these rows with their probabilities (ModelVerification): whoever loads it can check itself.
    model.verify(rows, precision=1e-9, zeroThreshold=1e-12)
    sklearn2pmml(model, str(path))
    # The time of the export would make each run's file another one.
    text = re.sub(r"\s*<Timestamp>[^<]*</Timestamp>", "", path.read_text())
    path.write_text(text)


def write_bad_models(models):
    """Two models a job must refuse, made from good ones."""
    may = (models / "lr/2013-05.pmml").read_text()
    (models / "broken.pmml").write_text(may[: len(may) // 2])
    august = (models / "lr/2013-08.pmml").read_text()
    head, verification = august.split("<ModelVerification", 1)
    expected = re.compile(r"(<(?:data:)?probability_?1_?>|<(?:data:)?probability\(1\)>)([0-9.Ee-]+)<")
    assert expected.search(verification), verification[:2000]
    verification = expected.sub(lambda found: f"{found[1]}{1 - float(found[2])!r}<", verification)
    (models / "failing-verification.pmml").write_text(head + "<ModelVerification" + verification)


def write_index(models):
    """Which model takes effect when, for which key: what the demo's model stream is made of."""
    lines = []
    for kind in KINDS:
        for month in MONTHS:
            for origin in ORIGINS:
                lines.append((kind, month_begin(month), origin, version(month), f"{kind}/2013-{month:02d}.pmml"))
        for origin, day, file in (("JFK", "2013-05-15", "broken.pmml"), ("LGA", "2013-08-15", "failing-verification.pmml")):
            at = pd.Timestamp(day, tz="America/New_York").tz_convert("UTC")
            lines.append((kind, at, origin, day.replace("-", ""), file))
    lines.sort(key=lambda line: (KINDS.index(line[0]), line[1], line[2]))
    with open(models / "index.csv", "w") as index:
        index.write("kind,key,name,version,effective_at,file\n")
        for kind, at, origin, number, file in lines:
            index.write(f"{kind},{origin},late-{kind},{number},{at:%Y-%m-%dT%H:%M:%SZ},{file}\n")


def write_sample(rows, data, expected):
    """Copies the rows' lines of requests.csv, so that not one digit changes."""
    wanted = set(rows.id)
    lines = {}
    with open(data / "requests.csv") as requests:
        header = next(requests)
        for line in requests:
            number = int(line.split(",", 1)[0])
            if number in wanted:
                lines[number] = line
    with open(expected / "inputs.csv", "w") as inputs:
        inputs.write(header)
        inputs.writelines(lines[number] for number in rows.id)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="directory with requests.csv and outcomes.csv")
    parser.add_argument("--fitted", type=pathlib.Path, required=True, help="where the fitted models go, for reference.py")
    parser.add_argument("--output", type=pathlib.Path, default=pathlib.Path(__file__).parent)
    arguments = parser.parse_args()
    models = arguments.output / "models"
    expected = arguments.output / "expected"
    for directory in (arguments.fitted, expected, *(models / kind for kind in KINDS)):
        directory.mkdir(parents=True, exist_ok=True)

    warnings.filterwarnings("ignore", category=UserWarning, message="Found unknown categories")
    events = read_events(arguments.data)
    rows = sample_rows(events)
    write_sample(rows, arguments.data, expected)
    for kind in KINDS:
        columns = features(kind)
        probabilities = pd.DataFrame({"id": rows.id})
        for month in MONTHS:
            training = training_rows(events, month)
            model = make_model(kind)
            model.fit(training[columns], training.late.astype(int).rename("late"))
            probabilities[version(month)] = model.predict_proba(rows[columns])[:, 1]
            joblib.dump(model, arguments.fitted / f"{kind}-{month:02d}.joblib")
            verification = training[columns].sample(VERIFICATION_ROWS, random_state=SEED)
            export(model, verification, models / kind / f"2013-{month:02d}.pmml")
            print(f"{kind} {version(month)}: trained on {len(training)} flights", flush=True)
        probabilities.to_csv(expected / f"{kind}.csv", index=False, float_format="%.17g")
    write_bad_models(models)
    write_index(models)


if __name__ == "__main__":
    np.random.seed(SEED)
    main()
