"""Files of the newest torch where no torch is: as numpy's arrays, and converted from their bytes."""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import loadlock
import numpy as np
import pytest

from .daemon import Daemon

FOLDER = Path(__file__).parents[1] / "corpora" / "torch2"
MANIFEST = [json.loads(line) for line in (FOLDER / "manifest.jsonl").read_text().splitlines()]
# A reader that maps it would take the compressed bytes for data, so it is refused.
DEFLATED = "state_dict-linear.rezipped.pt"
STATE_DICTS = [
    entry["path"]
    for entry in MANIFEST
    if entry["path"].startswith("state_dict-")
    and entry["format"] in ("torch-zip", "torch-legacy")
    and entry["path"] != DEFLATED
]
# Element types, as the manifest names them, that numpy has.
INTEGERS = [f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)]
OTHERS = ["bool", "complex64", "complex128", "float16", "float32", "float64"]
IN_NUMPY = {f"torch.{name}" for name in INTEGERS + OTHERS}


@pytest.fixture(scope="module")
def client(daemon: Daemon) -> Iterator[loadlock.Client]:
    with loadlock.Client(f"unix:{daemon.socket}") as connected:
        yield connected


def plain(entry: dict[str, Any]) -> bool:
    """Whether numpy can have all of it."""
    tensors = entry["tensors"]
    return bool(tensors) and all(
        said["layout"] == "torch.strided"
        and said["device"] == "cpu"
        and said["dtype"] in IN_NUMPY
        and "sha256" in said
        for said in tensors
    )


BEGINNINGS = (
    "state_dict-",
    "view",
    "shapes",
    "channels",
    "parameters",
    "bare-tensor",
    "rng-state",
    "complex",
)
WITH_ARRAYS = [
    entry["path"]
    for entry in MANIFEST
    if plain(entry) and entry["path"].startswith(BEGINNINGS) and entry["path"] != DEFLATED
]


def walk(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Arrays by the names that the manifest gives them."""
    if isinstance(value, np.ndarray):
        yield name, value
    elif isinstance(value, (dict, list, tuple)):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from walk(f"{name}.{key}" if name else str(key), part)


@pytest.mark.parametrize("name", WITH_ARRAYS)
def test_tensors_as_arrays(name: str, daemon: Daemon, client: loadlock.Client) -> None:
    entry = next(entry for entry in MANIFEST if entry["path"] == name)
    path = daemon.write(name, (FOLDER / name).read_bytes())
    found = dict(walk("", client.load(path, tensors="numpy")))
    path.unlink()
    for said in entry["tensors"]:
        array = found[said["name"]]
        assert list(array.shape) == said["shape"]
        assert str(array.dtype) == said["dtype"].removeprefix("torch.")
        assert hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest() == said["sha256"]


def read(data: bytes) -> dict[str, tuple[str, list[int], bytes]]:
    """A safetensors file by the format's own description."""
    (length,) = struct.unpack_from("<Q", data)
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    return {
        name: (entry["dtype"], entry["shape"], body[slice(*entry["data_offsets"])])
        for name, entry in header.items()
    }


@pytest.mark.parametrize("name", STATE_DICTS)
def test_converted_from_bytes_as_the_real_library_writes_it(name: str, daemon: Daemon) -> None:
    path = daemon.write(name, (FOLDER / name).read_bytes())
    target = path.with_suffix(".safetensors")
    loadlock.convert(path, target, address=f"unix:{daemon.socket}")
    ours = read(target.read_bytes())
    path.unlink()
    target.unlink()
    entry = next(entry for entry in MANIFEST if entry["path"] == name)
    theirs = FOLDER / f"{entry['estimator']}.safetensors"
    if theirs.exists():
        assert ours == read(theirs.read_bytes())
    for said in entry["tensors"]:
        short = said["name"].removeprefix("state_dict.")
        assert hashlib.sha256(ours[short][2]).hexdigest() == said["sha256"]
