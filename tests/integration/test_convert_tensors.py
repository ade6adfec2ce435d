"""Checkpoints become safetensors: in one file or several, with little memory, whole or not at all."""

from __future__ import annotations

import json
import os
import pickle
import pty
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import loadlock
import numpy as np
import pytest

from corpora import opcodes as op
from corpora import torch_write

from .daemon import Daemon

MIB = 1 << 20
LARGE = 96 * MIB


@pytest.fixture
def address(daemon: Daemon) -> str:
    return f"unix:{daemon.socket}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "out"
    made.mkdir()
    return made


def files_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


ARRAYS = {f"layer{i}.w": np.arange(100.0 * i, 100.0 * i + 100).reshape(10, 10) for i in range(5)}
SHARDS = {f"model-0000{i}-of-00003.safetensors" for i in (1, 2, 3)}
INDEX = "model.safetensors.index.json"


@pytest.fixture
def source(daemon: Daemon) -> Iterator[Path]:
    path = daemon.write("arrays.pkl", pickle.dumps(ARRAYS))
    yield path
    path.unlink()


def test_several_files_and_their_index(source: Path, folder: Path, address: str, daemon: Daemon) -> None:
    written = loadlock.convert(source, folder / "model.safetensors", max_shard_size="2KB", address=address)
    assert written == folder / INDEX
    assert files_in(folder) == {*SHARDS, INDEX}
    index = json.loads(written.read_text())
    assert index["metadata"] == {"total_size": sum(array.nbytes for array in ARRAYS.values())}
    assert list(index["weight_map"]) == sorted(ARRAYS)
    assert set(index["weight_map"].values()) == SHARDS
    assert len({path.stat().st_mode for path in folder.iterdir()}) == 1
    moved = [daemon.write(path.name, path.read_bytes()) for path in folder.iterdir()]
    with loadlock.Client(address) as client:
        loaded = client.load(daemon.root / INDEX, tensors="numpy")
    assert loaded.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(loaded[name], array)
    for path in moved:
        path.unlink()


def test_one_file_if_all_fit(source: Path, folder: Path, address: str) -> None:
    target = folder / "model.safetensors"
    assert loadlock.convert(source, target, max_shard_size=10**6, address=address) == target
    assert files_in(folder) == {target.name}


def test_files_that_are_there_are_not_replaced(source: Path, folder: Path, address: str) -> None:
    for name in (INDEX, "model-00003-of-00003.safetensors"):
        (folder / name).write_text("mine")
        with pytest.raises(loadlock.Error, match="EXISTS"):
            loadlock.convert(source, folder / "model.safetensors", max_shard_size=2000, address=address)
        assert files_in(folder) == {name}
        (folder / name).unlink()


@pytest.mark.parametrize("at", range(5))
def test_interrupted_at_any_tensor_nothing_is_left(at: int, source: Path, folder: Path, address: str) -> None:
    calls: list[tuple[int, int]] = []

    def progress(done: int, total: int) -> None:
        calls.append((done, total))
        if done > at * 800:
            raise KeyboardInterrupt

    for most in (None, 2000):
        with pytest.raises(KeyboardInterrupt):
            loadlock.convert(
                source, folder / "model.safetensors", max_shard_size=most, progress=progress, address=address
            )
        assert calls[-1] == ((at + 1) * 800, 4000)
        assert not files_in(folder)


