"""Makes the models of the tests of ONNX and TensorFlow, with 1,000 rows and what the library that trained a model predicts
for them, and the models of ./dev bench runtimes.

    python3 -m venv .weir/venv-runtimes
    .weir/venv-runtimes/bin/pip install -r tests/models/runtime_models/requirements.txt
    .weir/venv-runtimes/bin/python tests/models/runtime_models/make.py

Writes rows.csv (the inputs), NAME.onnx, NAME.pb or NAME.zip, and NAME.csv (the outputs) beside this file, and bench/models.

Numbers are multiples of 1/256: exact as float, and so are the thresholds between two of them, so that no tree turns another
way for want of digits.
"""

import os
import pathlib
import shutil
import tarfile
import tempfile
import zipfile

os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"

import lightgbm
import numpy as np
import onnxmltools
import pandas as pd
import tensorflow as tf
import xgboost
from onnxmltools.convert.common.data_types import FloatTensorType as ToolsFloatTensorType
from skl2onnx import to_onnx
from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType, StringTensorType
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

HERE = pathlib.Path(__file__).resolve().parent
BENCH = HERE.parents[2] / "bench/models"
ROWS = 1000
NUMBERS = ["a", "b", "c", "d"]


def make_rows(count, seed):
    random = np.random.default_rng(seed)
    rows = pd.DataFrame({name: np.round(random.normal(0, 2, count) * 256) / 256 for name in NUMBERS})
    rows["n"] = random.integers(-5, 50, count)
    rows["kind"] = random.choice(["red", "green", "blue", "none"], count)
    return rows


def targets(rows):
    value = rows.a - 0.5 * rows.b + np.sin(rows.c) + 0.05 * rows.n + (rows.kind == "red") * 2.0
    return {"value": value, "late": (value > 1).astype(int), "colour": np.where(value > 2, "high", np.where(value > 0, "middle", "low"))}


def save(name, model, outputs):
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())
    write_outputs(name, outputs)


def write_outputs(name, outputs):
    pd.DataFrame(outputs).to_csv(HERE / f"{name}.csv", index=False, float_format="%.9g", lineterminator="\n")


def probabilities(model, rows, label="output_label"):
    table = model.predict_proba(rows)
    return {label: model.predict(rows)} | {f"probability({name})": table[:, i] for i, name in enumerate(model.classes_)}


def scikit_learn(train, y, rows):
    x, numbers = train[NUMBERS].to_numpy(), rows[NUMBERS].to_numpy()
    tensor = [("X", FloatTensorType([None, 4]))]

    model = LinearRegression().fit(x, y["value"])
    save("linear", to_onnx(model, initial_types=tensor), {"variable": model.predict(numbers)})
    save("linear-double", to_onnx(model, initial_types=[("X", DoubleTensorType([None, 4]))]), {"variable": model.predict(numbers)})

    model = LogisticRegression().fit(x, y["late"])
    save("logistic", to_onnx(model, initial_types=tensor, options={"zipmap": False}), probabilities(model, numbers, "label"))
    save("logistic-zipmap", to_onnx(model, initial_types=tensor), probabilities(model, numbers))

    model = RandomForestRegressor(20, max_depth=5, random_state=1).fit(x, y["value"])
    save("forest", to_onnx(model, initial_types=tensor), {"variable": model.predict(numbers)})
    model = RandomForestClassifier(10, max_depth=5, random_state=1).fit(x, y["colour"])
    save("forest-classes", to_onnx(model, initial_types=tensor), probabilities(model, numbers))

    model = MLPClassifier((16, 8), max_iter=300, random_state=1).fit(x, y["colour"])
    save("mlp-classes", to_onnx(model, initial_types=tensor, options={"zipmap": False}),
         {"label": model.predict(numbers)} | {f"probabilities[{i}]": model.predict_proba(numbers)[:, i] for i in range(3)})

    # One input for each feature, of three types.
    columns = NUMBERS + ["n", "kind"]
    features = ColumnTransformer([("numbers", StandardScaler(), NUMBERS), ("whole", "passthrough", ["n"]),
                                  ("texts", OneHotEncoder(handle_unknown="ignore"), ["kind"])])
    model = make_pipeline(features, LogisticRegression(max_iter=1000)).fit(train[columns], y["colour"])
    types = [(name, FloatTensorType([None, 1])) for name in NUMBERS] + [("n", Int64TensorType([None, 1])), ("kind", StringTensorType([None, 1]))]
    save("columns", to_onnx(model, initial_types=types), probabilities(model, rows[columns]))


