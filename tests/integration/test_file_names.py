"""Whoever may write into a folder chooses names: none reaches a terminal, a log or a message as it is."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import loadlock
import pytest

from corpora import opcodes as op

from .daemon import BIN, Daemon

EVIL = op.stream(op.call(op.global_("posix", "system"), "true"))
NAMES = (
    b"a\x1b[31mred.pkl", b"title\x1b]0;pwned\x07.pkl", b"new\nline: accepted.pkl", b"over\rwritten.pkl",
    "left\u202egpj.pkl".encode(), "c1\u009b31m.pkl".encode(), "line\u2028separator.pkl".encode(),
    "zero\u200bwidth.pkl".encode(), b"not\xff\xfeutf8.pkl", b"tab\tstop.pkl", b"del\x7f.pkl", b'quo"te\\.pkl',
    b"{brace}%s.pkl", b"-\x1b[2J", b"--\x1b[7moption", b"x" * 255,
)  # fmt: skip


@pytest.fixture
def folder(daemon: Daemon) -> Path:
    folder = daemon.root / "names"
    folder.mkdir(exist_ok=True)
    for name in NAMES:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(EVIL)
    inner = Path(os.fsdecode(os.fsencode(folder) + b"/folder\x1b[5m\n"))
    inner.mkdir(exist_ok=True)
    (inner / "ok.pkl").write_bytes(op.stream(op.NONE))
    os.symlink(b"/nowhere/\x1b[2J", os.fsencode(folder) + b"/link\x1b[2J.pkl")
    os.mkfifo(os.fsencode(folder) + b"/pipe\x1b[5m.pkl")
    yield folder
    subprocess.run(["rm", "-rf", "--", str(folder)], check=True)


def assert_harmless(shown: bytes, lines: int | None = None) -> None:
    """Text of which a terminal shows every character where it stands."""
    text = shown.decode()  # is UTF-8
    odd = {character for character in text if character != "\n" and not character.isprintable()}
    assert not odd, odd
    assert not any("\u2066" <= character <= "\u2069" or character in "\u202a\u202e" for character in text)
    assert lines is None or len(text.splitlines()) == lines


def run(daemon: Daemon, *arguments: str | bytes) -> subprocess.CompletedProcess[bytes]:
    done = subprocess.run(
        [BIN / "loadlock", arguments[0], "--address", f"unix:{daemon.socket}", *arguments[1:]],
        capture_output=True, timeout=120, check=False,
    )  # fmt: skip
    assert_harmless(done.stderr)
    return done


def test_the_command_shows_no_name_as_it_is(daemon: Daemon, folder: Path) -> None:
    done = run(daemon, "audit", str(folder))
    assert done.returncode == 2  # the pipe and the link are no files
    assert_harmless(done.stdout)
    assert b"red.pkl: refused" in done.stdout
    quiet = run(daemon, "audit", "-q", str(folder))
    assert_harmless(quiet.stdout)


def test_a_line_of_json_is_one_file(daemon: Daemon, folder: Path) -> None:
    done = run(daemon, "audit", "--json", str(folder))
    # Each file, the one of the inner folder, the pipe and the link.
    assert_harmless(done.stdout, lines=len(NAMES) + 3)
    assert done.stdout.isascii()
    for line in done.stdout.splitlines():
        assert json.loads(line)


def test_names_given_one_by_one(daemon: Daemon, folder: Path) -> None:
    for name in NAMES:
        path = os.fsencode(folder) + b"/" + name
        for command in ("audit", "inspect"):
            done = run(daemon, command, path)
            assert done.returncode in (1, 2)
            assert_harmless(done.stdout)
        # As a shell gives it from inside of the folder; those with a dash are no option either.
        done = run(daemon, "audit", b"./missing" + name, name)
        assert done.returncode == 2
        assert_harmless(done.stdout)


def test_the_python_client_and_the_log(daemon: Daemon, folder: Path) -> None:
    client = loadlock.Client(f"unix:{daemon.socket}")
    for name in NAMES:
        path = os.fsdecode(os.fsencode(folder) + b"/" + name)
        for missing in (path, path + "gone"):
            with pytest.raises((loadlock.Error, loadlock.Refused)) as refused:
                client.load(missing)
            assert_harmless(str(refused.value).encode())
    client.close()
    assert_harmless(daemon.log.read_bytes())
