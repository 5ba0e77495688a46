"""Trains a model of a machine's failures with scikit-learn and exports it.

    python train.py linear press-1.pmml          logistic regression, as PMML
    python train.py boosting press-2.pmml        gradient boosted trees, as PMML
    python train.py boosting press-3.onnx        the same, as ONNX

The history that it learns from is simulated: 20,000 hours of a machine that fails when it is hot, more so when it shakes as
well. A PMML file carries ten rows and what scikit-learn answers to them: weir computes them before it takes the model.
"""

import argparse
import pathlib

import numpy as np
import pandas as pd
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

INPUTS = ["temperature", "vibration"]


def history(hours=20_000, seed=7):
    """What the machine felt each hour, and whether it failed within the next."""
    random = np.random.default_rng(seed)
    rows = pd.DataFrame({"temperature": random.uniform(35, 85, hours), "vibration": random.uniform(0, 2, hours)})
    danger = 0.12 * (rows.temperature - 70) + np.where(rows.temperature > 60, 2.5 * (rows.vibration - 1), -1)
    failure = (random.uniform(size=hours) < 1 / (1 + np.exp(-danger))).astype(int)
    return rows, failure.rename("failure")


def make_classifier(kind):
    return LogisticRegression() if kind == "linear" else GradientBoostingClassifier(random_state=0)


def export_pmml(model, rows, path):
    from sklearn2pmml import sklearn2pmml

    model.verify(rows.sample(10, random_state=0), precision=1e-9, zeroThreshold=1e-12)
    sklearn2pmml(model, str(path))


def export_onnx(model, path):
    from skl2onnx import to_onnx
    from skl2onnx.common.data_types import FloatTensorType

    inputs = [(name, FloatTensorType([None, 1])) for name in INPUTS]
    path.write_bytes(to_onnx(model, initial_types=inputs, options={"zipmap": False}).SerializeToString())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=["linear", "boosting"])
    parser.add_argument("file", type=pathlib.Path, help="ends in .pmml or .onnx")
    arguments = parser.parse_args()

    rows, failure = history()
    past, later, past_failure, later_failure = train_test_split(rows, failure, test_size=0.25, random_state=0)
    steps = [("scaler", StandardScaler()), ("classifier", make_classifier(arguments.kind))]
    if arguments.file.suffix == ".pmml":
        from sklearn2pmml.pipeline import PMMLPipeline as Pipeline
    elif arguments.file.suffix == ".onnx":
        from sklearn.compose import ColumnTransformer
        from sklearn.pipeline import Pipeline

        steps[0] = ("scaler", ColumnTransformer([("scale", StandardScaler(), INPUTS)]))
    else:
        parser.error(f"{arguments.file}: neither .pmml nor .onnx")
    model = Pipeline(steps).fit(past, past_failure)

    if arguments.file.suffix == ".pmml":
        export_pmml(model, later, arguments.file)
    else:
        export_onnx(model, arguments.file)
    auc = roc_auc_score(later_failure, model.predict_proba(later)[:, 1])
    print(f"{arguments.file}: {arguments.kind}, AUC {auc:.3f} on the hours it has not seen")


if __name__ == "__main__":
    main()