def boosted(train, y, rows):
    x, numbers = train[NUMBERS].to_numpy(np.float32), rows[NUMBERS].to_numpy(np.float32)
    tensor = [("X", ToolsFloatTensorType([None, 4]))]
    model = xgboost.XGBClassifier(n_estimators=20, max_depth=4).fit(x, y["late"])
    save("xgboost", onnxmltools.convert_xgboost(model, initial_types=tensor), probabilities(model, numbers, "label"))
    model = xgboost.XGBRegressor(n_estimators=20, max_depth=4).fit(x, y["value"])
    save("xgboost-regression", onnxmltools.convert_xgboost(model, initial_types=tensor), {"variable": model.predict(numbers)})
    model = lightgbm.LGBMClassifier(n_estimators=20, num_leaves=15, verbose=-1).fit(x, y["late"])
    save("lightgbm", onnxmltools.convert_lightgbm(model, initial_types=tensor, zipmap=False), probabilities(model, numbers, "label"))
    model = lightgbm.LGBMRegressor(n_estimators=20, num_leaves=15, verbose=-1).fit(x, y["value"])
    save("lightgbm-regression", onnxmltools.convert_lightgbm(model, initial_types=tensor), {"variable": model.predict(numbers)})


def freeze(model, path):
    shape = [None, model.inputs[0].shape[1]]
    function = tf.function(lambda x: model(x)).get_concrete_function(tf.TensorSpec(shape, tf.float32, name="x"))
    path.write_bytes(convert_variables_to_constants_v2(function).graph.as_graph_def().SerializeToString())


def pack(directory, path):
    """The files of a directory, always in the same order and with the same times."""
    files = sorted(file for file in directory.rglob("*") if file.is_file())
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for file in files:
                archive.writestr(zipfile.ZipInfo(str(file.relative_to(directory))), file.read_bytes(), zipfile.ZIP_DEFLATED)
    else:
        with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as archive:
            for file in files:
                entry = tarfile.TarInfo("model/" + str(file.relative_to(directory)))
                entry.size = file.stat().st_size
                with file.open("rb") as content:
                    archive.addfile(entry, content)


def saved(module, signatures, path):
    with tempfile.TemporaryDirectory() as folder:
        tf.saved_model.save(module, folder, signatures=signatures)
        (pathlib.Path(folder) / "fingerprint.pb").unlink(missing_ok=True)
        pack(pathlib.Path(folder), path)


