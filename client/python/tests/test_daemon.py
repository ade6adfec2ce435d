"""The private daemon: found, started, heard when it fails, ended. The programs are scripts."""

import os
import stat
import threading
import time
from pathlib import Path

import pytest

import loadlock
from loadlock import _daemon

GOOD = """#!/usr/bin/env python3
import os, sys
args = dict(zip(sys.argv[1::2], sys.argv[2::2]))
with open({record!r}, "a") as record:
    record.write(f"start {{os.getpid()}} {{sorted(args.items())}}\\n")
os.write(int(args["--ready-fd"]), b"ready\\n")
os.close(int(args["--ready-fd"]))
assert os.read(int(args["--lifeline-fd"]), 1) == b""
with open({record!r}, "a") as record:
    record.write(f"end {{os.getpid()}}\\n")
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """Makes a script the daemon."""

    def make(text):
        path = tmp_path / "loadlockd"
        path.write_text(text)
        path.chmod(0o755)
        monkeypatch.setenv("LOADLOCKD", str(path))
        monkeypatch.setenv("TMPDIR", str(tmp_path))
        monkeypatch.setattr(_daemon.tempfile, "tempdir", None)
        return path

    return make


@pytest.fixture
def record(tmp_path, program):
    path = tmp_path / "record"
    program(GOOD.format(record=str(path)))
    return path


def lines(path):
    return path.read_text().splitlines() if path.exists() else []


def wait_for(what, seconds=10):
    end = time.monotonic() + seconds
    while not what() and time.monotonic() < end:
        time.sleep(0.01)
    return what()


def test_it_starts_and_ends(record, tmp_path):
    daemon = _daemon.PrivateDaemon()
    folder = Path(daemon.address.removeprefix("unix:")).parent
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert daemon.alive()
    (start,) = lines(record)
    for part in (
        "'--root', '/'",
        f"'--socket', '{folder}/loadlock.sock'",
        "'--log-level', 'error'",
    ):
        assert part in start
    daemon.stop()
    assert lines(record)[1].startswith("end ")
    assert not folder.exists()
    assert not daemon.alive()
    daemon.stop()


def test_no_descriptor_is_left(record):
    before = sorted(Path("/proc/self/fd").iterdir())
    _daemon.PrivateDaemon().stop()
    assert sorted(Path("/proc/self/fd").iterdir()) == before


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("#!/bin/sh\necho 'no such kernel' >&2; exit 3\n", "no such kernel"),
        ("#!/bin/sh\nexit 1\n", "it said nothing"),
        ("#!/bin/sh\necho hello >&8; echo hello >&9; exit 0\n", "ended before"),
        ("#!/no/such/interpreter\n", "cannot start"),
    ],
)
def test_a_failed_start_says_why(program, tmp_path, text, said):
    program(text)
    before = sorted(Path("/proc/self/fd").iterdir())
    with pytest.raises(loadlock.Error, match=said) as caught:
        _daemon.PrivateDaemon()
    assert caught.value.reason == "DAEMON_START"
    assert list(tmp_path.glob("loadlock-*")) == []
    assert sorted(Path("/proc/self/fd").iterdir()) == before


def test_one_that_never_serves(program, tmp_path, monkeypatch):
    program("#!/bin/sh\necho 'still looking' >&2; exec sleep 60\n")
    monkeypatch.setattr(_daemon, "_START_SECONDS", 0.3)
    monkeypatch.setattr(_daemon, "_STOP_SECONDS", 0.1)
    with pytest.raises(loadlock.Error, match="does not serve") as caught:
        _daemon.PrivateDaemon()
    assert "still looking" in str(caught.value)
    assert list(tmp_path.glob("loadlock-*")) == []


def test_one_that_says_something_else(program):
    program(
        "#!/usr/bin/env python3\nimport os, sys\n"
        "os.write(int(sys.argv[sys.argv.index('--ready-fd') + 1]), b'rubbish')\n"
    )
    with pytest.raises(loadlock.Error, match="did not say"):
        _daemon.PrivateDaemon()


def test_a_long_temporary_folder(record, tmp_path, monkeypatch):
    deep = tmp_path / ("d" * 90)
    deep.mkdir()
    monkeypatch.setattr(_daemon.tempfile, "tempdir", str(deep))
    daemon = _daemon.PrivateDaemon()
    try:
        assert len(daemon.address.removeprefix("unix:")) + len(".fd") <= 107
    finally:
        daemon.stop()


def test_not_found(monkeypatch, tmp_path):
    monkeypatch.delenv("LOADLOCKD", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(_daemon.sys, "executable", str(tmp_path / "python"))
    with pytest.raises(loadlock.Error) as caught:
        _daemon.find_daemon()
    assert caught.value.reason == "DAEMON_NOT_FOUND"
    monkeypatch.setenv("LOADLOCKD", str(tmp_path / "none"))
    with pytest.raises(loadlock.Error, match="LOADLOCKD names no program"):
        _daemon.find_daemon()


def test_found_in_path(monkeypatch, program, tmp_path):
    path = program(GOOD)
    monkeypatch.delenv("LOADLOCKD")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert _daemon.find_daemon() == str(path)
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.setattr(_daemon.sys, "executable", str(tmp_path / "python"))
    assert _daemon.find_daemon() == str(path)


def test_one_a_process(record):
    holder = _daemon._Holder()
    got = []
    threads = [threading.Thread(target=lambda: got.append(holder.get())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(got)) == 1
    assert len(lines(record)) == 1
    holder.stop()


def test_a_dead_one_is_replaced(record):
    holder = _daemon._Holder()
    first = holder.get()
    first._process.kill()
    first._process.wait()
    second = holder.get()
    assert second is not first
    assert second.alive()
    assert not Path(first.address.removeprefix("unix:")).parent.exists()
    holder.stop()


def in_child(work):
    """Runs work in a forked child; returns what it returned."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            os.write(writer, repr(work()).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as pipe:
        text = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    return text


def test_a_forked_child_starts_its_own(record, monkeypatch):
    holder = _daemon._Holder()
    monkeypatch.setattr(_daemon, "_holder", holder)
    os.register_at_fork(after_in_child=holder.after_fork)
    mine = holder.get()

    def work():
        own = holder.get()
        holder.stop()
        return own.address

    assert mine.address not in in_child(work)
    assert mine.alive()
    assert Path(mine.address.removeprefix("unix:")).parent.exists()
    assert [line.split()[0] for line in lines(record)] == ["start", "start", "end"]
    holder.stop()


def test_a_child_does_not_keep_the_parents_daemon_alive(record):
    holder = _daemon._Holder()
    os.register_at_fork(after_in_child=holder.after_fork)
    holder.get()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(writer)
        os.read(reader, 1)
        os._exit(0)
    holder.stop()
    assert wait_for(lambda: len(lines(record)) == 2)
    os.close(writer)
    os.close(reader)
    os.waitpid(child, 0)
