"""`loadlock.shim()`: existing code loads through the daemon, and nothing is unpickled."""

from __future__ import annotations

import gzip
import io
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import joblib
import joblib.numpy_pickle
import loadlock
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from corpora import opcodes as op
from corpora import payloads

from .daemon import Daemon

REAL = (pickle.load, pickle.loads, joblib.load, joblib.numpy_pickle.load)
MODULES = ("pickle", "joblib")
DATA = {"name": "x", "values": [1, 2.5, None], "array": np.arange(6.0).reshape(2, 3)}


def standing() -> tuple[Any, ...]:
    return (pickle.load, pickle.loads, joblib.load, joblib.numpy_pickle.load)


@pytest.fixture
def address(daemon: Daemon) -> Iterator[str]:
    yield f"unix:{daemon.socket}"
    assert standing() == REAL, "something was not put back"


def same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)


@pytest.fixture(scope="module")
def model() -> LogisticRegression:
    rows = np.random.default_rng(0).normal(size=(40, 3))
    return LogisticRegression().fit(rows, rows[:, 0] > 0)


def test_existing_code_loads_through_the_daemon(
    address: str, daemon: Daemon, model: LogisticRegression
) -> None:
    rows = np.random.default_rng(1).normal(size=(9, 3))
    for name, kwargs in {"plain": {}, "zlib": {"compress": 3}, "gzip": {"compress": ("gzip", 3)}}.items():
        path = daemon.root / f"{name}.joblib"
        joblib.dump(model, path, **kwargs)
        with loadlock.shim(address=address, modules=MODULES):
            by_path = joblib.load(path)
            by_text = joblib.load(str(path), mmap_mode=None)
            with path.open("rb") as file:
                by_file = joblib.load(file)
        for made in (by_path, by_text, by_file):
            assert (made.predict_proba(rows) == model.predict_proba(rows)).all()
    pickled = pickle.dumps(DATA)
    path = daemon.write("data.pkl", pickled)
    with loadlock.shim(address=address, modules=MODULES):
        assert same(pickle.loads(pickled), DATA)
        assert same(pickle.loads(bytearray(pickled)), DATA)
        assert same(pickle.loads(memoryview(pickled), fix_imports=True, encoding="ASCII", buffers=None), DATA)
        assert same(pickle.load(io.BytesIO(pickled)), DATA)
        with path.open("rb") as file:
            assert same(pickle.load(file), DATA)
        with gzip.open(io.BytesIO(gzip.compress(pickled))) as file:
            assert same(pickle.load(file), DATA)
        # From where the file stands.
        file = io.BytesIO(b"header" + pickled)
        file.seek(6)
        assert same(pickle.load(file), DATA)


def test_large_content_is_sent_in_parts(address: str) -> None:
    data = {"array": np.arange(500_000.0), "more": np.ones((1000, 100))}
    with loadlock.shim(address=address, modules=MODULES):
        made = pickle.loads(pickle.dumps(data))
    assert all((made[key] == data[key]).all() for key in data)
    made["array"][0] = 5.0


def test_hostile_content_is_refused_and_does_not_run(address: str, daemon: Daemon, canary: Path) -> None:
    data = op.stream(payloads.system(str(canary)))
    path = daemon.write("hostile.pkl", data)
    with loadlock.shim(address=address, modules=MODULES):
        for load in (
            lambda: pickle.loads(data),
            lambda: pickle.load(io.BytesIO(data)),
            lambda: joblib.load(path),
            lambda: joblib.load(io.BytesIO(data)),
        ):
            with pytest.raises(loadlock.Refused) as refused:
                load()
            assert refused.value.findings[0].name == "posix.system"


@pytest.mark.parametrize(
    "arguments",
    [
        {"encoding": "latin1"},
        {"encoding": "bytes"},
        {"errors": "ignore"},
        {"fix_imports": False},
        {"buffers": [b"x"]},
        {"unknown": None},
    ],
    ids=lambda arguments: str(*arguments),
)
def test_arguments_that_change_the_meaning_are_refused(arguments: dict[str, Any], address: str) -> None:
    with loadlock.shim(address=address, modules=MODULES):
        with pytest.raises(TypeError, match="loadlock"):
            pickle.loads(pickle.dumps(1), **arguments)
        with pytest.raises(TypeError, match="loadlock"):
            pickle.load(io.BytesIO(pickle.dumps(1)), **arguments)


def test_what_cannot_be_read_is_refused(address: str, daemon: Daemon) -> None:
    path = daemon.write("one.pkl", pickle.dumps(1, 0))
    arrays = daemon.write("arrays.npy", b"")
    np.save(arrays, np.arange(3))
    with loadlock.shim(address=address, modules=MODULES):
        for file in (io.StringIO("text"), str(path), path, 7, None):
            with pytest.raises(TypeError, match="loadlock"):
                pickle.load(file)  # type: ignore[arg-type]
        for data in ("text", 7, None):
            with pytest.raises(TypeError, match="loadlock"):
                pickle.loads(data)  # type: ignore[arg-type]
        for bad in (bytes(path), 7):
            with pytest.raises(TypeError, match="loadlock"):
                joblib.load(bad)
        with pytest.raises(TypeError, match="mmap_mode"):
            joblib.load(path, mmap_mode="r")
        # What the function itself does not read, though the daemon could.
        with pytest.raises(loadlock.Error, match="another format"):
            joblib.load(arrays)
        with pytest.raises(loadlock.Error, match="another format"):
            pickle.loads(arrays.read_bytes())
        with pytest.raises(loadlock.Refused):
            pickle.loads(pickle.dumps(1) + pickle.dumps(2))


