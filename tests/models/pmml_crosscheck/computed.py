"""Writes the triples of the set `computed`: kinds that the reference evaluator does not have, or has in another form.

    python -m venv venv && venv/bin/pip install scikit-learn==1.7.2 'pandas<3' statsmodels==0.15.0
    venv/bin/python tests/models/pmml_crosscheck/computed.py

Gaussian processes are scikit-learn's (two kernels) or solved with numpy, forecasts are statsmodels' or unrolled step by step,
the Bayesian network is summed over its full joint table. Everything is seeded.
"""

import itertools
import pathlib

import numpy as np
import pandas as pd
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from statsmodels.tsa.holtwinters import ExponentialSmoothing

ROOT = pathlib.Path(__file__).parent
SET = ROOT / "computed"
HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4">\n<Header/>\n'


def triple(name, fields, model, rows, expected, tolerance="1e-9"):
    for folder in ("pmml", "csv", "expected"):
        (SET / folder).mkdir(parents=True, exist_ok=True)
    dictionary = "".join(f"<DataField {field}\n" for field in fields)
    document = f"{HEAD}<DataDictionary>\n{dictionary}</DataDictionary>\n{model}\n</PMML>\n"
    (SET / "pmml" / f"{name}.pmml").write_text(document)
    rows.to_csv(SET / "csv" / f"{name}.csv", index=False, na_rep="NA")
    expected.to_csv(SET / "expected" / f"{name}.csv", index=False, float_format="%.17g", na_rep="NA")
    index = ROOT / "index.tsv"
    kept = [line for line in index.read_text().splitlines(True) if not line.startswith(f"computed/{name}\t")]
    index.write_text("".join(kept) + f"computed/{name}\t{tolerance}\t{name}\n")


def number(name, kind="double"):
    return f'name="{name}" optype="continuous" dataType="{kind}"/>'


def text(name, values):
    inside = "".join(f'<Value value="{value}"/>' for value in values)
    return f'name="{name}" optype="categorical" dataType="string">{inside}</DataField>'


def schema(target, *inputs, usage="active"):
    active = "".join(f'<MiningField name="{name}" usageType="{usage}"/>' for name in inputs)
    return f'<MiningSchema><MiningField name="{target}" usageType="target"/>{active}</MiningSchema>'


def output(name, feature, rest=""):
    return f'<OutputField name="{name}" optype="continuous" dataType="double" feature="{feature}"{rest}/>'


def gaussian_processes():
    random = np.random.default_rng(5)
    known = random.uniform(-2, 2, (12, 2)).round(3)
    target = (np.sin(known[:, 0]) + known[:, 1] ** 2).round(4)
    rows = np.vstack([known[:2], random.uniform(-3, 3, (8, 2)).round(3)])
    gamma, noise = 1.5, 0.04
    instances = "".join(f"<row><a>{a}</a><b>{b}</b><y>{y}</y></row>\n" for (a, b), y in zip(known, target))
    training = (
        '<TrainingInstances><InstanceFields><InstanceField field="a" column="a"/><InstanceField field="b" column="b"/>'
        f'<InstanceField field="y" column="y"/></InstanceFields><InlineTable>\n{instances}</InlineTable></TrainingInstances>'
    )
    attributes = f'gamma="{gamma}" noiseVariance="{noise}"'
    scales = '<Lambda><Array n="2" type="real">0.7 1.9</Array></Lambda>'
    lambdas = np.array([0.7, 1.9])

    def solved(covariance):
        inner = covariance(known, known) + noise * np.eye(len(known))
        row = covariance(rows, known)
        mean = row @ np.linalg.solve(inner, target)
        variance = gamma - np.einsum("ij,ji->i", row, np.linalg.solve(inner, row.T)) + noise
        return mean, np.sqrt(variance)

    def learned(scale):
        kernel = ConstantKernel(gamma, "fixed") * RBF(scale, "fixed") + WhiteKernel(noise, "fixed")
        process = GaussianProcessRegressor(kernel, alpha=0, optimizer=None).fit(known, target)
        return process.predict(rows, return_std=True)

    def distances(left, right, power):
        return ((np.abs(left[:, None] - right[None]) / lambdas) ** power).sum(axis=2)

    kernels = {
        "RadialBasis": (f'<RadialBasisKernel {attributes} lambda="0.9"/>', learned(0.9)),
        "Ard": (f"<ARDSquaredExponentialKernel {attributes}>{scales}</ARDSquaredExponentialKernel>", learned(lambdas)),
        "Absolute": (
            f"<AbsoluteExponentialKernel {attributes}>{scales}</AbsoluteExponentialKernel>",
            solved(lambda left, right: gamma * np.exp(-distances(left, right, 1))),
        ),
        "Generalized": (
            f'<GeneralizedExponentialKernel {attributes} degree="1.3">{scales}</GeneralizedExponentialKernel>',
            solved(lambda left, right: gamma * np.exp(-distances(left, right, 1.3))),
        ),
    }
    outputs = f'<Output>{output("mean", "predictedValue")}{output("deviation", "standardDeviation")}</Output>'
    for name, (kernel, (mean, deviation)) in kernels.items():
        model = f'<GaussianProcessModel functionName="regression">{schema("y", "a", "b")}{outputs}{kernel}{training}'
        expected = pd.DataFrame({"y": mean, "mean": mean, "deviation": deviation})
        fields = [number("a"), number("b"), number("y")]
        triple("Gp" + name, fields, model + "</GaussianProcessModel>", pd.DataFrame(rows, columns=["a", "b"]), expected)


