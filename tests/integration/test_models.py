"""Good models come through with equal answers; tampered ones do not come through."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import loadlock
import numpy as np
import pytest

from corpora import tampered
from corpora.models import COMPRESSORS, PROTOCOLS, Model, models, same, write_joblib, write_pickle

from .daemon import REFUSED, Daemon, error_rules, errors

pytestmark = pytest.mark.models
MODELS = {model.name: model for model in models()}


@pytest.fixture(scope="module")
def client(daemon: Daemon) -> Iterator[loadlock.Client]:
    with loadlock.Client(f"unix:{daemon.socket}") as connected:
        yield connected


def variants(model: Model) -> Iterator[tuple[str, bytes]]:
    for protocol in PROTOCOLS:
        for compressor in COMPRESSORS:
            yield f"joblib-{protocol}-{compressor}", write_joblib(model.fitted, protocol, compressor)
    for protocol in range(6):
        yield f"pickle-{protocol}", write_pickle(model.fitted, protocol)


@pytest.mark.parametrize("name", MODELS)
def test_a_good_model_answers_as_before(
    name: str, daemon: Daemon, client: loadlock.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MODELS[name]
    expected = model.answers(model.fitted)
    wrong = []
    files = list(variants(model))

    def trap(*args: object, **kwargs: object) -> None:
        raise AssertionError("something unpickled")

    for what in ("load", "loads", "Unpickler", "_Unpickler"):
        monkeypatch.setattr(pickle, what, trap)
    for variant, data in files:
        path = daemon.write(f"{name}-{variant}.bin", data)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                loaded = client.load(path)
        except loadlock.Refused as refused:
            wrong.append(
                f"{variant}: {[(f.rule_id, f.object_path, f.message) for f in refused.findings][:2]}"
            )
            continue
        finally:
            path.unlink()
        assert type(loaded) is type(model.fitted)
        answers = model.answers(loaded)
        wrong += [
            f"{variant}: {method} differs"
            for method in answers
            if not same(answers[method], expected[method])
        ]
    assert not wrong, f"{len(wrong)} of {len(files)}:\n" + "\n".join(wrong)


def test_a_large_vocabulary(daemon: Daemon, client: loadlock.Client) -> None:
    model = next(model for model in models(words=10_000) if model.name == "tfidf")
    assert len(model.fitted.vocabulary_) == 10_000
    path = daemon.write("large.joblib", write_joblib(model.fitted, 4, "lz4"))
    loaded = client.load(path)
    path.unlink()
    assert loaded.vocabulary_ == model.fitted.vocabulary_
    assert same(loaded.transform(model.inputs), model.fitted.transform(model.inputs))


@pytest.mark.parametrize("typestr", [">i2", ">i4", ">u8", ">f4", ">f8", ">c16", ">U3", ">M8[s]", "<i4"])
@pytest.mark.parametrize("compressor", ["none", "zlib"])
def test_joblib_arrays_come_in_the_byte_order_that_joblib_gives(
    typestr: str, compressor: str, daemon: Daemon, client: loadlock.Client
) -> None:
    """Bytes swapped by the worker, of more than it swaps at a time; in a plain pickle, as numpy does."""
    arrays = [np.arange(size).reshape(-1, 5).astype(typestr, order="F") for size in (0, 5, 5000)]
    path = daemon.write("order.joblib", write_joblib(arrays, 4, compressor))
    for ours, theirs in zip(client.load(path), joblib.load(path), strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.dtype.isnative
        assert ours.flags.f_contiguous == theirs.flags.f_contiguous
        assert ours.tobytes() == theirs.tobytes()
    path.write_bytes(write_pickle(arrays, 4))
    for ours, theirs in zip(client.load(path), pickle.loads(path.read_bytes()), strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == theirs.tobytes()
    path.unlink()


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("writer", tampered.WRITERS)
def test_the_untouched_twin_is_accepted(name: str, writer: str, daemon: Daemon) -> None:
    """What the tampering writers make of an untouched model passes, so their edits decide."""
    report = daemon.stub.audit(tampered.dump(MODELS[name].fitted, {}, writer))
    assert report.verdict != REFUSED, errors(report)


def _groups() -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for found in tampered.cases():
        groups.setdefault(found.name.rsplit("-", 2)[0], []).append(found)
    return groups


TAMPERED = _groups()


@pytest.mark.parametrize("name", TAMPERED)
def test_tampering_is_refused(name: str, daemon: Daemon) -> None:
    for found in TAMPERED[name]:
        report = daemon.audit_bytes(found.data)
        assert report.verdict == REFUSED, found.name
        rules = error_rules(report)
        assert not found.rules or rules & found.rules, f"{found.name}: {errors(report)}"


def test_dangerous_settings_are_forced(daemon: Daemon, client: loadlock.Client, tmp_path: Path) -> None:
    """Not refused, but what the file said does not arrive."""
    for name, data, attribute, expected in tampered.forced():
        report = daemon.stub.audit(data)
        assert report.verdict != REFUSED, (name, report.findings)
        assert any(f.rule_id == "VALUE_FORCED" and f.severity == 1 for f in report.findings), name
        path = daemon.write("forced.joblib", data)
        assert getattr(client.load(path), attribute) == expected, name
        path.unlink()