def test_it_is_put_back_after_an_exception(address: str) -> None:
    def fails() -> None:
        with loadlock.shim(address=address, modules=MODULES):
            assert standing()[0] is not REAL[0]
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert standing() == REAL
    # A block that cannot begin leaves nothing behind.
    with pytest.raises(ValueError, match="none of"), loadlock.shim(modules=["shelve"]):
        pass
    assert standing() == REAL
    context = loadlock.shim(address=address, modules=MODULES)
    assert standing() == REAL, "nothing is replaced before the block"
    with context:
        assert standing()[0] is not REAL[0]


def test_blocks_may_overlap_if_they_say_the_same(address: str) -> None:
    with loadlock.shim(address=address, modules=MODULES):
        ours = standing()
        with loadlock.shim(address=address, modules=MODULES):
            assert standing() == ours
        assert standing() == ours
        with (
            pytest.raises(loadlock.Error, match="other settings"),
            loadlock.shim(address=address, policy="numpy", modules=MODULES),
        ):
            pass
        assert standing() == ours
    assert standing() == REAL


def test_the_policy_is_the_one_that_is_named(address: str, daemon: Daemon, model: LogisticRegression) -> None:
    path = daemon.write("model.pkl", pickle.dumps(model))
    with loadlock.shim(address=address, policy="numpy", modules=MODULES), pytest.raises(loadlock.Refused):
        joblib.load(path)


def test_threads(address: str) -> None:
    failed: list[BaseException] = []

    def work(number: int) -> None:
        try:
            for round_ in range(10):
                with loadlock.shim(address=address, modules=MODULES):
                    assert standing()[0] is not REAL[0]
                    assert pickle.loads(pickle.dumps([number, round_])) == [number, round_]
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert standing() == REAL


def test_what_others_replaced_meanwhile_stays(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = lambda data: data  # noqa: E731
    with loadlock.shim(address=address, modules=MODULES):
        monkeypatch.setattr(pickle, "loads", theirs)
    assert pickle.loads is theirs
    assert pickle.load is REAL[0]
    monkeypatch.undo()
    pickle.loads = REAL[1]


TRAP = """
import io, sys
import joblib, joblib.numpy_pickle, numpy, pickle
import sklearn.linear_model
import loadlock

def sprung(*args, **kwargs):
    raise SystemExit("something was unpickled")

address, path = sys.argv[1:]
content = open(path, "rb").read()
plain = pickle.dumps({"a": numpy.arange(3.0)})
for module in (pickle, sys.modules["_pickle"], joblib, joblib.numpy_pickle):
    for name in ("Unpickler", "load", "loads", "_Unpickler", "_load", "_loads", "NumpyUnpickler",
                 "_unpickle", "load_temporary_memmap"):
        if hasattr(module, name):
            setattr(module, name, sprung)
with loadlock.shim(address=address, modules=("pickle", "joblib")):
    for model in (joblib.load(path), joblib.load(io.BytesIO(content))):
        assert model.predict([[1.0, 2.0, 3.0]]).shape == (1,)
    assert pickle.loads(plain)["a"].tolist() == [0.0, 1.0, 2.0]
    assert pickle.load(io.BytesIO(plain))["a"].tolist() == [0.0, 1.0, 2.0]
assert pickle.loads is sprung and joblib.load is sprung
print("nothing was unpickled")
"""


def test_nothing_is_unpickled(address: str, daemon: Daemon, model: LogisticRegression) -> None:
    path = daemon.root / "trap.joblib"
    joblib.dump(model, path)
    done = subprocess.run(
        [sys.executable, "-c", TRAP, address, str(path)], capture_output=True, text=True, check=False
    )
    assert done.stdout == "nothing was unpickled\n", done.stderr


@pytest.mark.torch
def test_torch(address: str, daemon: Daemon) -> None:
    import torch

    real = torch.load
    weights = {"w": torch.arange(6.0).reshape(2, 3), "b": torch.ones(2)}
    path = daemon.root / "weights.pt"
    torch.save(weights, path)
    with loadlock.shim(address=address, modules=("torch",)):
        for made in (
            torch.load(path, map_location="cpu", weights_only=False),
            torch.load(io.BytesIO(path.read_bytes()), weights_only=True),
        ):
            assert all(torch.equal(made[key], weights[key]) for key in weights)
        for arguments in (
            {"map_location": {"cuda:0": "cpu"}},
            {"map_location": lambda storage, _: storage},
            {"mmap": True},
            {"pickle_module": pickle},
            {"encoding": "latin1"},
        ):
            with pytest.raises(TypeError, match="loadlock"):
                torch.load(path, **arguments)
    assert torch.load is real
