"""Workers and the launcher die or stop while requests run; the daemon goes on."""

from __future__ import annotations

import contextlib
import functools
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import grpc
import numpy as np
import pytest
from loadlock._proto import service_pb2 as pb

from corpora import opcodes as op
from corpora.models import write_joblib

from .daemon import ACCEPTED, BUILD, REFUSED, Daemon, descendants, error_rules, parent_of

SMALL = op.stream(op.value({"a": [1, 2, 3]}))


@functools.cache
def slow_artifact() -> bytes:
    """Keeps a worker busy for a second or more."""
    noise = np.random.default_rng(0).bytes(8_000_000)
    return write_joblib({"x": noise * 2}, 4, "bz2")


@pytest.fixture(params=["A", "B", "C"])
def own(request: pytest.FixtureRequest) -> Iterator[Daemon]:
    """A daemon that only this test may hurt."""
    with Daemon("--tier", request.param, "--log-level", "error") as daemon:
        daemon.slow = str(daemon.write("slow.joblib", slow_artifact()))
        yield daemon


def launcher(daemon: Daemon) -> int:
    (child,) = [pid for pid in daemon.children() if parent_of(pid) == daemon.pid]
    return child


def workers(daemon: Daemon) -> list[int]:
    return [pid for pid in daemon.children() if pid != launcher(daemon)]