def keras(train, y, rows):
    tf.keras.utils.set_random_seed(1)
    x, numbers = train[NUMBERS].to_numpy(np.float32), rows[NUMBERS].to_numpy(np.float32)
    model = tf.keras.Sequential([tf.keras.Input((4,), name="features"), tf.keras.layers.Dense(16, "relu"),
                                 tf.keras.layers.Dense(8, "tanh"), tf.keras.layers.Dense(1, name="value")])
    model.compile("adam", "mse")
    model.fit(x, y["value"], epochs=5, verbose=0)
    predicted = model.predict(numbers, verbose=0)[:, 0]
    freeze(model, HERE / "keras-frozen.pb")
    write_outputs("keras-frozen", {"Identity": predicted})
    saved(model, None, HERE / "keras-saved.zip")
    write_outputs("keras-saved", {"value": predicted})
    saved(model, None, HERE / "keras-saved.tar")

    # Inputs of three types, one for each feature, and two signatures.
    labels = ["low", "middle", "high"]
    lookup = tf.keras.layers.StringLookup(vocabulary=["red", "green", "blue"], output_mode="one_hot")
    inputs = {name: tf.keras.Input((1,), name=name) for name in NUMBERS}
    inputs["n"] = tf.keras.Input((1,), name="n", dtype=tf.int64)
    inputs["kind"] = tf.keras.Input((1,), name="kind", dtype=tf.string)
    joined = tf.keras.layers.Concatenate()([*(inputs[name] for name in NUMBERS), tf.cast(inputs["n"], tf.float32), lookup(inputs["kind"])])
    hidden = tf.keras.layers.Dense(12, "relu")(joined)
    model = tf.keras.Model(inputs, tf.keras.layers.Dense(3, "softmax", name="probabilities")(hidden))
    model.compile("adam", "sparse_categorical_crossentropy")
    as_inputs = lambda table: {name: tf.constant(table[[name]].to_numpy(dtype)) for name, dtype in
                               [*((name, np.float32) for name in NUMBERS), ("n", np.int64), ("kind", str)]}
    model.fit(as_inputs(train), np.array([labels.index(label) for label in y["colour"]]), epochs=3, verbose=0)
    table = model.predict(as_inputs(rows), verbose=0)
    spec = {name: tf.TensorSpec([None, 1], each.dtype, name=name) for name, each in inputs.items()}

    class Both(tf.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        @tf.function(input_signature=[spec])
        def classify(self, features):
            probability = self.model(features)
            return {"probabilities": probability, "label": tf.gather(tf.constant(labels), tf.argmax(probability, 1))}

        @tf.function(input_signature=[spec])
        def serve(self, features):
            return {"probabilities": self.model(features)}

    both = Both()
    saved(both, {"serving_default": both.serve, "classify": both.classify}, HERE / "keras-columns.zip")
    write_outputs("keras-columns", {"label": [labels[i] for i in table.argmax(1)]} |
                  {f"probability({label})": table[:, i] for i, label in enumerate(labels)})


def bench():
    """MLP 11-32-16-1 for both runtimes, a forest of 100 trees of depth 4."""
    random = np.random.default_rng(7)
    x = random.normal(0, 1, (4000, 11))
    y = x[:, 0] - x[:, 1] * x[:, 2] + np.sin(x[:, 3])
    tensor = [("X", FloatTensorType([None, 11]))]
    (BENCH / "mlp.onnx").write_bytes(to_onnx(MLPRegressor((32, 16), max_iter=50, random_state=1).fit(x, y), initial_types=tensor).SerializeToString())
    forest = RandomForestRegressor(100, max_depth=4, random_state=1).fit(x, y)
    (BENCH / "forest.onnx").write_bytes(to_onnx(forest, initial_types=tensor).SerializeToString())
    tf.keras.utils.set_random_seed(2)
    model = tf.keras.Sequential([tf.keras.Input((11,), name="features"), tf.keras.layers.Dense(32, "relu"),
                                 tf.keras.layers.Dense(16, "relu"), tf.keras.layers.Dense(1, name="value")])
    freeze(model, BENCH / "mlp.pb")
    saved(model, None, BENCH / "mlp.zip")


def main():
    BENCH.mkdir(parents=True, exist_ok=True)
    train, rows = make_rows(4000, 1), make_rows(ROWS, 2)
    y = targets(train)
    rows.to_csv(HERE / "rows.csv", index=False, float_format="%.9g", lineterminator="\n")
    scikit_learn(train, y, rows)
    boosted(train, y, rows)
    keras(train, y, rows)
    bench()
    for file in [*HERE.iterdir(), *BENCH.iterdir()]:
        if file.is_file() and file.stat().st_size >= 200_000:
            raise SystemExit(f"{file} has {file.stat().st_size} bytes")


if __name__ == "__main__":
    np.random.seed(1)
    main()
