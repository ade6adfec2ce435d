"""Pickles become skops files without running them; what is left behind is whole or nothing."""

from __future__ import annotations

import os
import pickle
import struct
import subprocess
import sys
import warnings
from pathlib import Path

import loadlock
import numpy as np
import pytest
import skops.io

from corpora import opcodes as op
from corpora.models import models, same, write_joblib
from corpora.payloads import system

from .daemon import Daemon

pytestmark = pytest.mark.models
MODELS = {model.name: model for model in models()}


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def address(daemon: Daemon) -> str:
    return f"unix:{daemon.socket}"


# What skops cannot write: the ring of leaves of Birch, distributions of scipy; numpy.matrix.
UNWRITTEN = ("birch", "bisecting-sparse", "random")


@pytest.mark.parametrize("name", [name for name in MODELS if name not in UNWRITTEN])
def test_a_joblib_file_becomes_a_skops_file(
    name: str, daemon: Daemon, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MODELS[name]
    source = daemon.write(f"{name}.joblib", write_joblib(model.fitted, 4, "zlib"))
    target = source.with_suffix(".skops")

    def trap(*args: object, **kwargs: object) -> None:
        raise AssertionError("something unpickled")

    for what in ("load", "loads", "Unpickler", "_Unpickler"):
        monkeypatch.setattr(pickle, what, trap)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert loadlock.convert(source, target, address=address) == target
    untrusted = skops.io.get_untrusted_types(file=target)
    assert all(
        name.startswith(("sklearn.", "scipy.", "numpy.", "functools.partial")) for name in untrusted
    ), untrusted
    expected = model.answers(model.fitted)
    answers = model.answers(skops.io.load(target, trusted=untrusted))
    assert not [method for method in answers if not same(answers[method], expected[method])]
    source.unlink()
    target.unlink()


@pytest.mark.parametrize("protocol", [0, 1])
def test_an_old_skops_file_is_brought_up_in_its_place(protocol: int, daemon: Daemon, address: str) -> None:
    old = Path(__file__).parents[1] / "corpora" / "skops" / f"plain_protocol{protocol}.skops"
    path = daemon.write("old.skops", old.read_bytes())
    path.chmod(0o640)
    loadlock.convert(path, path, address=address)
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.read_bytes() != old.read_bytes()
    new = skops.io.load(path, trusted=skops.io.get_untrusted_types(file=path))
    assert new["shared1"] is new["shared2"]
    assert new["big"] == 2**80
    path.unlink()


def test_arrays_become_safetensors(daemon: Daemon, address: str) -> None:
    arrays = {"a": np.arange(6.0).reshape(2, 3), "é": np.array([True, False]), "big": np.array([1, 2], ">i4")}
    source = daemon.write("arrays.pkl", pickle.dumps(arrays))
    target = source.with_suffix(".safetensors")
    loadlock.convert(source, target, address=address)
    data = target.read_bytes()
    (length,) = struct.unpack_from("<Q", data)
    import json

    header = json.loads(data[8 : 8 + length])
    assert length % 8 == 0
    for name, array in arrays.items():
        begin, end = header[name]["data_offsets"]
        raw = data[8 + length + begin : 8 + length + end]
        native = array.astype(array.dtype.newbyteorder("<"))
        assert header[name]["shape"] == list(array.shape)
        assert raw == native.tobytes()
    assert {header[name]["dtype"] for name in arrays} == {"F64", "BOOL", "I32"}
    source.unlink()
    target.unlink()


def run(*arguments: object, address: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "loadlock", "convert", *map(str, arguments)]
    environment = {**os.environ, "LOADLOCK_ADDRESS": address}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_exit_codes_and_nothing_left_behind(daemon: Daemon, address: str, canary: Path) -> None:
    good = daemon.write("good.pkl", pickle.dumps({"a": [1, 2]}))
    folder = good.parent
    evil = daemon.write("evil.pkl", op.stream(system(str(canary))))
    before = files_in(folder)
    refused = run(evil, "-o", folder / "evil.skops", address=address)
    assert refused.returncode == 1
    assert "posix.system" in refused.stderr
    unfit = run(good, "-o", folder / "good.safetensors", address=address)
    assert unfit.returncode == 1
    assert "'a' is a builtins.list" in unfit.stderr
    assert run(folder / "none.pkl", "-o", folder / "x.skops", address=address).returncode == 2
    assert run(good, "-o", folder / "x.txt", address=address).returncode == 2
    assert run(good, "-o", folder / "no" / "x.skops", address=address).returncode == 2
    assert files_in(folder) == before
    assert not canary.exists()
    written = run(good, "-o", folder / "good.skops", address=address)
    assert written.returncode == 0, written.stderr
    assert files_in(folder) == before | {"good.skops"}
    for name in ("good.pkl", "good.skops", "evil.pkl"):
        (folder / name).unlink()
