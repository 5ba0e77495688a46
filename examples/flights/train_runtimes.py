"""Exports the demo's logistic regressions to ONNX and to TensorFlow: the same fits as train.py's, month by month.

    .weir/venv-runtimes/bin/pip install -r tests/models/runtime_models/requirements.txt sklearn2pmml==0.110.0
    .weir/venv-runtimes/bin/python examples/flights/train_runtimes.py --data .weir/data/flights

Writes models/onnx/2013-MM.onnx, models/tensorflow/2013-MM.pb, two bad models of each kind, and their lines in
models/index.csv. Each model is compared with train.py's predictions in expected/lr.csv. Takes about three minutes.
"""

import argparse
import os
import pathlib
import warnings

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import tensorflow as tf
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from flight_models import MONTHS, NUMBERS, TEXTS, features, month_begin, read_events, training_rows, version
from train import ORIGINS

KINDS = {"onnx": "onnx", "tensorflow": "pb"}


def make_plain_model():
    """flight_models.make_model("lr") without what only the PMML exporter needs."""
    columns = ColumnTransformer([("texts", OneHotEncoder(handle_unknown="ignore"), TEXTS["lr"]), ("numbers", StandardScaler(), NUMBERS)])
    return Pipeline([("features", columns), ("classifier", LogisticRegression(max_iter=1000))])


def export_onnx(model):
    types = [(name, StringTensorType([None, 1])) for name in TEXTS["lr"]] + [(name, FloatTensorType([None, 1])) for name in NUMBERS]
    return to_onnx(model, initial_types=types, options={"zipmap": False}).SerializeToString()


def export_tensorflow(model):
    """A frozen graph in double precision: one input a feature, probabilities of the classes 0 and 1."""
    columns = model.named_steps["features"]
    encoder, scaler = columns.named_transformers_["texts"], columns.named_transformers_["numbers"]
    weights = model.named_steps["classifier"].coef_[0]
    sizes = [len(categories) for categories in encoder.categories_]
    texts = np.split(weights[: sum(sizes)], np.cumsum(sizes)[:-1])
    numbers = weights[sum(sizes):] / scaler.scale_
    intercept = model.named_steps["classifier"].intercept_[0] - np.dot(numbers, scaler.mean_)
    names = TEXTS["lr"] + NUMBERS
    spec = [tf.TensorSpec([None], tf.string if name in TEXTS["lr"] else tf.float64, name=name) for name in names]

    def score(*inputs):
        sum_ = tf.linalg.matvec(tf.stack(inputs[len(texts):], axis=1), tf.constant(numbers, tf.float64)) + intercept
        for values, categories, weight in zip(inputs, encoder.categories_, texts):
            is_category = tf.equal(values[:, None], tf.constant(list(categories))[None, :])
            sum_ += tf.linalg.matvec(tf.cast(is_category, tf.float64), tf.constant(weight, tf.float64))
        late = tf.math.sigmoid(sum_)
        return tf.stack([1 - late, late], axis=1, name="probabilities")

    function = tf.function(score, input_signature=spec).get_concrete_function()
    return convert_variables_to_constants_v2(function).graph.as_graph_def().SerializeToString()


def predict_onnx(content, rows):
    session = onnxruntime.InferenceSession(content)
    inputs = {name: rows[[name]].to_numpy(str if name in TEXTS["lr"] else np.float32) for name in features("lr")}
    inputs = {name: value.astype(object) if value.dtype.kind == "U" else value for name, value in inputs.items()}
    return session.run(["probabilities"], inputs)[0][:, 1]


def predict_tensorflow(content, rows):
    graph = tf.compat.v1.GraphDef.FromString(content)
    with tf.Graph().as_default():
        tf.import_graph_def(graph, name="")
        with tf.compat.v1.Session() as session:
            feed = {f"{name}:0": rows[name].to_numpy() for name in features("lr")}
            return session.run("probabilities:0", feed)[:, 1]


def write_bad_models(models):
    """Two models of each kind that a job must refuse."""
    may = (models / "onnx/2013-05.onnx").read_bytes()
    (models / "onnx/broken.onnx").write_bytes(may[: len(may) // 2])
    august = onnx.load(str(models / "onnx/2013-08.onnx"))
    for value in august.graph.input:
        value.name = "miles" if value.name == "distance" else value.name
    for node in august.graph.node:
        node.input[:] = ["miles" if name == "distance" else name for name in node.input]
    (models / "onnx/wrong-input.onnx").write_bytes(august.SerializeToString())

    may = (models / "tensorflow/2013-05.pb").read_bytes()
    (models / "tensorflow/broken.pb").write_bytes(may[: len(may) // 2])
    august = tf.compat.v1.GraphDef.FromString((models / "tensorflow/2013-08.pb").read_bytes())
    for node in august.node:
        node.name = "miles" if node.name == "distance" else node.name
        inputs = ["miles" if name == "distance" else name for name in node.input]
        del node.input[:]
        node.input.extend(inputs)
    (models / "tensorflow/wrong-input.pb").write_bytes(august.SerializeToString())


def write_index(models):
    lines = [line for line in (models / "index.csv").read_text().splitlines() if line.split(",")[0] not in KINDS]
    for kind, suffix in KINDS.items():
        own = []
        for month in MONTHS:
            for origin in ORIGINS:
                own.append((month_begin(month), origin, version(month), f"{kind}/2013-{month:02d}.{suffix}"))
        for origin, day, file in (("JFK", "2013-05-15", "broken"), ("LGA", "2013-08-15", "wrong-input")):
            at = pd.Timestamp(day, tz="America/New_York").tz_convert("UTC")
            own.append((at, origin, day.replace("-", ""), f"{kind}/{file}.{suffix}"))
        lines += [f"{kind},{origin},late-{kind},{number},{at:%Y-%m-%dT%H:%M:%SZ},{file}" for at, origin, number, file in sorted(own)]
    (models / "index.csv").write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=pathlib.Path, required=True, help="directory with requests.csv and outcomes.csv")
    here = pathlib.Path(__file__).parent
    models = here / "models"
    arguments = parser.parse_args()
    for kind in KINDS:
        (models / kind).mkdir(exist_ok=True)

    warnings.filterwarnings("ignore", category=UserWarning, message="Found unknown categories")
    events = read_events(arguments.data)
    rows = pd.read_csv(here / "expected/inputs.csv", float_precision="round_trip")
    rows[NUMBERS] = rows[NUMBERS].astype(float)
    expected = pd.read_csv(here / "expected/lr.csv", float_precision="round_trip")
    for month in MONTHS:
        training = training_rows(events, month)
        model = make_plain_model().fit(training[features("lr")], training.late.astype(int))
        wanted = expected[version(month)].to_numpy()
        for kind, content, predict, tolerance in (("onnx", export_onnx(model), predict_onnx, 1e-6),
                                                  ("tensorflow", export_tensorflow(model), predict_tensorflow, 1e-12)):
            (models / kind / f"2013-{month:02d}.{KINDS[kind]}").write_bytes(content)
            difference = np.abs(predict(content, rows) - wanted).max()
            print(f"{kind} {version(month)}: {len(content)} bytes, differs from scikit-learn's by {difference:.1e}", flush=True)
            assert difference <= tolerance
    write_bad_models(models)
    write_index(models)


if __name__ == "__main__":
    main()
