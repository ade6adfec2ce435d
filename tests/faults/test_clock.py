"""A wall clock that jumps by a day ends nothing early and keeps nothing alive."""

from __future__ import annotations

import mmap
import os
import signal
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loadlock._proto import service_pb2 as pb

from integration.daemon import BIN, SANITIZED

from .calls import CALLS, Call
from .control import PATIENCE
from .daemon import FaultyDaemon, eventually

DAY = 86_400
JUMPS = (DAY, -DAY)
WALL = 2


class Jumping(FaultyDaemon):
    def __init__(self, config: str = "") -> None:
        super().__init__(limits=f"max_wall_time {{ seconds: {WALL} }}", config=config)
        clock = self.base / "clock"
        clock.write_bytes(bytes(8))
        with clock.open("r+b") as file:
            self._offset = mmap.mmap(file.fileno(), 8)
        preload = {"LD_PRELOAD": str(BIN / "loadlock_wall_clock.so"), "LOADLOCK_WALL_CLOCK": str(clock)}
        self.environment = {**self.environment, **preload}

    def jump(self, seconds: int) -> None:
        self._offset[:] = struct.pack("q", seconds)

    def wall_clock(self) -> float:
        """As the daemon reads it: a lease of a minute ends in a minute."""
        lease = self.load().lease
        self.stub.unary("UnloadModel", pb.UnloadModelRequest(token=lease.token))
        return lease.expires.seconds - 60

    def load(self, seconds: float = 60) -> Any:
        request = pb.LoadModelRequest(path=str(self.file))
        request.lease_duration.FromNanoseconds(int(seconds * 1e9))
        return self.stub.unary("LoadModel", request)

    def request(self) -> Call:
        return CALLS["Load"](str(self.socket), self.file).start()


# With a sanitizer nothing may be loaded before its run-time library.
if not SANITIZED:

    @pytest.fixture
    def daemon() -> Iterator[Jumping]:
        jumping = Jumping().start()
        yield jumping
        if jumping.process.poll() is None:
            jumping.stop()
        else:
            jumping.stop(expect=None)

    @pytest.mark.parametrize("seconds", JUMPS)
    def test_the_clock_does_jump(daemon: Jumping, seconds: int) -> None:
        """Without this the others could pass for want of a jump."""
        daemon.jump(seconds)
        assert abs(daemon.wall_clock() - time.time() - seconds) < 60

    @pytest.mark.parametrize("seconds", JUMPS)
    def test_a_lease(daemon: Jumping, seconds: int) -> None:
        kept, short = daemon.load(60).lease, daemon.load(1).lease
        daemon.jump(seconds)
        time.sleep(0.1)
        assert daemon.stub.info().leases == 2, "a lease ended before its time"
        eventually(lambda: daemon.stub.info().leases == 1, "a lease did not end at its time", 5)
        parts = list(daemon.stub.down("FetchModel", pb.FetchModelRequest(token=kept.token)))
        assert parts[-1].HasField("end")
        assert short.token != kept.token

    @pytest.mark.parametrize("seconds", JUMPS)
    @pytest.mark.parametrize("stage", ["received", "opened", "acquired", "parsing", "output-read"])
    def test_a_request_within_its_time(daemon: Jumping, stage: str, seconds: int) -> None:
        with daemon.control.stop_at(stage) as arrived:
            call = daemon.request()
            held = arrived.get(timeout=PATIENCE)
            daemon.jump(seconds)
            time.sleep(0.1)
            held.go_on()
            assert call.end() == "ACCEPTED"
        daemon.nothing_is_left()

    @pytest.mark.parametrize("seconds", JUMPS)
    def test_a_request_beyond_its_time(daemon: Jumping, seconds: int) -> None:
        with daemon.control.stop_at("parsing") as arrived:
            call = daemon.request()
            arrived.get(timeout=PATIENCE)
            started = time.monotonic()
            daemon.jump(seconds)
            assert call.end() == "REFUSED:WORKER_DEADLINE"
            assert WALL / 2 < time.monotonic() - started < WALL + 5
        daemon.nothing_is_left()

    @pytest.mark.parametrize("seconds", JUMPS)
    def test_a_launcher_is_replaced(daemon: Jumping, seconds: int) -> None:
        daemon.jump(seconds)
        os.kill(daemon.launcher(), signal.SIGKILL)
        started = time.monotonic()
        while daemon.request().end() != "ACCEPTED":
            assert time.monotonic() - started < 10, "the launcher is not replaced"
        daemon.nothing_is_left()

    @pytest.mark.parametrize("seconds", JUMPS)
    def test_the_pool_is_refilled(daemon: Jumping, seconds: int) -> None:
        """After failures it pauses, by a clock."""
        for pid in daemon.workers():
            os.kill(pid, signal.SIGKILL)
        daemon.jump(seconds)
        eventually(lambda: daemon.stub.info().ready_workers == daemon.warm, "the pool is not refilled", 5)

    @pytest.mark.parametrize("seconds", JUMPS)
    def test_a_drain(seconds: int) -> None:
        """It waits for a request that runs, and not for ever."""
        for patience, outcome in ((10, "ACCEPTED"), (1, "UNAVAILABLE")):
            daemon = Jumping(f"drain_timeout {{ seconds: {patience} }}").start()
            with daemon.control.stop_at("parsing") as arrived:
                call = daemon.request()
                held = arrived.get(timeout=PATIENCE)
                daemon.process.send_signal(signal.SIGTERM)
                eventually(lambda d=daemon: d.stub.health() == 2, "it does not drain")
                daemon.jump(seconds)
                time.sleep(0.1)
                if outcome == "ACCEPTED":
                    held.go_on()
                assert call.end().startswith(outcome)
                assert daemon.process.wait(timeout=WALL + 5) == 0
            daemon.stop()


def test_nothing_in_the_tree_asks_for_the_wall_clock_but_what_shows_it() -> None:
    """Where time is shown to people, and where gRPC is told a point in time."""
    allowed = {
        "server/rpc/daemon.cc": 2, "server/rpc/leases.cc": 1, "server/rpc/servers.cc": 1,
        "server/rpc/service.cc": 2, "client/cli/progress.cc": 1,
    }  # fmt: skip
    root = Path(__file__).resolve().parents[2]
    found = {
        str(path.relative_to(root)): count
        for top in ("server", "sandbox", "client")
        for path in sorted((root / top).rglob("*.cc"))
        if "_test" not in path.name and "testing" not in path.parts
        if (count := path.read_text().count("absl::Now()"))
    }
    assert found == allowed
