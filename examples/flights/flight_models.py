"""What training and reference share: the event files, the months, the two kinds of models."""

import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn2pmml.decoration import CategoricalDomain, ContinuousDomain
from sklearn2pmml.pipeline import PMMLPipeline

KINDS = ("lr", "boosting")
MONTHS = range(2, 13)  # months that have a model; January has no past to learn from
NUMBERS = [
    "hour", "distance", "origin_delay", "carrier_delay", "overdue",
    "temperature", "wind_speed", "precipitation", "visibility",
]  # fmt: skip
# Boosting does without the destination: its distance tells nearly as much, and 105 columns of zeros and ones would make
# training five times as long.
TEXTS = {"lr": ["carrier", "origin", "dest", "weekday"], "boosting": ["carrier", "origin", "weekday"]}


def version(month):
    """Versions are dates, so that they compare as numbers."""
    return f"2013{month:02d}01"


def month_begin(month):
    """The first instant of the month in New York, as UTC."""
    return pd.Timestamp(2013, month, 1, tz="America/New_York").tz_convert("UTC")


def read_events(directory):
    """One row per flight in the order of requests.csv: features, month, and from its outcome landed_at and late."""
    # The default parser is off by a unit in the last place; this one reads what C++ wrote.
    requests = pd.read_csv(f"{directory}/requests.csv", float_precision="round_trip", parse_dates=["event_time"])
    outcomes = pd.read_csv(f"{directory}/outcomes.csv", parse_dates=["event_time"])
    requests[NUMBERS] = requests[NUMBERS].astype(float)
    outcomes = outcomes.rename(columns={"event_time": "landed_at"})[["id", "landed_at", "late"]]
    return requests.merge(outcomes, on="id", how="left", validate="one_to_one")


def features(kind):
    return TEXTS[kind] + NUMBERS


def make_model(kind):
    # A category that training has not seen is no error: it counts as none of those seen, here and in the PMML (asIs).
    texts = make_pipeline(
        CategoricalDomain(invalid_value_treatment="as_is", with_data=False, with_statistics=False),
        OneHotEncoder(handle_unknown="ignore", sparse_output=kind == "lr"),
    )
    domain = ContinuousDomain(invalid_value_treatment="as_is", with_data=False, with_statistics=False)
    if kind == "lr":
        numbers = make_pipeline(domain, StandardScaler())
        classifier = LogisticRegression(max_iter=1000)
    else:
        numbers = domain
        classifier = GradientBoostingClassifier(n_estimators=50, max_depth=4, random_state=2013)
    columns = ColumnTransformer([("texts", texts, TEXTS[kind]), ("numbers", numbers, NUMBERS)])
    return PMMLPipeline([("features", columns), ("classifier", classifier)])


def training_rows(events, month):
    """Flights whose outcome was known before the month began."""
    return events[events.late.notna() & (events.landed_at < month_begin(month))]
