"""Models in several safetensors files: loaded by their index, from its own folder, or refused."""

from __future__ import annotations

import json
import pickle
import struct
from pathlib import Path
from typing import Any

import loadlock
import numpy as np
import pytest

from corpora import opcodes as op
from corpora.payloads import system

from .daemon import Daemon

INDEX = "model.safetensors.index.json"
X, Y = "model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"


@pytest.fixture
def client(daemon: Daemon) -> loadlock.Client:
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        yield client


def shard(**arrays: np.ndarray) -> bytes:
    header: dict[str, Any] = {}
    body = b""
    for name, array in arrays.items():
        end = len(body) + array.nbytes
        header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(body), end]}
        body += array.tobytes()
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


A, B, C = (np.arange(n, dtype="<f4").reshape(2, -1) for n in (4, 6, 8))
SHARDS = {X: shard(a=A, c=C), Y: shard(b=B)}
MAP = {"a": X, "b": Y, "c": X}


def write(daemon: Daemon, index: Any = None, **files: bytes) -> Path:
    for name, data in {**SHARDS, **files}.items():
        daemon.write(name, data)
    text = json.dumps(index if index is not None else {"metadata": {"total_size": 72}, "weight_map": MAP})
    return daemon.write(INDEX, text.encode())


def test_the_tensors_of_all_files_come_by_the_index(daemon: Daemon, client: loadlock.Client) -> None:
    path = write(daemon)
    loaded = client.load(path)
    assert list(loaded) == ["a", "b", "c"]
    for name, array in (("a", A), ("b", B), ("c", C)):
        np.testing.assert_array_equal(loaded[name], array)
    report = client.audit(path)
    assert report.accepted
    assert report.format == "safetensors-index"
    assert [finding.rule_id for finding in report.findings] == ["SHARDED"]


@pytest.mark.parametrize(
    "name",
    ["../outside.safetensors", "/etc/passwd", "sub/x.safetensors", "..\\x.safetensors", "x.bin", "", "..",
     "x.safetensors\0", "./" + X, "file:///x.safetensors"],
)  # fmt: skip
def test_no_name_leaves_the_folder(name: str, daemon: Daemon, client: loadlock.Client) -> None:
    path = write(daemon, {"weight_map": {**MAP, "evil": name}})
    with pytest.raises(loadlock.Refused) as refused:
        client.load(path)
    assert [finding.rule_id for finding in refused.value.findings] == ["SHARD_NAME"]


def test_each_file_is_vetted_as_itself(daemon: Daemon, client: loadlock.Client) -> None:
    path = write(daemon, **{Y: op.stream(system("/tmp/never"))})
    with pytest.raises(loadlock.Refused) as refused:
        client.load(path)
    assert "posix.system" in {finding.name for finding in refused.value.findings}


WRONG = {
    "more": shard(b=B, extra=A),
    "other": shard(other=B),
    "none": shard(),
    "a pickle": pickle.dumps({"b": B.tolist()}),
    "an index": json.dumps({"weight_map": MAP}).encode(),
}


@pytest.mark.parametrize("content", WRONG.values(), ids=WRONG)
def test_a_file_holds_what_the_index_says(content: bytes, daemon: Daemon, client: loadlock.Client) -> None:
    path = write(daemon, **{Y: content})
    with pytest.raises(loadlock.RebuildError, match="00002-of-00002"):
        client.load(path)


def test_a_missing_file_is_an_error(daemon: Daemon, client: loadlock.Client) -> None:
    path = write(daemon, {"weight_map": {**MAP, "d": "model-00003-of-00003.safetensors"}})
    with pytest.raises(loadlock.Error) as error:
        client.load(path)
    assert error.value.status == "NOT_FOUND"
