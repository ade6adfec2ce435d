"""A daemon with fault points, and all that it consists of."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from corpora import opcodes as op
from corpora.models import write_joblib
from integration.daemon import ACCEPTED, BIN, Daemon, Holdings, descendants, parent_of

from .control import Control

SMALL = op.stream(op.value({"a": [1, 2, 3]}))
WARM = 2
LONG = os.environ.get("LOADLOCK_LONG") == "1"
TIERS = "ABC" if LONG else "A"


def model() -> bytes:
    """Its graph takes several packets, its data is decoded, and both are too large to be inline."""
    return write_joblib({"names": [f"a name of number {i}" for i in range(5_000)], "x": np.arange(40_000.0)},
                        4, "zlib")  # fmt: skip


def eventually(true: Callable[[], bool], what: str, seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def session_of(pid: int) -> int | None:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[3])
    except (FileNotFoundError, ProcessLookupError):
        return None


def is_running(pid: int) -> bool:
    """Neither gone nor a zombie that its parent has not looked at yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


class FaultyDaemon(Daemon):
    """`idle` is what it holds while nobody asks."""

    program = "loadlockd-faults"

    def __init__(self, *flags: str, limits: str = "", config: str = "", warm: int = WARM) -> None:
        config += f" limits {{ warm_workers: {warm} {limits} }}"
        super().__init__("--log-level", "error", *flags, config=config)
        worker = self.base / "loadlock-worker"
        worker.symlink_to(BIN / "loadlock-worker-faults")
        self.flags += ["--worker", str(worker)]
        self.warm = warm
        self.control = Control(self.base / "faults")
        self.environment = {"LOADLOCK_FAULTS": str(self.base / "faults")}
        self.file = self.write("model.joblib", model())

    def start(self, timeout: float = 30) -> FaultyDaemon:
        super().start(timeout)
        self.idle = self.filled()
        return self

    def stop(self, expect: int | None = 0) -> None:
        try:
            super().stop(expect)
        finally:
            self.control.close()

    def filled(self) -> Holdings:
        eventually(lambda: self.stub.info().ready_workers == self.warm, "the pool never filled")
        return self.holdings()

    def launcher(self) -> int:
        (child,) = [pid for pid in self.children() if parent_of(pid) == self.pid]
        return child

    def serving_launcher(self) -> int:
        """At tier A a child of the first; it is older than its workers."""
        first = self.launcher()
        if self.stub.info().tier != 1:
            return first
        return min(pid for pid in self.children() if parent_of(pid) == first)

    def workers(self) -> list[int]:
        return [pid for pid in self.children() if parent_of(pid) == self.serving_launcher()]

    def use_up_the_pool(self) -> None:
        """So that the making of the next worker is on a request's way."""
        for pid in self.workers():
            os.kill(pid, signal.SIGKILL)

    def sessions(self) -> set[int]:
        """The launcher leads a session of its own, which its workers cannot leave."""
        return {session for pid in self.children() if (session := session_of(pid)) is not None}

    def works(self) -> None:
        report = self.stub.audit(SMALL)
        assert report.verdict == ACCEPTED, report.findings

    def no_lease_is_left(self) -> None:
        eventually(lambda: self.stub.info().leases == 0, "a lease is left")

    def nothing_is_left(self) -> None:
        """No request, lease, descriptor, memory file, process or file more than when it was idle."""
        eventually(lambda: self.stub.info().running_requests == 0, "a request never ended")
        self.no_lease_is_left()
        more = self.settled(self.idle, 30).above(self.idle)
        assert not more, (more, self.descriptors())


def no_process_of(sessions: set[int], pids: list[int], seconds: float = 5) -> None:
    own = os.getsid(0)

    def gone() -> bool:
        everybody = [int(name) for name in os.listdir("/proc") if name.isdigit()]
        left = [pid for pid in everybody if session_of(pid) in sessions - {own} and is_running(pid)]
        return not left and not any(is_running(pid) for pid in pids)

    eventually(gone, "a process outlived the daemon", seconds)


def family(daemon: Daemon) -> list[int]:
    return descendants(daemon.pid)
