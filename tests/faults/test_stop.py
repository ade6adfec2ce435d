"""SIGSTOP: what stands still for ever costs its own request, by its deadline, and nobody else's."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from .calls import CALLS, Call
from .control import PATIENCE
from .daemon import TIERS, FaultyDaemon, eventually, family, is_running, no_process_of

WALL = 1
LIMITS = f"max_wall_time {{ seconds: {WALL} }}"
# What the daemon may need beside: half a second for the worker to end by itself, and a slow machine.
SLACK = 8


@contextmanager
def running(*flags: str, warm: int = 2, limits: str = LIMITS, config: str = "") -> Iterator[FaultyDaemon]:
    daemon = FaultyDaemon(*flags, limits=limits, config=config, warm=warm).start()
    try:
        yield daemon
    except BaseException:
        os.kill(daemon.pid, signal.SIGKILL)
        daemon.stop(expect=None)
        raise
    if daemon.process.poll() is None:
        daemon.stop()


def load(daemon: FaultyDaemon) -> Call:
    return CALLS["Load"](str(daemon.socket), daemon.file).start()


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize(
    ("stage", "outcome"),
    [
        ("job-read", "REFUSED:WORKER_DEADLINE"),
        ("parsing", "REFUSED:WORKER_DEADLINE"),
        ("parsed", "REFUSED:WORKER_DEADLINE"),
        ("answer-middle", "REFUSED:WORKER_DEADLINE"),
        ("answer-complete", "ACCEPTED"),
        ("locked-down", "UNAVAILABLE:NO_WORKER"),
    ],
)
def test_a_worker_stopped(stage: str, outcome: str, tier: str) -> None:
    with (
        running("--tier", tier, warm=1 if stage == "locked-down" else 2) as daemon,
        daemon.control.stop_at(stage) as arrived,
    ):
        if stage == "locked-down":
            daemon.use_up_the_pool()
        started = time.monotonic()
        call = load(daemon)
        held = arrived.get(timeout=PATIENCE)
        os.kill(held.pid, signal.SIGSTOP)
        held.go_on()
        assert call.end() == outcome
        assert time.monotonic() - started < WALL + SLACK
        eventually(lambda: not is_running(held.pid), "a stopped worker was left behind")
        daemon.works()
        daemon.nothing_is_left()


@pytest.mark.parametrize("which", ["launcher", "serving_launcher"])
@pytest.mark.parametrize("stage", ["received", "acquired", "parsing", "output-read", "answering"])
def test_the_launcher_stopped(stage: str, which: str) -> None:
    """A request that has a worker, or finds one ready, does not notice. When there are none left, a clear
    status comes by the deadline; and when the launcher goes on, so does everything."""
    with running() as daemon, daemon.control.stop_at(stage) as arrived:
        call = load(daemon)
        held = arrived.get(timeout=PATIENCE)
        victim = getattr(daemon, which)()
        os.kill(victim, signal.SIGSTOP)
        held.go_on()
        assert call.end() == "ACCEPTED"
        started = time.monotonic()
        said = {load(daemon).end() for _ in range(4)}
        # Above it stands only who waits for its end.
        assert said == ({"ACCEPTED"} if which == "launcher" else {"ACCEPTED", "UNAVAILABLE:NO_WORKER"})
        assert time.monotonic() - started < 4 * WALL + SLACK
        os.kill(victim, signal.SIGCONT)
        daemon.works()
        daemon.nothing_is_left()


def test_a_worker_killed_under_a_stopped_launcher() -> None:
    """Nobody says how it ended, so nothing is known about the artifact; that is said in time."""
    with running() as daemon, daemon.control.stop_at("parsing") as arrived:
        call = load(daemon)
        held = arrived.get(timeout=PATIENCE)
        launcher = daemon.serving_launcher()
        os.kill(launcher, signal.SIGSTOP)
        started = time.monotonic()
        os.kill(held.pid, signal.SIGKILL)
        assert call.end() == "UNAVAILABLE:WORKER_LOST"
        assert time.monotonic() - started < 5
        held.go_on()
        os.kill(launcher, signal.SIGCONT)
        daemon.works()
        daemon.nothing_is_left()


@pytest.mark.parametrize("tier", ["A", "B", "C"])
@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_a_stopped_launcher_does_not_outlive_the_daemon(end: signal.Signals, tier: str) -> None:
    with running("--tier", tier) as daemon:
        pids, sessions = family(daemon), daemon.sessions()
        for pid in {daemon.launcher(), daemon.serving_launcher()}:
            os.kill(pid, signal.SIGSTOP)
        os.kill(daemon.pid, end)
        assert daemon.process.wait(timeout=20) == (0 if end == signal.SIGTERM else -end)
        no_process_of(sessions, pids)
        daemon.stop(expect=None)


def test_a_stopped_worker_is_no_loss_while_it_is_idle() -> None:
    """It greeted long ago, so a job may be given to it; that request alone pays."""
    with running() as daemon:
        for pid in daemon.workers():
            os.kill(pid, signal.SIGSTOP)
        said = sorted(load(daemon).end() for _ in range(4))
        assert set(said[:2]) == {"ACCEPTED"}, said
        assert set(said[2:]) <= {"ACCEPTED", "REFUSED:WORKER_DEADLINE"}, said
        daemon.works()
        daemon.nothing_is_left()


def test_nobody_waits_for_a_worker_that_nobody_wants() -> None:
    """Under a stopped launcher a request that is given up does not keep its place."""
    with running(warm=1, limits="") as daemon:
        launcher = daemon.serving_launcher()
        os.kill(launcher, signal.SIGSTOP)
        daemon.use_up_the_pool()
        call = load(daemon)
        eventually(lambda: daemon.stub.info().running_requests == 1, "the request never came")
        call.cancel()
        assert call.end() == "CANCELLED"
        eventually(lambda: daemon.stub.info().running_requests == 0, "it waits for nobody", 3)
        os.kill(launcher, signal.SIGCONT)
        daemon.works()
        daemon.nothing_is_left()


def test_a_drain_does_not_wait_for_a_stopped_launcher() -> None:
    with running(warm=1, limits="", config="drain_timeout { seconds: 1 }") as daemon:
        pids, sessions = family(daemon), daemon.sessions()
        os.kill(daemon.serving_launcher(), signal.SIGSTOP)
        daemon.use_up_the_pool()
        call = load(daemon)
        eventually(lambda: daemon.stub.info().running_requests == 1, "the request never came")
        daemon.process.send_signal(signal.SIGTERM)
        assert call.end().startswith("UNAVAILABLE")
        assert daemon.process.wait(timeout=10) == 0
        no_process_of(sessions, pids)
        daemon.stop(expect=None)
