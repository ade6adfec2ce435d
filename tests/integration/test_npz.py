""".npz archives: the arrays that numpy reads from them, or a refusal."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable

import loadlock
import numpy as np
import pytest

from corpora import opcodes as op
from corpora.payloads import system

from .daemon import Daemon

ARRAYS = {
    "plain": np.arange(12.0).reshape(3, 4),
    "fortran": np.asfortranarray(np.arange(6, dtype="i2").reshape(2, 3)),
    "text": np.array(["a", "bc"]),
    "record": np.array([(1, 2.5)], dtype=[("x", "i4"), ("y", "f8")]),
    "empty": np.zeros((0, 3)),
    "scalar": np.array(7),
}


@pytest.fixture
def client(daemon: Daemon) -> loadlock.Client:
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        yield client


def saved(save: Callable[..., None], **arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    save(out, **arrays)
    return out.getvalue()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_are_those_of_numpy(
    save: Callable[..., None], daemon: Daemon, client: loadlock.Client
) -> None:
    loaded = client.load(daemon.write("arrays.npz", saved(save, **ARRAYS)))
    assert list(loaded) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
        assert loaded[name].flags.f_contiguous == array.flags.f_contiguous
        np.testing.assert_array_equal(loaded[name], array)


def test_a_pickle_in_a_member_is_vetted_as_any(daemon: Daemon, client: loadlock.Client) -> None:
    """numpy.load(allow_pickle=True) would run it."""
    header = saved(np.savez, x=np.empty(1, object))
    with zipfile.ZipFile(io.BytesIO(header)) as archive:
        npy = archive.read("x.npy")
    evil = npy[: npy.index(b"\n") + 1] + op.stream(system("/tmp/never"))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("x.npy", evil)
    report = client.audit(daemon.write("evil.npz", out.getvalue()))
    assert "posix.system" in {finding.name for finding in report.findings}
    assert report.findings[0].member_path == "x.npy"


def test_damage_is_refused(daemon: Daemon, client: loadlock.Client) -> None:
    good = saved(np.savez_compressed, x=np.arange(100))
    for where in range(0, len(good), 7):
        data = bytearray(good)
        data[where] ^= 0x55
        path = daemon.write("damaged.npz", bytes(data))
        report = client.audit(path)
        if report.accepted:
            np.testing.assert_array_equal(client.load(path)["x"], np.arange(100))
