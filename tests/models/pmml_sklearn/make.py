"""Makes the fixtures of models_pmml_sklearn_test: models of scikit-learn as PMML, with scikit-learn's own predictions.

    pip install scikit-learn==1.5.0 sklearn2pmml==0.110.0 pandas==2.2.3 numpy==1.26.4      (and Java for sklearn2pmml)
    python make.py FOLDER [NAME...]

Each model NAME gives NAME.pmml and NAME.csv: the inputs and, in columns named after the model's outputs, what to expect.
"""

import sys

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import KBinsDiscretizer, MinMaxScaler, OneHotEncoder, StandardScaler
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn2pmml import sklearn2pmml
from sklearn2pmml.pipeline import PMMLPipeline

folder = sys.argv[1]
random = np.random.default_rng(7)
ROWS, TEST = 600, 200
NUMBERS = ["a", "b", "c", "d"]
table = pd.DataFrame({name: random.normal(size=ROWS) * 10 for name in NUMBERS})
table["kind"] = random.choice(["red", "green", "blue sky", "x&y"], ROWS)
signal = table.a + table.b * table.c / 10 + np.where(table.kind == "red", 8, 0) - np.abs(table.d)
number = (signal + random.normal(size=ROWS)).rename("y")
binary = pd.Series((signal > 0).astype(int), name="label")
classes = pd.Series(np.select([signal < -10, signal < 5], ["low", "middle"], "high"), name="label")


def columns(numbers):
    return ColumnTransformer([("numbers", numbers, NUMBERS), ("kind", OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["kind"])])


def save(name, transform, model, target):
    if sys.argv[2:] and name not in sys.argv[2:]:
        return
    pipeline = PMMLPipeline([("columns", transform), ("model", model)])
    pipeline.fit(table[TEST:], target[TEST:])
    sklearn2pmml(pipeline, f"{folder}/{name}.pmml")
    expected = table[:TEST].copy()
    expected[target.name] = pipeline.predict(table[:TEST])
    if hasattr(model, "predict_proba"):
        for label, column in zip(model.classes_, pipeline.predict_proba(table[:TEST]).T):
            expected[f"probability({label})"] = column
    expected.to_csv(f"{folder}/{name}.csv", index=False, float_format="%.17g")


small = dict(n_estimators=12, max_depth=4, random_state=3)
save("linear", columns(StandardScaler()), LinearRegression(), number)
save("logistic", columns(StandardScaler()), LogisticRegression(max_iter=500), binary)
save("softmax", columns(MinMaxScaler()), LogisticRegression(max_iter=500), classes)
save("tree", columns(make_pipeline(SimpleImputer(), StandardScaler())), DecisionTreeRegressor(max_depth=6, random_state=3), number)
save("tree-classes", columns("passthrough"), DecisionTreeClassifier(max_depth=6, random_state=3), classes)
save("forest", columns("passthrough"), RandomForestRegressor(**small), number)
save("forest-classes", columns("passthrough"), RandomForestClassifier(**small), classes)
save("extra-trees", columns("passthrough"), ExtraTreesRegressor(**small), number)
save("boosting", columns("passthrough"), GradientBoostingRegressor(**small), number)
save("boosting-binary", columns("passthrough"), GradientBoostingClassifier(**small), binary)
save("boosting-classes", columns("passthrough"), GradientBoostingClassifier(**small), classes)
save("bins", columns(KBinsDiscretizer(4, encode="onehot-dense", random_state=3)), Ridge(), number)
save("mlp", columns(StandardScaler()), MLPRegressor((16, 8), max_iter=200, random_state=3), number)
save("mlp-classes", columns(StandardScaler()), MLPClassifier((12,), activation="tanh", max_iter=200, random_state=3), classes)
save("svm", columns(StandardScaler()), SVR(C=5), number)
save("svm-classes", columns(StandardScaler()), SVC(C=5, random_state=3), classes)
