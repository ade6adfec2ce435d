"""Random programs: what loadlock accepts means the same to CPython's unpicklers and to pickletools."""

from __future__ import annotations

import io
import os
import pickletools
import secrets
import struct
import subprocess

import pytest

from layout.test_tree import BUILD

from . import cpython, programs

LONG = os.environ.get("LOADLOCK_LONG", "0") == "1"
COUNT = 100_000 if LONG else 10_000
# One seed again: LOADLOCK_SEED=N.
SEED = int(os.environ.get("LOADLOCK_SEED", secrets.randbits(32)))


def loadlock(pickles: list[bytes]) -> list[str]:
    """ "OK meaning" or "NO reason" for each."""
    stream = b"".join(struct.pack("<I", len(one)) + one for one in pickles)
    command = [BUILD / "bin" / "pickle_dump", "--batch"]
    done = subprocess.run(command, input=stream, capture_output=True, check=True)
    return done.stdout.decode().splitlines()


def disagreement(program: bytes, meaning: str) -> str:
    """How a reader reads another thing than `meaning`; empty if none does."""
    for reader in cpython.READERS:
        read = cpython.read(reader, program)
        if read != meaning and not isinstance(read, cpython.TooLargeError | RecursionError):
            return f"{program!r}\n  loadlock {meaning}\n  {reader.__module__}.{reader.__name__} {read!r}"
    try:
        pickletools.dis(program, out=io.StringIO())
    except ValueError as error:
        return f"{program!r}\n  loadlock {meaning}\n  pickletools {error!r}"
    return ""


def test_what_is_accepted_means_the_same_to_every_reader(capsys: pytest.CaptureFixture[str]) -> None:
    with capsys.disabled():
        print(f"{COUNT} random pickles, LOADLOCK_SEED={SEED}")
    written = programs.write(COUNT, SEED)
    answers = loadlock(written)
    assert len(answers) == COUNT
    accepted = [
        (program, answer[3:]) for program, answer in zip(written, answers, strict=True) if answer[:3] == "OK "
    ]
    wrong = [found for program, meaning in accepted if (found := disagreement(program, meaning))]
    assert not wrong, f"seed {SEED}: {len(wrong)} of {COUNT}\n" + "\n".join(wrong[:10])
    # Else the programs say nothing: about two thirds are accepted.
    assert COUNT / 3 < len(accepted) < COUNT * 9 / 10


def test_a_difference_is_found() -> None:
    assert disagreement(b"K\x01.", "2")
    assert disagreement(b"NN.", "None")
    assert not disagreement(b"K\x01.", "1")
