"""GGUF files: what is in them, bit for bit, or a refusal."""

from __future__ import annotations

import struct
from pathlib import Path

import loadlock
import numpy as np
import pytest

from corpora import gguf_files
from corpora.case import Case

from .daemon import ROOT, Daemon

# Made by the format's own Python package.
REAL = sorted((ROOT / "sandbox" / "formats" / "testdata").glob("gguf__*.bin"))


@pytest.fixture
def client(daemon: Daemon) -> loadlock.Client:
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        yield client


def test_values_and_tensors_are_those_of_the_file(daemon: Daemon, client: loadlock.Client) -> None:
    loaded = client.load(daemon.write("model.gguf", gguf_files.model().write()))
    metadata, tensors = loaded["metadata"], loaded["tensors"]
    assert metadata["general.name"] == "café"
    assert metadata["t.u64"] == 2**64 - 1
    assert metadata["t.i8"] == -5
    assert metadata["t.f32"] == 0.5
    assert metadata["t.flag"] is True
    np.testing.assert_array_equal(metadata["t.numbers"], np.array([1, -2, 3], "<i4"))
    assert metadata["t.numbers"].dtype == "<i4"
    assert metadata["t.nested"][0].tolist() == [7]
    assert metadata["t.nested"][1] == ["x"]
    assert metadata["tokenizer.ggml.tokens"] == ["<s>", "", "世"]
    np.testing.assert_array_equal(tensors["a.weight"], np.arange(6, dtype="f4").reshape(2, 3))
    assert tensors["a.bias"].tolist() == [1, -1, 2**62, 0]
    blocks = tensors["q.weight"]
    assert (blocks["type"], blocks["shape"]) == ("Q8_0", (2, 64))
    assert blocks["data"].shape == (2, 68)
    assert blocks["data"].tobytes() == bytes(range(136))


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.stem, marks=[pytest.mark.torch] * ("bfloat16" in path.stem))
        for path in REAL
    ],
)
def test_files_of_the_library_load(path: Path, daemon: Daemon, client: loadlock.Client) -> None:
    loaded = client.load(daemon.write("model.gguf", path.read_bytes()))
    assert loaded["metadata"]["general.architecture"] == "llama"
    assert loaded.get("byteorder", "little") == ("big" if "big_endian" in path.stem else "little")
    if path.stem in ("gguf__types", "gguf__big_endian"):
        for dtype in ("f4", "f2", "f8", "i1", "i2", "i4", "i8"):
            expected = np.arange(6, dtype=dtype).reshape(2, 3)
            np.testing.assert_array_equal(loaded["tensors"][f"w.{dtype}"], expected)
        metadata = loaded["metadata"]
        for bits in (8, 16, 32, 64):
            assert metadata[f"t.u{bits}"] == 2**bits - 1
            assert metadata[f"t.i{bits}"] == -(2 ** (bits - 1))
        assert (metadata["t.f32"], metadata["t.f64"], metadata["t.bool"]) == (0.5, 1e300, True)
        assert metadata["t.numbers"].tolist() == [1, 2, 3]
        assert [part.tolist() for part in metadata["t.nested"]] == [[1, 2], [3]]
    if path.stem in ("gguf__quantised", "gguf__big_endian_quantised"):
        for name, size in (("Q4_0", 18), ("Q5_1", 24), ("Q8_0", 34)):
            tensor = loaded["tensors"][name]
            assert (tensor["type"], tensor["shape"]) == (name, (2, 256))
            assert tensor["data"].shape == (2, 256 // 32 * size)


def test_big_endian_files_are_damaged_as_others(daemon: Daemon, client: loadlock.Client) -> None:
    good = next(path for path in REAL if path.stem == "gguf__big_endian").read_bytes()
    for where in range(8, 400, 3):
        for flip in (0x80, 0x15):
            data = bytearray(good)
            data[where] ^= flip
            report = client.audit(daemon.write("damaged.gguf", bytes(data)))
            assert report.accepted or report.findings
    # The same bytes with the version of the other order: their counts are 2^56 and more.
    report = client.audit(daemon.write("little.gguf", good.replace(b"\0\0\0\3", b"\3\0\0\0", 1)))
    assert [finding.rule_id for finding in report.findings] == ["TRUNCATED"]


@pytest.mark.torch
def test_bfloat16_is_a_tensor_of_torch(daemon: Daemon, client: loadlock.Client) -> None:
    import torch

    tensor = client.load(daemon.write("model.gguf", gguf_files.bfloat16()))["tensors"]["b.weight"]
    assert tensor.dtype == torch.bfloat16
    assert tensor.tolist() == [[1.0, 2.0, -0.5]]


def test_a_chat_template_is_reported(daemon: Daemon, client: loadlock.Client) -> None:
    path = daemon.write("model.gguf", gguf_files.with_template())
    report = client.audit(path)
    assert report.accepted
    (finding,) = report.findings
    assert finding.rule_id == "CHAT_TEMPLATE"
    assert finding.severity == loadlock.Severity.INFO
    assert "tokenizer.chat_template" in finding.object_path
    template = client.load(path)["metadata"]["tokenizer.chat_template"]
    assert template == "{{ cycler.__init__.__globals__ }}"


@pytest.mark.parametrize("hostile", list(gguf_files.hostile()), ids=lambda hostile: hostile.name)
def test_a_lax_file_is_refused(hostile: Case, daemon: Daemon, client: loadlock.Client) -> None:
    report = client.audit(daemon.write("model.gguf", hostile.data))
    assert not report.accepted
    assert report.format == "gguf"
    assert report.findings[0].rule_id in hostile.rules, report


def test_damage_is_refused_or_changes_values_only(daemon: Daemon, client: loadlock.Client) -> None:
    good = gguf_files.model().write()
    names = set(client.load(daemon.write("model.gguf", good))["tensors"])
    for where in range(0, len(good), 5):
        data = bytearray(good)
        data[where] ^= 0x15
        report = client.audit(daemon.write("damaged.gguf", bytes(data)))
        assert report.accepted or report.findings
    assert len(names) == 3


def test_a_vocabulary_of_200000_fits_the_budget(daemon: Daemon, client: loadlock.Client) -> None:
    tokens = [f"token{i}" for i in range(200_000)]
    values = b"".join(gguf_files.text(token) for token in tokens)
    scores = struct.pack(f"<{len(tokens)}f", *range(len(tokens)))
    file = gguf_files.File(
        [
            gguf_files.pair(
                "tokenizer.ggml.tokens",
                gguf_files.ARRAY,
                gguf_files.array(gguf_files.STRING, len(tokens), values),
            ),
            gguf_files.pair(
                "tokenizer.ggml.scores",
                gguf_files.ARRAY,
                gguf_files.array(gguf_files.F32, len(tokens), scores),
            ),
        ]
    )
    metadata = client.load(daemon.write("vocabulary.gguf", file.write()))["metadata"]
    assert metadata["tokenizer.ggml.tokens"] == tokens
    assert metadata["tokenizer.ggml.scores"].tolist() == list(range(len(tokens)))
