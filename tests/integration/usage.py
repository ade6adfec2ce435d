"""What the daemon and its workers take: processor time and memory, read from /proc."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from pathlib import Path

from .daemon import Daemon, descendants, parent_of

MIB = 1 << 20
_TICKS = os.sysconf("SC_CLK_TCK")


def status(pid: int, name: str) -> int:
    """A size in /proc/PID/status, in bytes; 0 if the process has gone."""
    try:
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def cpu_seconds(pid: int) -> float:
    """User and system time of a process without its children; 0 if it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def launcher_of(daemon: Daemon) -> int:
    """The daemon's only child; its workers are the launcher's."""
    (launcher,) = (pid for pid in descendants(daemon.pid) if parent_of(pid) == daemon.pid)
    return launcher


@dataclass
class Watch:
    """While it is entered: the peaks of the daemon and of the worker that took most.

    The daemon's peak is the kernel's own count, reset at the start. A worker lives until its verdict
    is found, so that sampling it sees its peak, but for what it touched in its last milliseconds."""

    daemon: Daemon
    worker_peak: int = 0
    worker_cpu: float = 0
    daemon_peak: int = 0
    daemon_cpu: float = 0
    daemon_before: int = 0
    _end: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Watch:
        Path(f"/proc/{self.daemon.pid}/clear_refs").write_text("5")
        self.daemon_before = status(self.daemon.pid, "VmRSS")
        self._cpu = cpu_seconds(self.daemon.pid)
        self._launcher = launcher_of(self.daemon)
        self._look(descendants(self._launcher))
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._end.set()
        self._thread.join()
        self.daemon_peak = status(self.daemon.pid, "VmHWM")
        self.daemon_cpu = cpu_seconds(self.daemon.pid) - self._cpu

    def _sample(self) -> None:
        workers: list[int] = []
        turn = 0
        while not self._end.wait(0.003):
            if turn % 8 == 0:
                workers = descendants(self._launcher)
            turn += 1
            self._look(workers)

    def _look(self, workers: list[int]) -> None:
        for pid in workers:
            self.worker_peak = max(self.worker_peak, status(pid, "VmHWM"))
            self.worker_cpu = max(self.worker_cpu, cpu_seconds(pid))

    def line(self) -> str:
        grown = self.daemon_peak - self.daemon_before
        return (
            f"worker peak {self.worker_peak // MIB:5} MiB, {self.worker_cpu:5.2f} s; "
            f"daemon peak {self.daemon_peak // MIB:5} MiB (+{grown // MIB}), {self.daemon_cpu:5.2f} s"
        )