def forecasts():
    series = np.array([30.1, 31.9, 34.2, 33.8, 36.5, 38.9, 40.2, 43.1, 44.0, 47.2, 49.9, 52.3])
    horizons = pd.DataFrame({"h": np.arange(1, 11)})
    fields = [number("h", "integer"), number("y")]
    mining = schema("y", "h", usage="supplementary")

    def model(best, inside):
        start = f'<TimeSeriesModel functionName="timeSeries" bestFit="{best}">{mining}'
        return f"{start}{inside}</TimeSeriesModel>"

    kinds = {
        "none": {},
        "additive": {"trend": "add"},
        "damped_additive": {"trend": "add", "damped_trend": True},
        "multiplicative": {"trend": "mul"},
        "damped_multiplicative": {"trend": "mul", "damped_trend": True},
    }
    for kind, options in kinds.items():
        fitted = ExponentialSmoothing(series, initialization_method="estimated", **options).fit(
            smoothing_level=0.6, **({"smoothing_trend": 0.3} if options else {}), optimized=True
        )
        level = f'<Level alpha="0.6" smoothedValue="{fitted.level[-1]:.17g}"/>'
        trend = ""
        if options:
            phi = f' phi="{fitted.params["damping_trend"]:.17g}"' if "damped" in kind else ""
            trend = f'<Trend_ExpoSmooth trend="{kind}" gamma="0.3" smoothedValue="{fitted.trend[-1]:.17g}"{phi}/>'
        smoothing = f"<ExponentialSmoothing>{level}{trend}</ExponentialSmoothing>"
        forecast = fitted.forecast(10)
        if kind == "damped_multiplicative":  # statsmodels damps the ratio in another way than PMML's formula
            steps = np.cumsum(fitted.params["damping_trend"] ** np.arange(1, 11))
            forecast = fitted.level[-1] * fitted.trend[-1] ** steps
        expected = pd.DataFrame({"y": forecast})
        triple("Forecast_" + kind, fields, model("ExponentialSmoothing", smoothing), horizons, expected)

    transition = np.array([[1.0, 1.0, 0.2], [0.0, 0.9, 0.1], [0.3, 0.0, -0.4]])
    state, observed, intercept = np.array([2.0, 0.5, -1.0]), np.array([1.0, 0.0, 0.7]), 3.25
    values = []
    now = state
    for _ in range(10):
        values.append(observed @ now + intercept)
        now = transition @ now
    lines = "".join(f'<Array n="3" type="real">{" ".join(map(str, row))}</Array>' for row in transition)
    inside = (
        f'<StateSpaceModel intercept="{intercept}"><StateVector><Array n="3" type="real">2 0.5 -1</Array></StateVector>'
        f'<TransitionMatrix><Matrix nbRows="3" nbCols="3">{lines}</Matrix></TransitionMatrix><MeasurementMatrix>'
        '<Matrix nbRows="1" nbCols="3"><Array n="3" type="real">1 0 0.7</Array></Matrix></MeasurementMatrix>'
        "</StateSpaceModel>"
    )
    triple("Forecast_stateSpace", fields, model("StateSpaceModel", inside), horizons, pd.DataFrame({"y": values}))


