"""SIGKILL of every process of a request, and its caller's second thoughts, at each of its stages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from .calls import CALLS, Call
from .control import PATIENCE, Held
from .daemon import LONG, TIERS, FaultyDaemon, eventually, family, is_running, no_process_of

TESTS = Path(__file__).resolve().parents[1]

# The stages of LoadModel: before its worker has the job, while the worker works, when it has
# answered, and when the caller has been answered; the worker may still be there then.
BEFORE = ("received", "admitted", "opened", "copied", "sealed", "hashed", "acquired")
WORKING = ("job-sent", "job-read", "parsing", "parsed", "answer-middle")
AFTER = ("output-read", "verified", "leased", "answering")
ANSWERED = ("answer-complete", "answered", "reaped")
# On a request's way if no worker is ready.
STARTING = ("spawning", "spawned", "locked-down")
OTHER_CALLS = {
    "uploading": "Upload", "fetch-begun": "Fetch", "fetch-middle": "Fetch", "unloading": "Unload",
    "fd-asked": "HandOver", "fd-handed": "HandOver",
}  # fmt: skip
# Where there is a worker that belongs to the request, and where there are idle ones.
HAS_WORKER = ("acquired", *WORKING, *AFTER, "answer-complete", "spawned", "locked-down")
HAS_IDLE = (*BEFORE, *WORKING, *AFTER, *ANSWERED[:2], *OTHER_CALLS)


def outcome(stage: str, victim: str) -> str:
    """What the caller is told. A caller that has been answered already was accepted."""
    if stage in ANSWERED or stage == "fd-handed":
        return "ACCEPTED"
    if victim == "cancel":
        return "CANCELLED"
    if victim == "daemon":
        return "CLOSED" if stage == "fd-asked" else "UNAVAILABLE"
    if stage in WORKING and victim == "worker":
        return "REFUSED:WORKER_KILLED_SIGNAL"
    if stage in WORKING and victim in ("launcher", "serving-launcher"):
        return "UNAVAILABLE:WORKER_LOST"
    # What is not needed any more, or can be had again, is not missed.
    return "ACCEPTED"


def victims(stage: str) -> Iterator[str]:
    yield from ("launcher", "daemon", "client", "cancel")
    if LONG:
        yield "serving-launcher"
    if stage in HAS_WORKER:
        yield "worker"
    if stage in HAS_IDLE:
        yield "idle"


STAGES = (*BEFORE, *WORKING, *AFTER, *ANSWERED, *STARTING, *OTHER_CALLS)
CASES = [(stage, victim) for stage in STAGES for victim in victims(stage)]


class Daemons:
    """One of a kind for all tests: what kills it starts it again."""

    def __init__(self) -> None:
        self.running: dict[tuple[str, int], FaultyDaemon] = {}

    def get(self, tier: str, warm: int) -> FaultyDaemon:
        if (tier, warm) not in self.running:
            self.running[tier, warm] = FaultyDaemon("--tier", tier, warm=warm).start()
        return self.running[tier, warm]

    def drop(self, daemon: FaultyDaemon) -> None:
        """One that a test may have left in disorder: the next test gets another."""
        self.running = {kind: other for kind, other in self.running.items() if other is not daemon}
        os.kill(daemon.pid, signal.SIGKILL)
        daemon.process.wait()
        daemon.stop(expect=None)


@pytest.fixture(scope="module")
def daemons() -> Iterator[Daemons]:
    made = Daemons()
    yield made
    for daemon in made.running.values():
        daemon.stop()


class Client:
    """A process that a test may kill."""

    def __init__(self, daemon: FaultyDaemon, kind: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "faults.calls", str(daemon.socket), kind, str(daemon.file)], cwd=TESTS
        )

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Request:
    """A call that stands at its stage; `pid` is its worker's, if it has one that is known."""

    def __init__(self, daemon: FaultyDaemon, stage: str, victim: str, stack: ExitStack) -> None:
        self.daemon, self.pid = daemon, 0
        self.held: list[Held] = []
        at_stage = stack.enter_context(daemon.control.stop_at(stage))
        known = None
        if stage in ("job-sent", *AFTER):
            known = stack.enter_context(daemon.control.stop_at("job-read"))
        kind = OTHER_CALLS.get(stage, "Load")
        if stage in STARTING:
            daemon.use_up_the_pool()
            self.at = at_stage.get(timeout=PATIENCE)
        self.client = Client(daemon, kind) if victim == "client" else None
        self.call: Call | None = None
        if self.client is None:
            self.call = CALLS[kind](str(daemon.socket), daemon.file).start()
        if known is not None:
            worker = known.get(timeout=PATIENCE)
            self.pid = worker.pid
            # The daemon stands behind the hand-over, so that the worker would be free to answer.
            if stage == "job-sent":
                self.held.append(worker)
            else:
                worker.go_on()
        if stage in STARTING:
            eventually(lambda: daemon.stub.info().running_requests == 1, "the request never came")
        else:
            self.at = at_stage.get(timeout=PATIENCE)
        self.held.append(self.at)
        if stage in ("locked-down", *WORKING[1:], "answer-complete"):
            self.pid = self.at.pid

    def go_on(self) -> None:
        for held in self.held:
            held.go_on()


def kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):  # a worker that has answered may have ended
            os.kill(pid, signal.SIGKILL)
    eventually(lambda: not any(is_running(pid) for pid in pids), "SIGKILL did not kill")


def strike(request: Request, stage: str, victim: str) -> None:
    daemon = request.daemon
    if victim in ("launcher", "serving-launcher"):
        sessions, workers = daemon.sessions(), daemon.workers()
        kill([daemon.launcher() if victim == "launcher" else daemon.serving_launcher()])
        eventually(lambda: not any(is_running(pid) for pid in workers), f"a worker is left of {sessions}")
    elif victim == "worker":
        kill([request.pid] if request.pid else daemon.workers())
    elif victim == "idle":
        # Of two that wait for a job neither is the request's before it has chosen.
        kill([pid for pid in daemon.workers() if pid != request.pid][:1])
    elif victim == "client":
        assert request.client is not None
        request.client.kill()
    elif victim == "cancel":
        assert request.call is not None
        if outcome(stage, victim) == "CANCELLED":
            request.call.cancel()


def after_the_daemon(daemon: FaultyDaemon, request: Request) -> None:
    """Nothing outlives it, though some of it stands still; the next one needs no help."""
    pids, sessions = family(daemon), daemon.sessions()
    kill([daemon.pid])
    assert daemon.process.wait() == -signal.SIGKILL
    no_process_of(sessions, pids)
    request.go_on()
    daemon.stub.close()
    daemon.start()


def check(daemon: FaultyDaemon, stage: str, victim: str) -> None:
    with ExitStack() as stack:
        request = Request(daemon, stage, victim, stack)
        if outcome(stage, victim) == "ACCEPTED" and stage in (*ANSWERED, "fd-handed") and request.call:
            eventually(lambda: bool(request.call.outcome), "the answer never came")
        if victim == "daemon":
            after_the_daemon(daemon, request)
        else:
            strike(request, stage, victim)
            request.go_on()
        if request.call is not None:
            assert request.call.result() == outcome(stage, victim)
            if victim == "cancel" and outcome(stage, victim) == "CANCELLED" and stage not in OTHER_CALLS:
                daemon.no_lease_is_left()
            request.call.end()
    daemon.works()
    daemon.nothing_is_left()


def run(daemons: Daemons, tier: str, stage: str, victim: str) -> None:
    daemon = daemons.get(tier, warm=1 if stage in STARTING else 2)
    try:
        check(daemon, stage, victim)
    except BaseException:
        daemons.drop(daemon)
        raise


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(("stage", "victim"), CASES)
def test_at_each_stage(daemons: Daemons, stage: str, victim: str, tier: str) -> None:
    run(daemons, tier, stage, victim)