def test_a_full_disk_leaves_nothing(source: Path, folder: Path, address: str) -> None:
    """The first of two files fits below the limit, the second does not."""
    command = [
        sys.executable,
        "-m",
        "loadlock",
        "convert",
        str(source),
        "-o",
        str(folder / "model.safetensors"),
    ]

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))

    done = subprocess.run(
        [*command, "--max-shard-size", "3200"],
        env={**os.environ, "LOADLOCK_ADDRESS": address},
        preexec_fn=limited, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2, done
    assert "File too large" in done.stderr
    assert not files_in(folder)


def convert(source: Path, target: Path, address: str, *options: str, **streams: Any) -> int:
    command = [sys.executable, "-m", "loadlock", "convert", str(source), "-o", str(target), *options]
    environment = {**os.environ, "LOADLOCK_ADDRESS": address}
    return subprocess.run(command, env=environment, check=False, **streams).returncode


def test_a_bar_for_terminals_only(source: Path, folder: Path, address: str) -> None:
    mine, its = pty.openpty()
    assert convert(source, folder / "a.safetensors", address, stderr=its, stdout=subprocess.DEVNULL) == 0
    os.close(its)
    shown = os.read(mine, 4096).decode()
    os.close(mine)
    assert "[##############################] 100%" in shown
    assert shown.endswith("\r")
    with (folder / "log").open("wb") as log:
        assert convert(source, folder / "b.safetensors", address, stderr=log, stdout=subprocess.DEVNULL) == 0
    assert (folder / "log").read_bytes() == b""


def test_sizes_that_are_none(source: Path, folder: Path, address: str) -> None:
    for size in ("0", "-1", "1PB", "GB", "5 G B", "9" * 20, "٣GB"):
        assert convert(
            source, folder / "x.safetensors", address, f"--max-shard-size={size}", stderr=subprocess.DEVNULL
        ) == 2  # fmt: skip
    assert not files_in(folder)


# Reports the growth of the most memory that the process ever had.
CHILD = """
import sys, loadlock, numpy

def peak():
    status = open("/proc/self/status").read()
    return int(status.split("VmHWM:")[1].split()[0]) << 10

source, target, address, most = sys.argv[1:]
small = source.replace("large", "small")
loadlock.convert(small, target + ".small.safetensors", address=address)
before = peak()
loadlock.convert(source, target, address=address, max_shard_size=int(most) or None)
print(peak() - before)
"""


def checkpoint(kind: str, size: int) -> tuple[bytes, list[bytes]]:
    """A file of one tensor of float32 as it lies and one that is turned, of 3/4 and 1/4 of the bytes;
    and what is to be written of the two."""
    data = np.random.default_rng(1).integers(0, 255, size, np.uint8).tobytes()
    first, rows = 3 * size // 16, size // 64
    storage = torch_write.storage if kind == "zip" else torch_write.legacy_storage
    held = storage(count=size // 4)
    views = {
        "whole": torch_write.v2(held, 0, (first,), (1,)),
        "turned": torch_write.v2(held, first, (4, rows), (1, 4)),
    }
    fragment = op.Raw(op.value(views))
    turned = np.frombuffer(data[4 * first :], "<u4").reshape(-1, 4).T.tobytes()
    if kind == "zip":
        return torch_write.torch_zip(fragment, {"0": data}), [data[: 4 * first], turned]
    return torch_write.torch_legacy(fragment, {"0": (size // 4, data)}), [data[: 4 * first], turned]


@pytest.mark.parametrize("most", [0, LARGE // 2])
@pytest.mark.parametrize("kind", ["zip", "legacy"])
def test_memory_does_not_grow_with_the_file(kind: str, most: int, folder: Path, tmp_path: Path) -> None:
    data, (whole, turned) = checkpoint(kind, LARGE)
    target = folder / "model.safetensors"
    with Daemon("--state-dir", str(tmp_path / "state")) as daemon:
        large = daemon.write("large.pt", data)
        daemon.write("small.pt", checkpoint(kind, 2 * MIB)[0])
        command = [sys.executable, "-c", CHILD, large, target, f"unix:{daemon.socket}", str(most)]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=True)
    assert int(done.stdout) < LARGE / 3, f"grew by {int(done.stdout) / MIB:.0f} MiB"
    if most:
        names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
        for name, body in zip(names, (whole, turned), strict=True):
            assert (folder / name).read_bytes().endswith(body)
    else:
        assert target.read_bytes().endswith(turned + whole)
