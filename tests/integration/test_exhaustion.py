"""What a machine runs out of: descriptors, processes, disk. Clear answers, and afterwards all works."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from types import MappingProxyType

import grpc
import pytest

from corpora import opcodes as op

from .daemon import ACCEPTED, BIN, SANITIZED, Daemon
from .no_processes import limited, no_new_processes
from .test_processes import launcher

SMALL = op.stream(op.value({"a": [1, 2, 3]}))
CLEAR = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED)


@pytest.fixture(params=["A", "B", "C"])
def own(request: pytest.FixtureRequest) -> Iterator[Daemon]:
    with Daemon("--tier", request.param, "--log-level", "error") as daemon:
        yield daemon


class WithoutThreads(Daemon):
    """gRPC's timer manager loses 40 bytes for each thread that it may not start. Only frames tell that
    this is its own leak, and Debian's library has none but those of the slow unwinder."""

    environment = MappingProxyType(
        {
            "ASAN_OPTIONS": "fast_unwind_on_malloc=0",
            "LSAN_OPTIONS": f"suppressions={Path(__file__).with_name('grpc.lsan')}:print_suppressions=0",
        }
    )


def answers(daemon: Daemon, count: int) -> tuple[int, set[str]]:
    """How many audits were accepted, and the messages of those that failed, with a clear status."""
    accepted, messages = 0, set()
    for _ in range(count):
        try:
            assert daemon.stub.audit(SMALL).verdict == ACCEPTED
            accepted += 1
        except grpc.RpcError as failure:
            assert failure.code() in CLEAR, failure
            messages.add(failure.details())
    return accepted, messages


def recovers(daemon: Daemon, seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while answers(daemon, 1)[0] == 0:
        assert time.monotonic() < deadline, "the daemon never recovered"
        time.sleep(0.1)
    assert answers(daemon, 30) == (30, set())


def serving_launcher(daemon: Daemon) -> int:
    """The process that makes the workers: at tier A a child of the first."""
    first = launcher(daemon)
    children = Path(f"/proc/{first}/task/{first}/children").read_text().split()
    inner = [int(pid) for pid in children if Path(f"/proc/{pid}/task/{pid}/children").read_text()]
    assert len(inner) <= 1
    return inner[0] if inner else first


# UBSan asks the kernel through a pipe whether an object is one, and without descriptors takes the
# failure for a no.
if not SANITIZED:

    def test_no_descriptors_left(own: Daemon) -> None:
        before = own.full_pool()
        with limited(own.pid, resource.RLIMIT_NOFILE, len(own.descriptors()) + 1):
            _, messages = answers(own, 20)
            assert messages, "the limit was not reached"
            assert own.process.poll() is None
        recovers(own)
        assert not own.settled(before).above(before)

    @pytest.mark.parametrize("spare", range(2, 12))
    def test_few_descriptors_left(spare: int) -> None:
        """Every place that makes a descriptor is the one that fails, for some number of spare ones."""
        with Daemon("--log-level", "error") as daemon:
            assert answers(daemon, 3) == (3, set())
            before = daemon.full_pool()
            with limited(daemon.pid, resource.RLIMIT_NOFILE, len(daemon.descriptors()) + spare):
                answers(daemon, 20)
            recovers(daemon)
            assert not daemon.settled(before).above(before)


@pytest.mark.limit_of_tasks
def test_no_process_can_be_made(own: Daemon) -> None:
    before = own.full_pool()
    with no_new_processes(serving_launcher(own)):
        accepted, messages = answers(own, 60)
        assert accepted < 60
        assert any("clone" in message or "unshare" in message for message in messages), messages
    recovers(own)
    assert not own.settled(before).above(before)


@pytest.mark.limit_of_tasks
@pytest.mark.parametrize("tier", ["A", "B", "C"])
def test_no_launcher_can_be_made(tier: str) -> None:
    """The daemon itself has no process left for another one when its launcher dies."""
    short = "limits { max_wall_time { seconds: 2 } }"
    with WithoutThreads("--tier", tier, "--log-level", "error", config=short) as own:
        before = own.full_pool()
        with no_new_processes(own.pid):
            os.kill(launcher(own), signal.SIGKILL)
            deadline = time.monotonic() + 15
            accepted, messages = answers(own, 1)
            # Workers that were ready answer, or are lost with the launcher.
            while time.monotonic() < deadline and (accepted or any("was lost" in text for text in messages)):
                accepted, messages = answers(own, 1)
            assert messages == {"no worker: the launcher of workers died"}
            assert answers(own, 1) == (0, messages)
            assert not own.children()
            assert own.process.poll() is None
        recovers(own)
        assert not own.settled(before).above(before)


def test_a_log_on_a_full_disk() -> None:
    with Daemon("--log-file", "/dev/full") as daemon:
        assert answers(daemon, 20) == (20, set())


def test_a_command_without_a_folder_for_its_daemon(tmp_path: Path) -> None:
    """TMPDIR is where a private daemon's socket goes."""
    artifact = tmp_path / "a.pkl"
    artifact.write_bytes(SMALL)
    run = subprocess.run(
        [str(BIN / "loadlock"), "audit", str(artifact)],
        env=dict(os.environ, TMPDIR="/nonexistent", LOADLOCK_ADDRESS=""),
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert run.returncode == 2
    assert "/nonexistent" in run.stderr + run.stdout
    assert len((run.stderr + run.stdout).strip().splitlines()) <= 2