def cpu(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return int(fields[11]) + int(fields[12])


def busy_worker(daemon: Daemon) -> int:
    """The worker that is decompressing: in tier A possibly below a process that only waits."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = [pid for pid in workers(daemon) if cpu(pid) > 5]
        if found:
            return max(found, key=cpu)
        time.sleep(0.005)
    raise AssertionError("no worker is at work")


def test_a_killed_worker_is_a_refusal(own: Daemon) -> None:
    call = own.stub.future("AuditModel", pb.AuditModelRequest(path=own.slow))
    os.kill(busy_worker(own), signal.SIGKILL)
    report = call.result().report
    assert report.verdict == REFUSED
    assert error_rules(report) == {"WORKER_KILLED_SIGNAL"}, report.findings
    assert "SIGKILL" in report.findings[0].message
    assert own.stub.audit(SMALL).verdict == ACCEPTED


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGTERM, signal.SIGABRT])
def test_another_signal_ends_the_worker_or_does_nothing(own: Daemon, number: int) -> None:
    """PID 1 of a namespace ignores what it has no handler for; both are a verdict."""
    call = own.stub.future("AuditModel", pb.AuditModelRequest(path=own.slow))
    os.kill(busy_worker(own), number)
    report = call.result().report
    if report.verdict == REFUSED:
        assert error_rules(report) <= {"WORKER_KILLED_SIGNAL", "WORKER_PROTOCOL"}, report.findings
    assert own.stub.audit(SMALL).verdict == ACCEPTED


def test_killing_one_worker_does_not_touch_another_request(own: Daemon) -> None:
    first = own.stub.future("AuditModel", pb.AuditModelRequest(path=own.slow))
    victim = busy_worker(own)
    second = own.stub.future("AuditModel", pb.AuditModelRequest(path=own.slow))
    os.kill(victim, signal.SIGKILL)
    assert first.result().report.verdict == REFUSED
    assert second.result().report.verdict == ACCEPTED


def test_all_warm_workers_killed(own: Daemon) -> None:
    for _ in range(3):
        victims = workers(own)
        for pid in victims:
            with contextlib.suppress(ProcessLookupError):  # went with its parent
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 5
        while any(Path(f"/proc/{pid}").exists() for pid in victims) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert own.stub.audit(SMALL).verdict == ACCEPTED


def test_a_stopped_worker_meets_the_deadline() -> None:
    config = "limits { max_wall_time { seconds: 2 } }"
    with Daemon("--log-level", "error", config=config) as daemon:
        slow = str(daemon.write("slow.joblib", slow_artifact()))
        before = daemon.full_pool()
        call = daemon.stub.future("AuditModel", pb.AuditModelRequest(path=slow))
        pid = busy_worker(daemon)
        os.kill(pid, signal.SIGSTOP)
        started = time.monotonic()
        report = call.result().report
        assert report.verdict == REFUSED
        assert error_rules(report) == {"WORKER_DEADLINE"}, report.findings
        assert time.monotonic() - started < 6
        assert not daemon.settled(before).above(before)
        assert not Path(f"/proc/{pid}").exists(), "a stopped worker was left behind"


def test_the_launcher_killed(own: Daemon) -> None:
    """Requests that run are refused or fail cleanly; the next ones find a new launcher."""
    old = launcher(own)
    call = own.stub.future("AuditModel", pb.AuditModelRequest(path=own.slow))
    worker = busy_worker(own)
    os.kill(old, signal.SIGKILL)
    try:
        assert call.result().report.verdict == REFUSED
    except grpc.RpcError as failure:
        assert failure.code() == grpc.StatusCode.UNAVAILABLE
    deadline = time.monotonic() + 10
    while True:
        try:
            assert own.stub.audit(SMALL).verdict == ACCEPTED
            break
        except grpc.RpcError as failure:
            assert failure.code() == grpc.StatusCode.UNAVAILABLE
            assert time.monotonic() < deadline, "the daemon never recovered"
            time.sleep(0.1)
    assert launcher(own) != old
    deadline = time.monotonic() + 5
    while Path(f"/proc/{worker}").exists():
        assert time.monotonic() < deadline, "a worker outlived its launcher"
        time.sleep(0.05)


def test_a_stopped_launcher_fails_requests_in_time(own: Daemon) -> None:
    """Warm workers serve on; when they are used up, a deadline answers instead of a hang."""
    pid = launcher(own)
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(12):
            try:
                own.stub.unary("AuditModel", pb.AuditModelRequest(content=SMALL), timeout=3)
            except grpc.RpcError as failure:
                assert failure.code() in (
                    grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE,
                    grpc.StatusCode.RESOURCE_EXHAUSTED,
                )  # fmt: skip
                break
        assert own.stub.info().version
    finally:
        os.kill(pid, signal.SIGCONT)
    assert own.stub.audit(SMALL).verdict == ACCEPTED


def test_the_daemon_killed_leaves_no_process() -> None:
    daemon = Daemon("--log-level", "error").start()
    daemon.full_pool()
    children = daemon.children()
    assert len(children) >= 2
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.process.wait()
    deadline = time.monotonic() + 5
    while [pid for pid in children if Path(f"/proc/{pid}").exists()]:
        assert time.monotonic() < deadline, "the launcher or a worker outlived the daemon"
        time.sleep(0.05)
    daemon.stop(expect=None)


def status_of(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":", 1) for line in lines if ":" in line)


def test_a_worker_holds_nothing(own: Daemon) -> None:
    """Warm workers: seccomp on, no capability, no descriptor but the channel and standard ones."""
    own.full_pool()
    filters = int(status_of(own.pid)["Seccomp_filters"])
    locked_down = 0
    for pid in workers(own):
        status = status_of(pid)
        if int(status["Seccomp_filters"]) == filters:
            continue  # a parent of a worker in its own pid namespace, or not locked down yet
        locked_down += 1
        assert status["Seccomp"].strip() == "2"
        assert status["NoNewPrivs"].strip() == "1"
        for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
            if kind != "CapBnd":
                assert int(status[kind], 16) == 0, kind
        # A sanitizer's report needs standard error; only those builds leave it open.
        kept = {"2"} if BUILD.name in ("asan", "tsan") else set()
        if os.geteuid() != 0 and not os.access(f"/proc/{pid}/fd", os.R_OK):
            continue  # closed to other processes of the same user, as it should be
        assert os.geteuid() == 0 or own.stub.info().tier == 1
        names = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in set(os.listdir(f"/proc/{pid}/fd")) - kept]
        assert all(name.startswith(("socket:", "/dev/null", "pipe:", "/memfd:")) for name in names), names
    assert locked_down > 0
    assert set(descendants(own.pid)) == {launcher(own), *workers(own)}
