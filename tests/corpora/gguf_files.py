"""GGUF files, written by the format's description: good ones, and each lie that a header can tell."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from .case import Case, case

U8, I8, U16, I16, U32, I32, F32, BOOL, STRING, ARRAY, U64, I64, F64 = range(13)
TYPE_F32, TYPE_F16, TYPE_Q4_0, TYPE_Q8_0, TYPE_I64, TYPE_BF16 = 0, 1, 2, 8, 27, 30
_FORMATS = dict(zip((U8, I8, U16, I16, U32, I32, F32, BOOL, U64, I64, F64), "BbHhIif?Qqd", strict=True))


def text(value: bytes | str) -> bytes:
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack("<Q", len(raw)) + raw


def number(kind: int, value: float) -> bytes:
    return struct.pack("<" + _FORMATS[kind], value)


def pair(key: bytes | str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def array(kind: int, count: int, values: bytes) -> bytes:
    return struct.pack("<IQ", kind, count) + values


@dataclass
class Tensor:
    name: bytes | str
    dims: tuple[int, ...]
    kind: int
    offset: int

    def write(self) -> bytes:
        sizes = struct.pack(f"<{len(self.dims)}Q", *self.dims)
        return (
            text(self.name)
            + struct.pack("<I", len(self.dims))
            + sizes
            + struct.pack("<IQ", self.kind, self.offset)
        )


@dataclass
class File:
    pairs: list[bytes] = field(default_factory=list)
    tensors: list[Tensor] = field(default_factory=list)
    data: bytes = b""
    version: int = 3
    alignment: int = 32
    counts: tuple[int, int] | None = None
    filler: bytes = b"\0"

    def write(self) -> bytes:
        counts = self.counts or (len(self.tensors), len(self.pairs))
        head = b"GGUF" + struct.pack("<IQQ", self.version, *counts) + b"".join(self.pairs)
        head += b"".join(tensor.write() for tensor in self.tensors)
        return head + self.filler * (-len(head) % self.alignment) + self.data


def model() -> File:
    """One of each kind of value, and plain and quantised tensors."""
    pairs = [
        pair("general.architecture", STRING, text("llama")),
        pair("general.name", STRING, text("café")),
        pair("t.u64", U64, number(U64, 2**64 - 1)),
        pair("t.i8", I8, number(I8, -5)),
        pair("t.f32", F32, number(F32, 0.5)),
        pair("t.flag", BOOL, number(BOOL, True)),
        pair("t.numbers", ARRAY, array(I32, 3, struct.pack("<3i", 1, -2, 3))),
        pair("t.nested", ARRAY, array(ARRAY, 2, array(U8, 1, b"\7") + array(STRING, 1, text("x")))),
        pair("tokenizer.ggml.tokens", ARRAY, array(STRING, 3, text("<s>") + text("") + text("世"))),
    ]
    tensors = [
        Tensor("a.weight", (3, 2), TYPE_F32, 0),
        Tensor("a.bias", (4,), TYPE_I64, 32),
        Tensor("q.weight", (64, 2), TYPE_Q8_0, 64),
    ]
    data = struct.pack("<6f", *range(6)) + bytes(8)
    data += struct.pack("<4q", 1, -1, 2**62, 0)
    data += bytes(range(136)) + bytes(24)
    return File(pairs, tensors, data)


def bfloat16() -> bytes:
    """1, 2 and -0.5, which numpy has no type for."""
    tensor = Tensor("b.weight", (3, 1), TYPE_BF16, 0)
    return File(tensors=[tensor], data=b"\x80\x3f\x00\x40\x00\xbf" + bytes(26)).write()


def with_template() -> bytes:
    file = model()
    file.pairs.append(pair("tokenizer.chat_template", STRING, text("{{ cycler.__init__.__globals__ }}")))
    return file.write()


def one_tensor(**changes: object) -> bytes:
    tensor = Tensor("w", (4,), TYPE_F32, 0)
    for name, value in changes.items():
        setattr(tensor, name, value)
    return File(tensors=[tensor], data=bytes(32)).write()


def one_pair(key: bytes | str, kind: int, value: bytes) -> bytes:
    return File([pair(key, kind, value)]).write()


def hostile() -> Iterator[Case]:
    good = pair("k", U8, b"\1")
    for version in (0, 1, 4, 99, 0x02000000, 0x04000000, 0xFFFFFFFF):
        yield case(f"version {version}", File(version=version).write(), "UNKNOWN_FORMAT")
    for counts in ((2**60, 0), (0, 2**60), (2**64 - 1, 2**64 - 1), (1, 0), (0, 1)):
        yield case(f"counts {counts}", File(counts=counts).write(), "TRUNCATED", "MALFORMED")
    yield case("key twice", File([good, good]).write(), "DUPLICATE_KEY")
    for key in ("", "a b", b"a\0b", "é", b"\xff", "k" * 70_000):
        yield case(f"key {key[:8]!r}", one_pair(key, U8, b"\1"), "MALFORMED")
    yield case("truth 2", one_pair("k", BOOL, b"\2"), "MALFORMED")
    yield case("type 13", one_pair("k", 13, b"\1"), "MALFORMED")
    yield case("text not UTF-8", one_pair("k", STRING, text(b"\xff")), "MALFORMED")
    yield case("text with NUL", one_pair("k", STRING, text(b"a\0b")), "MALFORMED")
    yield case("text of 2^60", one_pair("k", STRING, struct.pack("<Q", 2**60)), "TRUNCATED")
    for kind in (U8, F64, STRING, ARRAY):
        yield case(f"2^60 of type {kind}", one_pair("k", ARRAY, array(kind, 2**60, b"")), "TRUNCATED")
    yield case("64 GiB of texts", one_pair("k", ARRAY, array(STRING, 2**33, bytes(64))), "TRUNCATED")
    yield case("array of type 13", one_pair("k", ARRAY, array(13, 0, b"")), "MALFORMED")
    nest = array(ARRAY, 0, b"")
    for _ in range(10_000):
        nest = array(ARRAY, 1, nest)
    yield case("10,000 arrays deep", one_pair("k", ARRAY, nest), "BUDGET_DEPTH")
    for kind, value in ((U32, 0), (U32, 1), (U32, 3), (U32, 24), (U32, 2**31), (U64, 32), (I32, 32)):
        yield case(
            f"alignment {value} of type {kind}",
            one_pair("general.alignment", kind, number(kind, value)),
            "MALFORMED",
        )
    for name in ("", b"a\0b", "n" * 300, b"\xff"):
        yield case(f"tensor {name[:4]!r}", one_tensor(name=name), "MALFORMED")
    for dims in ((), (1,) * 5, (1,) * 10):
        yield case(f"rank {len(dims)}", one_tensor(dims=dims), "MALFORMED")
    for dims in ((0,), (4, 0), (2**63,), (2**62,), (2**32, 2**32), (2**64 - 1, 2**64 - 1)):
        yield case(f"dims {dims}", one_tensor(dims=dims), "ARRAY_BOUNDS")
    for dims in ((2**40,), (9,)):
        yield case(f"dims {dims}", one_tensor(dims=dims), "TRUNCATED")
    for offset in (1, 4, 32, 2**63, 2**64 - 32):
        yield case(f"offset {offset}", one_tensor(offset=offset), "ARRAY_BOUNDS")
    for kind in (4, 5, 9, 31, 36, 42, 2**32 - 1):
        yield case(f"type {kind}", one_tensor(kind=kind), "DTYPE")
    yield case("part of a block", one_tensor(kind=TYPE_Q4_0, dims=(33,)), "ARRAY_BOUNDS")
    same = [Tensor("w", (4,), TYPE_F32, 0), Tensor("w", (4,), TYPE_F32, 32)]
    yield case("tensor twice", File(tensors=same, data=bytes(64)).write(), "DUPLICATE_KEY")
    overlap = [Tensor("a", (4,), TYPE_F32, 0), Tensor("b", (4,), TYPE_F32, 0)]
    yield case("overlap", File(tensors=overlap, data=bytes(64)).write(), "ARRAY_BOUNDS")
    tensors = model().tensors
    yield case("order", File(tensors=tensors[::-1], data=model().data).write(), "ARRAY_BOUNDS")
    yield case("trailing", model().write() + b"\x80\4N.", "TRAILING_DATA")
    yield case("trailing zeros", model().write() + bytes(64), "TRAILING_DATA")
    full = model()
    full.filler = b"x"
    yield case("padding", full.write(), "TRAILING_DATA")
    whole = model().write()
    for size in (4, 8, 20, 24, 30, len(whole) // 2, len(whole) - 30):
        yield case(f"cut at {size}", whole[:size], "TRUNCATED")
