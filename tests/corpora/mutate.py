"""Seeded mutations of real files."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

from .models import COMPRESS, COMPRESSORS, PROTOCOLS, models, write_joblib, write_pickle

INTERESTING = (
    b"\0", b"\xff", b"\x7f", b"\x80", b".", b"(", b"0", b"2", b"b", b"R", b"\x93", b"\x95", b"}", b"]",
    struct.pack("<I", 0xFFFFFFFF), struct.pack("<I", 0x7FFFFFFF), struct.pack("<Q", 2**63 - 1),
    struct.pack("<q", -1), b"cposix\nsystem\n", b"\x8c\x05posix\x8c\x06system\x93", b"__array_interface__",
)  # fmt: skip


def seeds() -> list[tuple[str, bytes]]:
    """Small real files: every model, in writers that take turns."""
    files = []
    for number, model in enumerate(models(words=40)):
        protocol = PROTOCOLS[number % len(PROTOCOLS)]
        compressor = COMPRESSORS[number % len(COMPRESSORS)]
        files.append((f"{model.name}-pickle-{protocol}", write_pickle(model.fitted, protocol)))
        files.append((f"{model.name}-joblib-{protocol}", write_joblib(model.fitted, protocol)))
        files.append((f"{model.name}-{compressor}", write_joblib(model.fitted, protocol, compressor)))
    return [(name, data) for name, data in files if len(data) < 200_000]


def mutate(data: bytes, dice: random.Random) -> bytes:
    """One to four small changes anywhere."""
    changed = bytearray(data)
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        place = dice.randrange(len(changed)) if changed else 0
        kind = dice.randrange(7)
        if kind == 0 and changed:
            changed[place] ^= 1 << dice.randrange(8)
        elif kind == 1 and changed:
            changed[place] = dice.randrange(256)
        elif kind == 2:
            piece = dice.choice(INTERESTING)
            changed[place : place + len(piece)] = piece
        elif kind == 3:
            changed[place:place] = dice.choice(INTERESTING)
        elif kind == 4:
            del changed[place : place + dice.choice((1, 1, 2, 8, 64))]
        elif kind == 5:
            other = dice.randrange(len(changed) + 1)
            size = dice.choice((1, 4, 16, 100))
            changed[place:place] = changed[other : other + size]
        else:
            other = dice.randrange(len(changed) + 1)
            size = dice.choice((1, 4, 8, 32))
            piece = bytes(changed[other : other + size])
            changed[place : place + len(piece)] = piece
    return bytes(changed)


def mutants(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` mutants; the same ones for the same seed and libraries."""
    dice = random.Random(seed)
    files = seeds()
    for number in range(count):
        name, data = files[number % len(files)]
        if number % 5 == 4:  # mutated inside the compression, so that the checksum holds
            compressor = dice.choice([c for c in COMPRESSORS if c != "none"])
            yield f"{number}-{name}-in-{compressor}", COMPRESS[compressor](mutate(data, dice))
        else:
            yield f"{number}-{name}", mutate(data, dice)
