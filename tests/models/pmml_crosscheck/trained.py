"""Trains small models and writes them as triples of the set `trained`: PMML by sklearn2pmml, answers by the libraries.

    python -m venv venv && venv/bin/pip install scikit-learn==1.7.2 'pandas<3' sklearn2pmml xgboost-cpu lightgbm
    venv/bin/python tests/models/pmml_crosscheck/trained.py     # needs Java 11 or newer

Names of models after it train those only. Everything is seeded; the versions above gave the files in the repository (2026-11-21).
"""

import pathlib
import sys
import warnings

import numpy as np
import pandas as pd
from lightgbm import LGBMClassifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import GradientBoostingClassifier, IsolationForest, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import KBinsDiscretizer, OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, OneClassSVM
from sklearn.tree import DecisionTreeClassifier
from sklearn2pmml import sklearn2pmml
from sklearn2pmml.pipeline import PMMLPipeline
from xgboost import XGBClassifier

warnings.filterwarnings("ignore")
ROOT = pathlib.Path(__file__).parent
SET = ROOT / "trained"
MOST_BYTES = 100_000


def triple(name, pipeline, inputs, target, dataset, answers, tolerance="1e-9"):
    """Trains, exports, and writes what the library itself answers for the rows of the data set."""
    if sys.argv[1:] and name not in sys.argv[1:]:
        return
    pipeline.fit(inputs) if target is None else pipeline.fit(inputs, target)
    path = SET / "pmml" / f"{name}.pmml"
    sklearn2pmml(pipeline, str(path))
    assert path.stat().st_size < MOST_BYTES, (name, path.stat().st_size)
    rows = dataset[1]
    answers(pipeline, rows).to_csv(SET / "expected" / f"{name}.csv", index=False, float_format="%.17g", na_rep="NA")
    index = ROOT / "index.tsv"
    kept = [line for line in index.read_text().splitlines(True) if not line.startswith(f"trained/{name}\t")]
    index.write_text("".join(kept) + f"trained/{name}\t{tolerance}\t{dataset[0]}\n")
    print("trained", name, path.stat().st_size)


def predictions(target):
    return lambda pipeline, rows: pd.DataFrame({target: pipeline.predict(rows)})


def probabilities(target):
    def answer(pipeline, rows):
        table = pd.DataFrame({target: pipeline.predict(rows)})
        for i, label in enumerate(pipeline.classes_):
            table[f"probability({label})"] = pipeline.predict_proba(rows)[:, i]
        return table
    return answer


def main():
    for folder in ("pmml", "csv", "expected"):
        (SET / folder).mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(11)
    iris = load_iris()
    flowers = pd.DataFrame(iris.data, columns=["Sepal.Length", "Sepal.Width", "Petal.Length", "Petal.Width"])
    species = pd.Series(iris.target_names[iris.target], name="Species")
    n = 150
    people = pd.DataFrame({
        "Age": rng.integers(18, 90, n).astype(float),
        "Employment": rng.choice(["Private", "Consultant", "Self Emp"], n),
        "Education": rng.choice(["College", "HSgrad", "Master, x"], n),
        "Income": np.round(rng.gamma(2, 40000, n), 2),
        "Hours": rng.integers(5, 80, n).astype(float)})
    adjusted = pd.Series(((people.Age / 40 + (people.Employment == "Private") + people.Income / 1e5 +
                           rng.normal(0, .7, n)) > 2.6).astype(int), name="Adjusted")
    spent = pd.Series(people.Age * .5 + people.Income / 1e4 + 3 * (people.Education == "College") +
                      rng.normal(0, 1, n) + 5, name="Spent")

    iris_data = ("Iris", flowers.iloc[::3])
    people_data = ("People", people.iloc[::2])
    for name, table in (iris_data, people_data):
        table.to_csv(SET / "csv" / f"{name}.csv", index=False, na_rep="N/A", float_format="%.17g")

    def scaled(model):
        return PMMLPipeline([("scale", StandardScaler()), ("model", model)])

    def mixed(model):
        return PMMLPipeline([("columns", ColumnTransformer([
            ("text", OneHotEncoder(), ["Employment", "Education"]),
            ("number", StandardScaler(), ["Age", "Income", "Hours"])])), ("model", model)])

    of_species, of_adjusted = probabilities("Species"), probabilities("Adjusted")
    for name, model in (
            ("LogisticIris", LogisticRegression()), ("TreeIris", DecisionTreeClassifier(max_depth=4, random_state=1)),
            ("ForestIris", RandomForestClassifier(15, random_state=1)), ("BayesIris", GaussianNB()),
            ("NetworkIris", MLPClassifier((8,), max_iter=200, random_state=1)),
            ("BoostIris", GradientBoostingClassifier(n_estimators=5, random_state=1)),
            ("CalibratedIris", CalibratedClassifierCV(GaussianNB(), cv=2, method="isotonic"))):
        triple(name, scaled(model), flowers, species, iris_data, of_species)
    triple("VectorsIris", scaled(SVC()), flowers, species, iris_data, predictions("Species"))
    triple("NeighborsIris", scaled(KNeighborsClassifier(5)), flowers, species, iris_data, predictions("Species"))
    triple("PcaIris", PMMLPipeline([("pca", PCA(2)), ("model", LogisticRegression())]), flowers, species, iris_data,
           of_species)
    triple("BinsIris", PMMLPipeline([("bins", KBinsDiscretizer(4, encode="onehot", quantile_method="linear")),
                                     ("model", LogisticRegression())]), flowers, species, iris_data, of_species)
    triple("PolynomialIris", PMMLPipeline([("poly", PolynomialFeatures(2)), ("model", LogisticRegression())]), flowers,
           species, iris_data, of_species)
    triple("XgboostIris", PMMLPipeline([("model", XGBClassifier(n_estimators=5, max_depth=3))]), flowers,
           pd.Series(iris.target, name="Species"), iris_data, of_species, "1e-6")
    triple("LightgbmIris", PMMLPipeline([("model", LGBMClassifier(n_estimators=5, verbose=-1))]), flowers, species,
           iris_data, of_species)
    triple("ClustersIris", PMMLPipeline([("model", KMeans(3, n_init=2, random_state=1))]), flowers, None, iris_data,
           lambda pipeline, rows: pd.DataFrame({"cluster": pipeline.predict(rows)}))
    triple("IsolationIris", PMMLPipeline([("model", IsolationForest(n_estimators=10, max_samples=32, random_state=3))]), flowers,
           None, iris_data, lambda pipeline, rows: pd.DataFrame({"decisionFunction": pipeline.decision_function(rows)}),
           "1e-8")
    triple("OneClassIris", PMMLPipeline([("model", OneClassSVM(nu=.1))]), flowers, None, iris_data,
           lambda pipeline, rows: pd.DataFrame({"decisionFunction": pipeline.decision_function(rows)}), "1e-6")
    widths = flowers.iloc[:, 2:]
    triple("SeveralTargetsIris", PMMLPipeline([("model", LinearRegression())]), flowers.iloc[:, :2], widths, iris_data,
           lambda pipeline, rows: pd.DataFrame(pipeline.predict(rows.iloc[:, :2]), columns=widths.columns))
    for name, model in (("LogisticPeople", LogisticRegression(max_iter=500)),
                        ("LightgbmPeople", LGBMClassifier(n_estimators=8, verbose=-1))):
        triple(name, mixed(model), people, adjusted, people_data, of_adjusted)
    triple("LinearPeople", mixed(LinearRegression()), people, spent, people_data, predictions("Spent"), "1e-8")


if __name__ == "__main__":
    main()