def baseline():
    rows = pd.DataFrame({"x": [550.2, 560.0, 500.5, None, 0.0]})
    model = (
        f'<BaselineModel functionName="regression">{schema("z", "x")}<TestDistributions field="x" testStatistic="zValue">'
        '<Baseline><GaussianDistribution mean="550.2" variance="48.2"/></Baseline></TestDistributions></BaselineModel>'
    )
    expected = pd.DataFrame({"z": (rows.x - 550.2) / np.sqrt(48.2)})
    triple("BaselineZ", [number("x"), number("z")], model, rows, expected)


def bayesian_network():
    """Burglary and earthquake, their alarm, and whether a neighbour calls; the quake is never seen."""
    values = {"burglary": ["no", "yes"], "quake": ["no", "yes"], "alarm": ["off", "on"], "call": ["never", "once", "often"]}
    parents = {"burglary": [], "quake": [], "alarm": ["burglary", "quake"], "call": ["alarm"]}
    tables = {
        "burglary": {(): [0.93, 0.07]},
        "quake": {(): [0.9, 0.1]},
        "alarm": {("no", "no"): [0.99, 0.01], ("no", "yes"): [0.7, 0.3], ("yes", "no"): [0.1, 0.9], ("yes", "yes"): [0, 1]},
        "call": {("off",): [0.8, 0.15, 0.05], ("on",): [0.1, 0.3, 0.6]},
    }
    nodes = ""
    for name in ("call", "alarm", "quake", "burglary"):  # parents come after their children here
        inside = ""
        for given, probabilities in tables[name].items():
            pairs = "".join(f'<ParentValue parent="{p}" value="{v}"/>' for p, v in zip(parents[name], given))
            chances = "".join(
                f'<ValueProbability value="{v}" probability="{p}"/>' for v, p in zip(values[name], probabilities)
            )
            start, end = "<DiscreteConditionalProbability>", "</DiscreteConditionalProbability>"
            inside += f"{start}{pairs}{chances}{end}\n" if given else chances
        nodes += f'<DiscreteNode name="{name}">{inside}</DiscreteNode>\n'
    options = [[None, *values["alarm"]], [None, *values["call"]]]
    rows = pd.DataFrame(list(itertools.product(*options)), columns=["alarm", "call"])
    answers = []
    for row in rows.to_dict("records"):
        sums = dict.fromkeys(values["burglary"], 0.0)
        for combination in itertools.product(*values.values()):
            state = dict(zip(values, combination))
            if any(row[name] is not None and row[name] != state[name] for name in row):
                continue
            weight = 1.0
            for name, table in tables.items():
                weight *= table[tuple(state[p] for p in parents[name])][values[name].index(state[name])]
            sums[state["burglary"]] += weight
        total = sum(sums.values())
        answers.append([max(sums, key=sums.get), sums["yes"] / total, sums["no"] / total])
    model = (
        f'<BayesianNetworkModel functionName="classification">{schema("burglary", "alarm", "call")}<Output>'
        f"""{output("p_yes", "probability", ' value="yes"')}{output("p_no", "probability", ' value="no"')}</Output>"""
        f"<BayesianNetworkNodes>\n{nodes}</BayesianNetworkNodes></BayesianNetworkModel>"
    )
    fields = [text(name, values[name]) for name in ("burglary", "alarm", "call")]
    triple("BayesianNetwork", fields, model, rows, pd.DataFrame(answers, columns=["burglary", "p_yes", "p_no"]))


gaussian_processes()
forecasts()
baseline()
bayesian_network()
