"""Every bomb has a verdict in bounded memory and processor time, and leaves nothing behind.

    pytest -s -k test_bombs   # prints what each took

The budgets are those of server/config/defaults.h for a file of its size; nothing here is a wall-clock
time, which a busy machine stretches."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from corpora.bombs import BUILDERS, Bomb

from .daemon import ACCEPTED, REFUSED, SANITIZED, Daemon, errors
from .usage import MIB, Watch, status

# A sanitizer takes memory and time of its own.
BUDGETS_HOLD = not SANITIZED
BOMBS = {bomb.name: bomb for builder in BUILDERS for bomb in builder()}

# What an idle worker takes, with the libraries that it maps.
WORKER_BASE = 24 * MIB
# max_cpu_time, whole seconds, plus the one in which the kernel notices.
WORKER_CPU = 31
# 10^7 nodes are checked in some seconds.
DAEMON_CPU = 20
# What malloc may keep after a large graph, some seconds later.
KEPT = 48 * MIB


def decoded_budget(size: int) -> int:
    return min(2048 * MIB, 128 * MIB + 1032 * size)


def heap_budget(size: int) -> int:
    return min(1024 * MIB, 128 * MIB + 128 * size)


def nodes_budget(size: int) -> int:
    return 24 * min(10_000_000, 4_000_000 + 16 * size)


@pytest.fixture(scope="module")
def bombed() -> Iterator[Daemon]:
    with Daemon("--log-level", "error") as running:
        running.baseline = None
        yield running


def gives_back(daemon: Daemon, most: int) -> bool:
    """malloc returns free memory in the daemon's own time."""
    deadline = time.monotonic() + 15
    while status(daemon.pid, "VmRSS") > most and time.monotonic() < deadline:
        time.sleep(0.1)
    return status(daemon.pid, "VmRSS") <= most


def audit(daemon: Daemon, bomb: Bomb, data: bytes) -> object:
    path = daemon.write("bomb.bin", data)
    try:
        return daemon.stub.audit(path)
    finally:
        path.unlink()


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_bounded(name: str, bombed: Daemon) -> None:
    bomb = BOMBS[name]
    data = bomb.make()
    before = bombed.full_pool()
    baseline = status(bombed.pid, "VmRSS") if bombed.baseline is None else bombed.baseline
    bombed.baseline = baseline
    with Watch(bombed) as watch:
        report = audit(bombed, bomb, data)
    first = errors(report)[0] if errors(report) else None
    found = f"{first.rule_id} at {first.byte_offset} {first.object_path}" if first else "accepted"
    print(f"\n{name} ({len(data)} bytes): {found[:100]}\n  {watch.line()}")
    if bomb.rules:
        assert report.verdict == REFUSED
        assert first is not None
        assert first.rule_id in bomb.rules, first
        assert first.message
        assert bomb.offset is None or first.byte_offset == bomb.offset
        assert bomb.path is None or first.object_path == bomb.path
    else:
        assert report.verdict == ACCEPTED, first
    assert len(report.findings) <= 1001
    assert report.ByteSize() < 8 * MIB
    heap, decoded = heap_budget(len(data)), decoded_budget(len(data))
    if not BUDGETS_HOLD:
        return
    assert 0 < watch.worker_peak <= WORKER_BASE + len(data) + heap + decoded + nodes_budget(len(data))
    assert watch.worker_cpu <= WORKER_CPU
    # The artifact, the worker's answer, and the graph that is made of it.
    assert watch.daemon_peak - watch.daemon_before <= len(data) + decoded + 2 * heap
    assert watch.daemon_cpu <= DAEMON_CPU
    assert not bombed.settled(before).above(before)
    assert bombed.audit_bytes(b"\x80\x02N.").verdict == ACCEPTED
    assert gives_back(bombed, baseline + KEPT)


@pytest.mark.parametrize("name", ["long-of-a-million-digits", "int-of-a-million-digits"])
def test_digits_are_not_read_twice(name: str, bombed: Daemon) -> None:
    """Reading a number takes the square of its digits in Python; here long ones are refused first."""
    with Watch(bombed) as watch:
        audit(bombed, BOMBS[name], BOMBS[name].make())
    assert watch.worker_cpu < 1
