"""The world changes under a request at one of its stages: descriptors, memory, files."""

from __future__ import annotations

import hashlib
import os
import resource
import signal
import time
from collections.abc import Iterator

import pytest

from corpora import opcodes as op
from integration.daemon import SANITIZED
from integration.no_processes import limited, no_new_processes

from .calls import CALLS, Call
from .control import PATIENCE
from .daemon import FaultyDaemon, eventually

DAEMONS_STAGES = (
    "received", "admitted", "opened", "copied", "sealed", "hashed", "acquired", "job-sent", "output-read",
    "verified", "leased", "answering",
)  # fmt: skip
EXHAUSTED = "RESOURCE_EXHAUSTED:OUT_OF_DESCRIPTORS_OR_MEMORY"


@pytest.fixture(scope="module")
def daemon() -> Iterator[FaultyDaemon]:
    running = FaultyDaemon().start()
    yield running
    running.stop()


def load(daemon: FaultyDaemon) -> Call:
    return CALLS["Load"](str(daemon.socket), daemon.file).start()


# UBSan needs a pipe of its own (test_exhaustion.py).
if not SANITIZED:

    @pytest.mark.parametrize("stage", DAEMONS_STAGES)
    def test_no_descriptors(daemon: FaultyDaemon, stage: str) -> None:
        """What needs no more of them goes on; what does says so."""
        with daemon.control.stop_at(stage) as arrived:
            call = load(daemon)
            held = arrived.get(timeout=PATIENCE)
            with limited(daemon.pid, resource.RLIMIT_NOFILE, 3):
                held.go_on()
                said = call.end()
        needs_none = ("hashed", "acquired", "job-sent", "verified", "leased", "answering")
        expected = {
            "received": {EXHAUSTED, "UNAVAILABLE:OUT_OF_DESCRIPTORS"},
            "admitted": {EXHAUSTED, "UNAVAILABLE:OUT_OF_DESCRIPTORS"},
        }
        if stage in needs_none:
            assert said in ("ACCEPTED", EXHAUSTED)
        else:
            assert said in expected.get(stage, {EXHAUSTED}), said
        eventually(lambda: load(daemon).end() == "ACCEPTED", "it does not recover")
        daemon.nothing_is_left()

    def test_no_descriptors_for_a_new_launcher() -> None:
        own = FaultyDaemon(limits="max_wall_time { seconds: 2 }").start()
        with limited(own.pid, resource.RLIMIT_NOFILE, 3):
            os.kill(own.launcher(), signal.SIGKILL)
            # Over the connection that is open already.
            time.sleep(1.5)
            assert not own.children()
        eventually(lambda: load(own).end() == "ACCEPTED", "it does not recover")
        own.nothing_is_left()
        own.stop()

    @pytest.mark.parametrize("stage", ["job-read", "parsing"])
    @pytest.mark.parametrize("what", [resource.RLIMIT_AS, resource.RLIMIT_DATA])
    def test_no_memory_in_the_worker(daemon: FaultyDaemon, stage: str, what: int) -> None:
        with daemon.control.stop_at(stage) as arrived:
            call = load(daemon)
            held = arrived.get(timeout=PATIENCE)
            resource.prlimit(held.pid, what, (1 << 20, 1 << 20))
            held.go_on()
            assert call.end() == "REFUSED:WORKER_MEMORY_LIMIT"
        daemon.works()
        daemon.nothing_is_left()

    def test_no_memory_for_the_artifact(daemon: FaultyDaemon) -> None:
        """A memory file counts as a file, so a limit of file sizes stands for a system without memory."""
        with limited(daemon.pid, resource.RLIMIT_FSIZE, 1 << 12):
            assert load(daemon).end() == EXHAUSTED
            assert CALLS["Upload"](str(daemon.socket), daemon.file).start().end() == EXHAUSTED
            daemon.works()
        assert load(daemon).end() == "ACCEPTED"
        daemon.nothing_is_left()


def test_the_file_shrinks(daemon: FaultyDaemon) -> None:
    """Between its opening and its copy."""
    before = daemon.file.read_bytes()
    with daemon.control.stop_at("opened") as arrived:
        call = load(daemon)
        held = arrived.get(timeout=PATIENCE)
        os.truncate(daemon.file, len(before) // 2)
        held.go_on()
        assert call.end() == "ABORTED:FILE_CHANGED"
    daemon.file.write_bytes(before)
    daemon.works()
    daemon.nothing_is_left()


@pytest.mark.parametrize("stage", ["copied", "sealed", "hashed", "acquired", "verified"])
def test_the_file_is_another_behind_the_copy(daemon: FaultyDaemon, stage: str) -> None:
    """What was copied is what is vetted, hashed and handed over."""
    before = daemon.file.read_bytes()
    evil = op.stream(op.call(op.global_("posix", "system"), "true"))
    digests = []

    class Load(CALLS["Load"]):
        def perform(self) -> str:
            report = self.stub.load(self.file).report
            digests.append(report.sha256)
            return "ACCEPTED"

    with daemon.control.stop_at(stage) as arrived:
        call = Load(str(daemon.socket), daemon.file).start()
        held = arrived.get(timeout=PATIENCE)
        daemon.file.write_bytes(evil)
        held.go_on()
        assert call.end() == "ACCEPTED"
    daemon.file.write_bytes(before)
    assert digests == [hashlib.sha256(before).hexdigest()]
    daemon.nothing_is_left()


@pytest.mark.limit_of_tasks
@pytest.mark.parametrize("tier", "ABC")
def test_no_process_for_the_worker(tier: str) -> None:
    """The request whose worker cannot be made is told so; the next one has its worker."""
    own = FaultyDaemon("--tier", tier, warm=1).start()
    with own.control.stop_at("spawning") as arrived:
        own.use_up_the_pool()
        launcher = arrived.get(timeout=PATIENCE)
        call = load(own)
        eventually(lambda: own.stub.info().running_requests == 1, "the request never came")
        with no_new_processes(launcher.pid):
            launcher.go_on()
            assert call.end() == "UNAVAILABLE:NO_WORKER"
    assert load(own).end() == "ACCEPTED"
    own.nothing_is_left()
    own.stop()
