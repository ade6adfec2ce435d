"""Values that checkpoints and plain pickles hold beside their arrays, and folders in archives."""

from __future__ import annotations

import collections
import datetime
import functools
import io
import os
import pickle
import zipfile
from pathlib import Path

import joblib
import loadlock
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.cluster import FeatureAgglomeration
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

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
    r"\b\w\w+\b|[!?]|\d+": ACCEPTED,
    r"(\w+)": ACCEPTED,
    r"(\w+)|(\d+)": REFUSED,
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_token_patterns_that_take_long_are_refused(pattern: str, daemon: Daemon) -> None:
    words = ["one two three", "four five aab"]
    fitted = CountVectorizer(token_pattern=r"\w+").fit(words)
    fitted.token_pattern = pattern
    assert daemon.audit_bytes(dump(fitted, {}, "joblib-4")).verdict == PATTERNS[pattern]


WORDS = ["one Two three", "four five aab"]
METHODS = {
    "tokenizer": {"tokenizer": str.split, "token_pattern": None},
    "analyzer": {"analyzer": str.split},
    "preprocessor": {"preprocessor": str.casefold},
    "upper": {"preprocessor": str.upper},
}


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize("kind", [CountVectorizer, TfidfVectorizer])
def test_vectorizers_may_call_a_method_of_str(name: str, kind: type, daemon: Daemon) -> None:
    fitted = kind(**METHODS[name]).fit(WORDS)
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        files = [pickle.dumps(fitted, protocol) for protocol in range(6)]
        for data in (*files, dump(fitted, {}, "joblib-4")):
            ours = client.load(daemon.write("words.pkl", data))
            assert {key: getattr(ours, key) for key in METHODS[name]} == METHODS[name]
            assert (ours.transform(WORDS) != fitted.transform(WORDS)).nnz == 0


def test_other_methods_and_other_places_are_refused(daemon: Daemon) -> None:
    def written(**parameters: object) -> bytes:
        return dump(CountVectorizer().set_params(**parameters), {}, "pickle-4")

    for data in (
        written(tokenizer=str.lower),
        written(preprocessor=str.split),
        written(analyzer=str.upper),
        written(tokenizer=str.format),
        written(tokenizer=bytes.split),
        written(tokenizer=str),
        written(tokenizer=getattr),
        written(stop_words=[str.split]),
        written(input=str.split),
        dump(LogisticRegression().set_params(C=str.split), {}, "pickle-4"),
        dump(str.split, {}, "pickle-4"),
        dump([str.split], {}, "pickle-4"),
    ):
        assert daemon.audit_bytes(data).verdict == REFUSED
    getattr_ = op.global_("builtins", "getattr")
    for cls, name in (("str", "__class__"), ("str", "split.__call__"), ("dict", "split"), ("type", "lower")):
        made = getattr_ + op.MARK + op.global_("builtins", cls) + op.unicode_line(name) + op.TUPLE + op.REDUCE
        state = op.EMPTY_DICT + op.unicode_line("tokenizer") + made + op.SETITEM
        vectorizer = op.global_("sklearn.feature_extraction.text", "CountVectorizer")
        data = op.stream(vectorizer + op.EMPTY_TUPLE + op.NEWOBJ + state + op.BUILD)
        assert daemon.audit_bytes(data).verdict == REFUSED, (cls, name)


def test_a_name_of_a_module_is_no_attribute_of_a_class(daemon: Daemon) -> None:
    """Only what is listed below a class is named with a dot; nothing else walks attributes."""
    for module, name in (("numpy", "core.multiarray.scalar"), ("sklearn.tree", "_tree.Tree"),
                         ("builtins.str", "split"), ("sklearn", "svm._classes.SVC")):  # fmt: skip
        made = op.stack_global(module, name)
        state = op.EMPTY_DICT + op.unicode_line("tokenizer") + made + op.SETITEM
        vectorizer = op.global_("sklearn.feature_extraction.text", "CountVectorizer")
        data = op.stream(vectorizer + op.EMPTY_TUPLE + op.NEWOBJ + state + op.BUILD, 4)
        assert daemon.audit_bytes(data).verdict == REFUSED, name


@pytest.mark.parametrize("folder", [False, True])
def test_what_keeps_a_cache_does_not_arrive(folder: bool, daemon: Daemon, tmp_path: Path) -> None:
    memory = joblib.Memory(tmp_path if folder else None, verbose=0)
    rows = np.arange(6.0).reshape(3, 2)
    models = (
        Pipeline([("scale", StandardScaler())], memory=memory).fit(rows),
        FeatureAgglomeration(1, memory=memory).fit(rows),
    )
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        for model in models:
            for data in (
                *(pickle.dumps(model, protocol) for protocol in range(6)),
                dump(model, {}, "joblib-4"),
            ):
                ours = client.load(daemon.write("cached.pkl", data))
                assert ours.memory is None
                assert np.array_equal(ours.transform(rows), model.transform(rows))


def test_a_cache_stands_nowhere_else_and_names_nothing_else(daemon: Daemon) -> None:
    memory = joblib.Memory(None, verbose=0)
    with_name, with_call = joblib.Memory(None, verbose=0), joblib.Memory(None, verbose=0)
    with_name.store_backend = print
    with_call.store_backend = functools.partial(os.system, "true")
    pipeline = Pipeline([("scale", StandardScaler())])
    for thing in (
        memory,
        [memory],
        LogisticRegression(C=memory),
        Pipeline([("scale", memory)]),
        StandardScaler().set_params(copy=memory),
        clone(pipeline).set_params(memory=[memory]),
        clone(pipeline).set_params(memory=with_name),
        clone(pipeline).set_params(memory=with_call),
        {"memory": memory},
    ):
        assert daemon.audit_bytes(dump(thing, {}, "pickle-4")).verdict == REFUSED, thing


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
