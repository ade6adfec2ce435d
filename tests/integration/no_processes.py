"""A process that can make no other: its clone fails with EAGAIN, as at a limit of processes."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


@contextmanager
def limited(pid: int, what: int, value: int) -> Iterator[None]:
    before = resource.prlimit(pid, what)
    resource.prlimit(pid, what, (value, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, what, before)


def group_of(pid: int) -> Path:
    """The cgroup that counts its tasks, by version 1 or 2."""
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers.split(",") == ["pids"]:
            return CGROUPS / "pids" / path.lstrip("/")
    return CGROUPS / Path(f"/proc/{pid}/cgroup").read_text().rpartition("::/")[2].strip()


@contextmanager
def no_tasks(pid: int) -> Iterator[None]:
    """Holds for root too, whom RLIMIT_NPROC does not."""
    home = group_of(pid)
    group = home / f"loadlock-test-{pid}"
    group.mkdir()
    try:
        (group / "pids.max").write_text("0")
        (group / "cgroup.procs").write_text(str(pid))
        yield
    finally:
        for left in (group / "cgroup.procs").read_text().split():
            (home / "cgroup.procs").write_text(left)
        remove(group)


def remove(group: Path) -> None:
    """What has died in it may still be reaped."""
    for _ in range(100):
        try:
            return group.rmdir()
        except OSError:
            time.sleep(0.05)
    return group.rmdir()


def no_limit_of_tasks() -> str:
    """Why this process cannot limit the number of another one's children; empty if it can."""
    if os.geteuid() != 0:
        return ""
    try:
        group = group_of(os.getpid()) / f"loadlock-test-{os.getpid()}"
        group.mkdir()
        limit = group / "pids.max"
        found = limit.exists()
        group.rmdir()
    except OSError as refused:
        return f"root is under no limit of processes, and no cgroup can be made: {refused}"
    return "" if found else "root is under no limit of processes, and no cgroup counts them"


@contextmanager
def no_new_processes(pid: int) -> Iterator[None]:
    with no_tasks(pid) if os.geteuid() == 0 else limited(pid, resource.RLIMIT_NPROC, 0):
        yield
