"""safetensors files: the arrays that are in them, bit for bit, or a refusal."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import joblib
import loadlock
import numpy as np
import pytest

from .daemon import ROOT, Daemon

TESTDATA = ROOT / "sandbox" / "formats" / "testdata"
# Made by torch and the safetensors library.
REAL = sorted(TESTDATA.glob("safetensors__*.bin"))
NUMPY = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4", "I32": "<i4",
    "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8", "C64": "<c8",
}  # fmt: skip


@pytest.fixture
def client(daemon: Daemon) -> loadlock.Client:
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        yield client


def read(data: bytes) -> dict[str, np.ndarray]:
    """By the format's own description."""
    (length,) = struct.unpack("<Q", data[:8])
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    header.pop("__metadata__", None)
    return {
        name: np.frombuffer(body[slice(*entry["data_offsets"])], NUMPY[entry["dtype"]]).reshape(
            entry["shape"]
        )
        for name, entry in header.items()
    }


def file_of(header: dict[str, object], body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


@pytest.mark.parametrize("path", REAL, ids=lambda path: path.stem)
def test_real_files_load_as_they_are(path: Path, daemon: Daemon, client: loadlock.Client) -> None:
    data = path.read_bytes()
    loaded = client.load(daemon.write("model.safetensors", data))
    expected = read(data)
    assert list(loaded) == list(expected)
    for name, array in expected.items():
        assert loaded[name].dtype == array.dtype
        assert loaded[name].shape == array.shape
        assert loaded[name].tobytes() == array.tobytes()


def test_what_convert_writes_is_read_again(daemon: Daemon, tmp_path: Path) -> None:
    arrays = {"weight": np.arange(12.0).reshape(3, 4), "empty": np.zeros((0, 5), "i4"), "scalar": np.array(7)}
    source, target = tmp_path / "a.joblib", tmp_path / "a.safetensors"
    joblib.dump(arrays, source)
    address = f"unix:{daemon.socket}"
    loadlock.convert(daemon.write("a.joblib", source.read_bytes()), target, address=address)
    with loadlock.Client(address) as client:
        loaded = client.load(daemon.write("a.safetensors", target.read_bytes()))
    assert set(loaded) == set(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(loaded[name], array)


@pytest.mark.torch
@pytest.mark.parametrize(
    ("dtype", "name", "raw", "values"),
    [
        ("BF16", "bfloat16", b"\x80\x3f\x00\x40\x00\xbf", [1.0, 2.0, -0.5]),
        ("F8_E4M3", "float8_e4m3fn", b"\x38\x40\xb0", [1.0, 2.0, -0.5]),
        ("F8_E5M2", "float8_e5m2", b"\x3c\x40\xb8", [1.0, 2.0, -0.5]),
    ],
)
def test_what_numpy_has_not_is_a_tensor_of_torch(
    dtype: str, name: str, raw: bytes, values: list[float], daemon: Daemon, client: loadlock.Client
) -> None:
    import torch

    path = daemon.write("model.safetensors", file_of({"a": entry(dtype, [3, 1], 0, len(raw))}, raw))
    if not hasattr(torch, name):  # 1.13 has no float8
        with pytest.raises(loadlock.RebuildError, match=name):
            client.load(path)
        return
    tensor = client.load(path)["a"]
    assert tensor.dtype == getattr(torch, name)
    assert tensor.shape == (3, 1)
    assert tensor.float().flatten().tolist() == values


@pytest.mark.parametrize("dtype", ["F6_E2M3", "F6_E3M2"])
def test_what_no_library_has_is_its_bytes(dtype: str, daemon: Daemon, client: loadlock.Client) -> None:
    header = {"a": entry(dtype, [2, 4], 0, 6), "b": entry("U8", [1], 6, 7)}
    path = daemon.write("model.safetensors", file_of(header, b"abcdefg"))
    loaded = client.load(path, tensors="numpy")
    assert (loaded["a"]["type"], loaded["a"]["shape"]) == (dtype, (2, 4))
    assert loaded["a"]["data"].tobytes() == b"abcdef"
    assert loaded["b"].tobytes() == b"g"
    with pytest.raises(loadlock.RebuildError, match="'a' is no tensor"):
        client.load_state_dict(path)


def a_length_like(other: int) -> bytes:
    """A good file whose first bytes are those of another format."""
    header = json.dumps({"a": entry("U8", [1], 0, 1)}).encode()
    return struct.pack("<Q", other) + header.ljust(other) + b"x"


@pytest.mark.parametrize("length", [0x58, 0x70, 0x78, 0x80, 0x9C78, 0x940480, 0x088B1F, 0x120708], ids=hex)
def test_a_length_is_no_other_format(length: int, daemon: Daemon, client: loadlock.Client) -> None:
    loaded = client.load(daemon.write("model.safetensors", a_length_like(length)))
    assert loaded["a"].tobytes() == b"x"


def test_a_file_made_for_two_readers_is_refused(daemon: Daemon, client: loadlock.Client) -> None:
    """To pickle.load it is a text of 4,096 bytes and then a call, to others a header in braces."""
    length = 0x100058
    evil = b'cposix\nsystem\n(S"true"\ntR.'
    header = bytearray(b"{" + b" " * (length - 2) + b"}")
    at = 5 + 0x1000 - 8
    header[at : at + len(evil)] = evil
    report = client.audit(daemon.write("model.safetensors", struct.pack("<Q", length) + header))
    (finding,) = report.findings
    assert finding.rule_id == "UNKNOWN_FORMAT"
    assert "safetensors and as pickle" in finding.message


HOSTILE = {
    "gap": (file_of({"a": entry("U8", [1], 1, 2)}, b"xx"), "ARRAY_BOUNDS"),
    "overlap": (file_of({"a": entry("U8", [2], 0, 2), "b": entry("U8", [2], 1, 3)}, b"xxx"), "ARRAY_BOUNDS"),
    "past the end": (file_of({"a": entry("F64", [4], 0, 32)}, b"x" * 31), "TRUNCATED"),
    "more than the shape": (file_of({"a": entry("F64", [1], 0, 16)}, b"x" * 16), "ARRAY_BOUNDS"),
    "overflow": (file_of({"a": entry("F64", [2**61, 8], 0, 0)}, b""), "ARRAY_BOUNDS"),
    "trailing": (file_of({"a": entry("U8", [1], 0, 1)}, b"x\x80\x04N."), "TRAILING_DATA"),
    "twice": (
        file_of({"a": entry("U8", [1], 0, 1), "b": entry("U8", [1], 0, 1)}, b"x").replace(b'"b"', b'"a"'),
        "DUPLICATE_KEY",
    ),
    "no such type": (file_of({"a": entry("F6_E4M1", [4], 0, 3)}, b"xxx"), "DTYPE"),
    "part of a byte": (file_of({"a": entry("F6_E2M3", [3], 0, 3)}, b"xxx"), "ARRAY_BOUNDS"),
    "half a byte": (file_of({"a": entry("F4", [3], 0, 2)}, b"xx"), "ARRAY_BOUNDS"),
    "less than bfloat16": (file_of({"a": entry("BF16", [2], 0, 2)}, b"xx"), "ARRAY_BOUNDS"),
    "unknown field": (file_of({"a": entry("U8", [1], 0, 1) | {"code": "x"}}, b"x"), "MALFORMED"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_lax_file_is_refused(name: str, daemon: Daemon, client: loadlock.Client) -> None:
    data, rule = HOSTILE[name]
    report = client.audit(daemon.write("model.safetensors", data))
    assert [finding.rule_id for finding in report.findings] == [rule]
    assert report.findings[0].byte_offset is not None
