"""Values that checkpoints and plain pickles hold beside their arrays, and folders in archives."""

from __future__ import annotations

import collections
import datetime
import io
import pickle
import zipfile

import joblib
import loadlock
import numpy as np
import pytest
from sklearn.feature_extraction.text import CountVectorizer

from corpora import opcodes as op
from corpora.tampered import dump

from .daemon import ACCEPTED, REFUSED, Daemon, error_rules

NOON = datetime.datetime(2024, 2, 29, 12, 30, 1, 5)
ZONE = datetime.timezone(datetime.timedelta(hours=-2, minutes=-30), "X")
VALUES = {
    "ellipsis": [...],
    "not-implemented": [NotImplemented],
    "sets-by-default": collections.defaultdict(set, {"a": {1}}),
    "utc": NOON.replace(tzinfo=datetime.UTC),
    "zone": NOON.replace(tzinfo=ZONE),
    "time": datetime.time(1, 2, 3, 4),
    "nothing": {"empty": b"", "none": []},
    "time-of-zone": datetime.time(23, 59, tzinfo=ZONE),
}


@pytest.mark.parametrize("name", VALUES)
def test_values_come_back_as_they_were(name: str, daemon: Daemon) -> None:
    value = VALUES[name]
    path = daemon.root / "value.joblib"
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            loaded = client.load(daemon.write("value.pkl", pickle.dumps(value, protocol)))
            assert (type(loaded), loaded, repr(loaded)) == (type(value), value, repr(value)), protocol
        joblib.dump(value, path)
        assert client.load(path) == value


PATTERNS = {
    r"(?u)\b[a-z]\w+\b": ACCEPTED,
    r"[^\s]+": ACCEPTED,
    r"\b[a-zA-Z]{3,}\b": ACCEPTED,
    r"(\w+\s?)*$": REFUSED,
    r"\w+\w+\w+!": REFUSED,
    r"(a|aa)+b": REFUSED,
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_token_patterns_that_take_long_are_refused(pattern: str, daemon: Daemon) -> None:
    words = ["one two three", "four five aab"]
    fitted = CountVectorizer(token_pattern=r"\w+").fit(words)
    fitted.token_pattern = pattern
    assert daemon.audit_bytes(dump(fitted, {}, "joblib-4")).verdict == PATTERNS[pattern]


def test_a_zipped_folder_of_models(daemon: Daemon) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("models/", b"")
        archive.writestr("models/a.pkl", pickle.dumps({"a": 1}))
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        assert client.load(daemon.write("models.zip", packed.getvalue())) == {"models/a.pkl": {"a": 1}}


def test_a_listed_class_that_was_called_on_the_way_is_refused(daemon: Daemon) -> None:
    name = op.global_("sklearn.linear_model._logistic", "LogisticRegression")
    stays = name + op.EMPTY_TUPLE + op.NEWOBJ + op.EMPTY_DICT + op.BUILD
    assert daemon.audit_bytes(op.stream(stays)).verdict == ACCEPTED
    for made in (
        name + op.EMPTY_TUPLE + op.REDUCE,
        name + op.EMPTY_TUPLE + op.NEWOBJ,
        op.MARK + name + op.NONE + op.OBJ,
        name,
    ):
        report = daemon.audit_bytes(op.stream(made + op.POP + op.NONE))
        assert report.verdict == REFUSED
        assert error_rules(report) <= {"STATE_RULE", "NAME_NOT_HERE"}


@pytest.mark.parametrize("compress", [0, 3])
def test_arrays_without_elements(compress: int, daemon: Daemon) -> None:
    path = daemon.root / "empty.joblib"
    joblib.dump({"a": np.zeros((0, 3)), "b": np.zeros(0, np.int32)}, path, compress=compress)
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        loaded = client.load(path)
    assert loaded["a"].shape == (0, 3)
    assert loaded["b"].dtype == np.int32
