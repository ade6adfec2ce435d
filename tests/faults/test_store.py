"""The daemon's store: SIGKILL at every step of its writes, and sources that change under a load."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import socket
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from corpora import opcodes as op
from corpora.models import write_joblib

from .calls import CALLS, Call
from .control import PATIENCE
from .daemon import FaultyDaemon, eventually

LEAST = 300_000
# In the order of a load that stores its artifact; the last five are those of bringing it to the disk.
COPYING = ("opened", "store-begun")
COPIED = ("copied", "sealed", "hashed", "acquired", "output-read", "verified", "leased", "answering")
PUBLISHING = ("store-written", "store-synced", "store-named", "store-kept")


def model(seed: int) -> bytes:
    """Not compressed: larger than what lies in memory."""
    return write_joblib({"x": np.random.default_rng(seed).random(100_000)}, 4)


class StoringDaemon(FaultyDaemon):
    def __init__(self, quota: int = 1 << 30) -> None:
        super().__init__(config=f"store {{ min_file_bytes: {LEAST} max_bytes: {quota} }}")
        self.state = self.base / "state"
        self.flags += ["--state-dir", str(self.state)]
        self.file = self.write("model.joblib", model(0))

    def blobs(self) -> list[Path]:
        return sorted((self.state / "blobs").iterdir())

    def is_sound(self) -> None:
        """Every file is complete and what its name says; and nothing else is there."""
        for path in self.blobs():
            assert hashlib.sha256(path.read_bytes()).hexdigest() == path.name
            assert path.stat().st_mode & 0o7777 == 0o400
        assert self.state.stat().st_mode & 0o7777 == 0o700
        assert self.stub.info().store_bytes == sum(path.stat().st_size for path in self.blobs())

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()
        self.stub.close()


class Bytes(Call):
    """Loads, and fetches the bytes by descriptor."""

    data = b""
    sha256 = ""

    def perform(self) -> str:
        answer = self.stub.load(self.file)
        self.sha256 = answer.report.sha256
        descriptors: list[int] = []
        # The daemon may be gone by now.
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
            peer.connect(answer.lease.fd_socket)
            peer.send(answer.lease.token)
            _, descriptors, _, _ = socket.recv_fds(peer, 64, 2)
        if not descriptors:
            return "UNAVAILABLE"
        with os.fdopen(descriptors[0], "rb") as file:
            self.data = file.read()
        return "ACCEPTED"


def load(daemon: StoringDaemon) -> Bytes:
    call = Bytes(str(daemon.socket), daemon.file)
    call.start()
    return call


@pytest.fixture
def daemon() -> Iterator[StoringDaemon]:
    running = StoringDaemon()
    running.start()
    yield running
    running.stop(expect=None)


@pytest.mark.parametrize("stage", COPYING + COPIED + PUBLISHING)
def test_kill(daemon: StoringDaemon, stage: str) -> None:
    with daemon.control.stop_at(stage) as arrived:
        call = load(daemon)
        held = arrived.get(timeout=PATIENCE)
        daemon.kill()
        held.go_on()
        said = call.end()
    # What brings it to the disk does so beside the answer.
    assert said == "UNAVAILABLE" or (stage in PUBLISHING and said == "ACCEPTED")
    daemon.start()
    daemon.is_sound()
    again = load(daemon)
    assert again.end() == "ACCEPTED"
    assert again.data == daemon.file.read_bytes()
    eventually(lambda: len(daemon.blobs()) == 1 and len(daemon.blobs()[0].name) == 64, "it is not stored")
    daemon.is_sound()
    daemon.no_lease_is_left()


def test_kill_while_another_makes_room() -> None:
    daemon = StoringDaemon(quota=1 << 20)
    daemon.start()
    assert load(daemon).end() == "ACCEPTED"
    daemon.no_lease_is_left()
    daemon.file = daemon.write("other.joblib", model(1))
    with daemon.control.stop_at("store-evicted") as arrived:
        call = load(daemon)
        held = arrived.get(timeout=PATIENCE)
        daemon.kill()
        held.go_on()
        assert call.end() == "UNAVAILABLE"
    daemon.start()
    assert daemon.blobs() == []
    assert load(daemon).end() == "ACCEPTED"
    daemon.stop()


def test_start_after_a_kill_at_the_start() -> None:
    """Before the folder says whose it is."""
    daemon = StoringDaemon()
    daemon.state.mkdir(mode=0o700)
    (daemon.state / "new-scope").write_bytes(b"half")
    (daemon.state / "blobs").mkdir(mode=0o700)
    (daemon.state / "blobs" / hashlib.sha256(b"x").hexdigest()).write_bytes(b"x")
    daemon.start()
    assert daemon.blobs() == []
    daemon.stop()


def change(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(100_000)
        file.write(b"\x5a" * 1000)


def truncate(path: Path) -> None:
    os.truncate(path, 1000)


def replace(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_bytes(op.stream(op.call(op.global_("posix", "system"), "true")))
    other.replace(path)


def remove(path: Path) -> None:
    path.unlink()


@pytest.fixture(scope="module")
def one() -> Iterator[StoringDaemon]:
    running = StoringDaemon()
    running.start()
    yield running
    running.stop()


@pytest.mark.parametrize("happens", [change, truncate, replace, remove])
@pytest.mark.parametrize("stage", COPYING + COPIED + PUBLISHING)
def test_the_source_changes(one: StoringDaemon, stage: str, happens: Callable[[Path], None]) -> None:
    """Whatever the client gets is what was vetted; behind the copy it is what was there before."""
    name = f"{stage}-{happens.__name__}"
    before = model(zlib.crc32(name.encode()))
    one.file = one.write(f"{name}.joblib", before)
    with one.control.stop_at(stage) as arrived:
        call = load(one)
        # Publishing runs beside the answer, and that of an earlier file may come first.
        said = call.end() if stage in PUBLISHING else ""
        held = arrived.get(timeout=PATIENCE)
        happens(one.file)
        held.go_on()
        said = said or call.end()
    if said == "ACCEPTED":
        assert hashlib.sha256(call.data).hexdigest() == call.sha256
    else:
        assert stage in COPYING
        assert happens is truncate
        assert said == "ABORTED:FILE_CHANGED"
    if stage not in COPYING or happens in (replace, remove):
        assert call.data == before
    one.no_lease_is_left()
    if one.file.exists():
        one.file.unlink()


def test_a_full_store() -> None:
    """What is leased stays; the next is told so, and nothing of it is left."""
    daemon = StoringDaemon(quota=1 << 20)
    daemon.start()
    first = CALLS["Load"](str(daemon.socket), daemon.file).start()
    assert first.result() == "ACCEPTED"
    other = daemon.write("other.joblib", model(1))
    assert CALLS["Load"](str(daemon.socket), other).start().end() == "RESOURCE_EXHAUSTED:LIMIT_REACHED"
    eventually(lambda: len(daemon.blobs()) == 1 and len(daemon.blobs()[0].name) == 64, "more is there")
    daemon.is_sound()
    first.end()
    daemon.no_lease_is_left()
    assert CALLS["Load"](str(daemon.socket), other).start().end() == "ACCEPTED"
    daemon.stop()
