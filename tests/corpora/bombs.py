"""Small files that ask for much: memory, time, depth, or work that costs the sender no bytes.

Unlike the attacks of payloads.py nothing here would run; what counts is what judging them takes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from . import opcodes as op
from .models import COMPRESS, write_joblib

MIB = 1 << 20
MILLION = 1_000_000
# Python reduces an int by this prime to hash it.
PRIME = 2**61 - 1
SCALER = ("sklearn.preprocessing._data", "StandardScaler")


@dataclass(frozen=True)
class Bomb:
    """make: the file. rules: one of them refuses it; empty: it is harmless and accepted.
    offset, path: where the first finding says that it is, if that can be foreseen."""

    name: str
    make: Callable[[], bytes]
    rules: frozenset[str] = frozenset()
    offset: int | None = None
    path: str | None = None


def bomb(name: str, make: Callable[[], bytes], *rules: str, **place: Any) -> Bomb:
    return Bomb(name, make, frozenset(rules), **place)


def decompression() -> Iterator[Bomb]:
    """Zeros; lists; and one compressed into another. A budget grows with its file by zlib's best
    ratio, so that zeros beyond it need a codec that is better still."""
    size = 256 * MIB
    for name in COMPRESS:
        if name == "none":
            continue
        head = op.proto(4) + b"\x8e" + size.to_bytes(8, "little")
        yield bomb(
            f"{name}-zeros",
            lambda c=COMPRESS[name], head=head: c(head + bytes(size) + b"."),
            *(["BUDGET_DECODED"] if name in ("bz2", "lzma", "xz") else []),
        )
        yield bomb(
            f"{name}-lists",
            lambda c=COMPRESS[name]: c(op.proto(2) + b"](" + b"]" * (32 * MIB) + b"e."),
            "BUDGET_NODES",
        )
        yield bomb(
            f"{name}-of-{name}",
            lambda c=COMPRESS[name]: c(c(op.proto(4) + bytes(16 * MIB))),
            "UNKNOWN_FORMAT",
        )


def nesting() -> Iterator[Bomb]:
    """A million levels of everything that nests."""
    deep = "BUDGET_DEPTH"
    many = MILLION
    scaler = op.global_(*SCALER)
    yield bomb("deep-lists", lambda: op.stream(op.EMPTY_LIST * many + op.APPEND * (many - 1)), deep)
    yield bomb("deep-tuples", lambda: op.stream(op.EMPTY_TUPLE + op.TUPLE1 * many), deep)
    yield bomb("deep-marked", lambda: op.stream(op.MARK * many + op.NONE + op.TUPLE * many), deep)
    yield bomb("deep-dicts", lambda: op.stream(b"}K\x01" * many + op.NONE + op.SETITEM * many), deep)
    yield bomb("deep-sets", lambda: op.stream(op.MARK * many + op.FROZENSET * many, 4), "SCHEMA")
    yield bomb(
        "deep-arguments",
        lambda: op.stream(scaler + op.put(0) + b"0" + (b"g0\n" * many) + b")R" + b"\x85R" * (many - 1)),
        deep,
    )
    yield bomb(
        "deep-states",
        lambda: op.stream(
            scaler + op.put(0) + b"0" + b"g0\n)\x81}X\x01\x00\x00\x00a" * many + op.NONE + b"sb" * many
        ),
        deep,
    )
    yield bomb("only-marks", lambda: op.proto(2) + op.MARK * (5 * many) + op.STOP, "STACK_UNDERFLOW")


def sharing() -> Iterator[Bomb]:
    """What is small as a graph and endless as a tree."""
    for times in (60, 900):
        yield bomb(f"dup-doubling-{times}", lambda n=times: op.stream(b")" + (op.DUP + b"\x86") * n))
        yield bomb(
            f"memo-doubling-{times}",
            lambda n=times: op.stream(
                op.EMPTY_LIST
                + b"".join(op.long_binput(i) + b"0](" + op.long_binget(i) * 2 + b"e" for i in range(n))
            ),
        )
    doubled = b")" + (op.DUP + b"\x86") * 60
    yield bomb("doubled-key", lambda: op.stream(b"}" + doubled + b"Ns"), "SCHEMA", offset=123)
    yield bomb("doubled-member", lambda: op.stream(op.MARK + doubled + op.FROZENSET, 4), "SCHEMA", offset=123)
    long = "a" * 500_000
    texts = op.binunicode(long) + op.binput(0) + b"0](" + b"h\x00" * (4 * MILLION) + b"e"
    yield bomb("one-long-text-often", lambda: op.stream(texts))
    yield bomb(
        "one-long-array-often",
        lambda: op.stream(op.bytes_(bytes(2 * MIB)) + op.binput(0) + b"0](" + b"h\x00" * MILLION + b"e", 3),
    )
    yield bomb("many-memo-entries", lambda: op.stream(b"N" + op.MEMOIZE * (12 * MILLION), 4))
    yield bomb(
        "memo-far-apart", lambda: op.stream(b"N" + b"".join(op.long_binput(i << 20) for i in range(127)))
    )
    yield bomb("dup-without-end", lambda: op.proto(2) + b"N" + op.DUP * (30 * MILLION) + b".", "MALFORMED")


def quantity() -> Iterator[Bomb]:
    """Many nodes, names, findings."""
    many = MILLION
    yield bomb("many-nodes", lambda: op.stream(b"](" + b"]" * (12 * many) + b"e"), "BUDGET_NODES")
    yield bomb("as-many-nodes-as-allowed", lambda: op.stream(b"](" + b"]" * (9 * many) + b"e"))
    yield bomb(
        "one-name-often",
        lambda: op.stream(b"](" + b"cposix\nsystem\n" * (2 * many) + b"e"),
        "NAME_NOT_LISTED",
    )
    yield bomb(
        "many-names",
        lambda: op.stream(b"](" + b"".join(b"cm\nn%d\n" % i for i in range(300_000)) + b"e"),
        "BUDGET_NODES",
    )
    yield bomb(
        "many-findings",
        lambda: op.stream(b"](" + b"cposix\nsystem\n)R" * many + b"e"),
        "NAME_NOT_LISTED",
    )
    long = b"c" + b"m" * 500 + b"\n"
    yield bomb(
        "many-long-names",
        lambda: op.stream(b"](" + b"".join(long + b"%0500d\n" % i for i in range(20_000)) + b"e"),
        "BUDGET_NODES",
    )
    yield bomb(
        "name-of-a-megabyte",
        lambda: op.stream(b"c" + b"m" * MIB + b"\nx\n"),
        "MALFORMED",
        offset=2,
    )
    yield bomb(
        "one-long-name-often-by-memo",
        lambda: op.stream(
            op.binunicode("m" * 500)
            + op.binput(0)
            + b"0"
            + op.binunicode("n" * 500)
            + op.binput(1)
            + b"0]("
            + b"h\x00h\x01\x93" * many
            + b"e",
            4,
        ),
        "NAME_NOT_LISTED",
    )
    yield bomb(
        "deep-path-of-long-keys",
        lambda: op.stream((b"}" + op.binunicode("k" * 4000)) * 900 + b"cposix\nsystem\n" + b"s" * 900),
        "NAME_NOT_LISTED",
    )


def text() -> Iterator[Bomb]:
    """Text and numbers that take more than one look a byte."""
    yield bomb("int-of-a-million-digits", lambda: op.proto(2) + b"I" + b"7" * MILLION + b"\n.", "MALFORMED")
    yield bomb("long-of-a-million-digits", lambda: op.proto(2) + b"L" + b"7" * MILLION + b"L\n.", "MALFORMED")
    yield bomb("float-of-a-million-digits", lambda: op.proto(2) + b"F" + b"7" * MILLION + b"\n.", "MALFORMED")
    # As many digits as one number may have, very often.
    yield bomb("many-long-ints", lambda: op.proto(2) + b"(" + (b"L" + b"7" * 4000 + b"L\n") * 5000 + b"t.")
    huge = b"\x8b" + (65536).to_bytes(4, "little") + b"\x7f" * 65536
    yield bomb("many-huge-ints", lambda: op.stream(b"](" + huge * 500 + b"e"), "MALFORMED", offset=4)
    yield bomb("escaped-text", lambda: op.proto(2) + b"V" + b"\\u0041" * (2 * MILLION) + b"\n.")
    yield bomb("escaped-string", lambda: op.proto(2) + b"S'" + b"\\x41" * (2 * MILLION) + b"'\n.")
    yield bomb("text-line-without-end", lambda: op.proto(2) + b"V" + b"a" * (40 * MIB), "TRUNCATED")
    yield bomb("many-short-lines", lambda: op.proto(2) + b"(" + b"V\n" * (3 * MILLION) + b"t.")
    yield bomb(
        "literal-header",
        lambda: _npy(b"{'descr': '<f8', 'fortran_order': False, 'shape': " + b"(" * 60_000 + b")}"),
        "MALFORMED",
    )


def _npy(header: bytes) -> bytes:
    return b"\x93NUMPY\x02\x00" + len(header).to_bytes(4, "little") + header


def claims() -> Iterator[Bomb]:
    """Gigabytes by word alone, from a few bytes."""
    gib4 = 2**32 - 1
    heads = {
        "BINUNICODE": (op.proto(2) + b"X", 4),
        "BINUNICODE8": (op.proto(4) + b"\x8d", 8),
        "BINBYTES": (op.proto(3) + b"B", 4),
        "BINBYTES8": (op.proto(4) + b"\x8e", 8),
        "BYTEARRAY8": (op.proto(5) + b"\x96", 8),
        "BINSTRING": (op.proto(2) + b"T", 4),
        "LONG4": (op.proto(2) + b"\x8b", 4),
        "FRAME": (op.proto(4) + b"\x95", 8),
    }
    for name, (head, width) in heads.items():
        sizes = {gib4 >> 1, gib4} if width == 4 else {gib4, 2**40, 2**63 - 1, 2**63, 2**64 - 1}
        for size in sorted(sizes):
            data = head + size.to_bytes(width, "little") + b"a."
            yield bomb(
                f"{name}-{size:x}",
                lambda data=data: data,
                "TRUNCATED",
                "MALFORMED",
                "BUDGET_HEAP",
                offset=len(head) - 1,
            )
    for shape in ("(4294967296,)", "(65536, 65536, 8)", "(9223372036854775807,)", "(18446744073709551616,)"):
        header = b"{'descr': '<f8', 'fortran_order': False, 'shape': %s, }" % shape.encode()
        for dtype in (b"<f8", b"|V2147483647", b"<U536870911"):
            made = _npy(header.replace(b"<f8", dtype))
            yield bomb(f"npy-{shape}-{dtype.decode()}", lambda made=made: made, "MALFORMED")
    yield bomb(
        "npy-header-4-gib", lambda: b"\x93NUMPY\x02\x00" + struct.pack("<I", gib4) + b"{'", "MALFORMED"
    )
    honest = write_joblib({"x": np.zeros(4)}, 4)
    claim = honest.replace(op.tuple_([4]), op.tuple_([2**31 - 1]), 1)
    assert claim != honest
    yield bomb("joblib-array", lambda: claim, "MALFORMED")


def colliding_ints(count: int) -> bytes:
    """{0: None, p: None, 2p: None, ...}, which Python takes count**2 / 2 comparisons to build."""
    return op.stream(b"}(" + b"".join(_long(i * PRIME) + b"N" for i in range(count)) + b"u")


def _long(number: int) -> bytes:
    data = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def hashing() -> Iterator[Bomb]:
    """Keys that Python would compare each with each."""
    place = "HASH_COLLISIONS"
    few = 40_000
    yield bomb("colliding-ints", lambda: colliding_ints(few), place, path="$")
    numbers = [_long(i * PRIME) for i in range(few)]
    yield bomb("colliding-members", lambda: op.stream(b"\x8f(" + b"".join(numbers) + op.ADDITEMS, 4), place)
    yield bomb("colliding-frozen", lambda: op.stream(b"(" + b"".join(numbers) + op.FROZENSET, 4), place)
    pairs = [b"K\x01" + number + op.TUPLE2 for number in numbers]
    yield bomb("colliding-tuples", lambda: op.stream(b"}(" + b"".join(p + b"N" for p in pairs) + b"u"), place)
    alike = [_long(1 << (61 * i)) for i in range(30)]
    floats = [b"G" + struct.pack(">d", 2.0 ** (61 * i)) for i in range(-16, 0)]
    products = [a + b + op.TUPLE2 for a in floats + alike for b in floats + alike]
    yield bomb(
        "colliding-floats", lambda: op.stream(b"}(" + b"".join(p + b"N" for p in products) + b"u"), place
    )
    # A long tuple of ints that each key holds is hashed once for each.
    shared = b"(" + b"K\x07" * 100_000 + b"t" + op.binput(0) + b"0"
    keys = b"".join(b"J" + struct.pack("<i", i) + b"h\x00" + op.TUPLE2 + b"N" for i in range(50_000))
    yield bomb("one-long-tuple-in-many-keys", lambda: op.stream(shared + b"}(" + keys + b"u"), "BUDGET_HEAP")
    # Honest: a million ints, and as many floats.
    ints = lambda: op.stream(  # noqa: E731
        b"}(" + b"".join(b"J" + struct.pack("<i", i * 7) + b"N" for i in range(MILLION)) + b"u"
    )
    yield bomb("a-million-honest-ints", ints)
    grid = lambda: op.stream(  # noqa: E731
        b"}(" + b"".join(b"G" + struct.pack(">d", i / 1024) + b"N" for i in range(MILLION)) + b"u"
    )
    yield bomb("a-million-honest-floats", grid)


BUILDERS = (decompression, nesting, sharing, quantity, text, claims, hashing)
