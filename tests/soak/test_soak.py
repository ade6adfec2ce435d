"""What a daemon holds does not grow with what it has done.

Small requests from four connections and mutated models beside them: two minutes of both by default,
a million requests and 10,000 mutants with LOADLOCK_LONG=1. Memory and descriptors of daemon and
launcher are sampled, printed, and flat over the last third."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections import Counter
from pathlib import Path

import grpc
import pytest

from corpora import opcodes as op
from corpora.models import models, write_joblib
from corpora.mutate import mutants
from integration.daemon import ACCEPTED, BIN, REFUSED, Daemon, descendants
from integration.usage import MIB, launcher_of, status

LONG = os.environ.get("LOADLOCK_LONG") == "1"
REQUESTS, MUTANTS = (1_000_000, 10_000) if LONG else (100_000_000, 100_000_000)
SECONDS = 3 * 3600 if LONG else 120
SAMPLE_EVERY = 1.0
# Over the last third, between the medians of its two halves: pages that malloc touches late. A byte
# a request that is not given back would be more in the long form, 64 bytes in the short one.
RSS_GROWTH = 2 * MIB
FD_GROWTH = 2


class Holder:
    """A process whose memory and descriptors are followed."""

    def __init__(self, name: str, pid: int) -> None:
        self.name, self.pid = name, pid
        self.rss: list[int] = []
        self.fds: list[int] = []

    def sample(self) -> None:
        self.rss.append(status(self.pid, "VmRSS"))
        self.fds.append(len(os.listdir(f"/proc/{self.pid}/fd")))

    def grown(self, values: list[int]) -> int:
        last = values[-(len(values) // 3) :]
        half = len(last) // 2
        return sorted(last[half:])[(len(last) - half) // 2] - sorted(last[:half])[half // 2]

    def lines(self) -> str:
        points = [len(self.rss) * part // 10 for part in range(10)] + [len(self.rss) - 1]
        shown = ", ".join(f"{self.rss[p] / MIB:.1f}/{self.fds[p]}" for p in points)
        return (
            f"{self.name}: RSS in MiB/descriptors at each tenth: {shown}; last third grew by "
            f"{self.grown(self.rss) // 1024} KiB and {self.grown(self.fds)} descriptors"
        )


def busy(daemon: Daemon, good: Path, bad: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [BIN / "loadlock-soak", str(daemon.socket), good, bad, str(REQUESTS), str(SECONDS)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_soak() -> None:
    scaler = next(model.fitted for model in models(words=30) if model.name == "scaler")
    verdicts: Counter[int] = Counter()
    with Daemon("--log-level", "error") as daemon:
        good = daemon.write("good.joblib", write_joblib(scaler, 4))
        bad = daemon.write("bad.pkl", op.stream(op.call(op.global_("posix", "system"), "true")))
        before = daemon.full_pool()
        launcher = launcher_of(daemon)
        holders = [Holder("daemon", daemon.pid), Holder("launcher", launcher)]
        driver = busy(daemon, good, bad)
        waiting = mutants(MUTANTS, seed=int(time.time()) if LONG else 7)
        sampled = 0.0
        while driver.poll() is None or (LONG and verdicts.total() < MUTANTS):
            if time.monotonic() - sampled > SAMPLE_EVERY:
                sampled = time.monotonic()
                for holder in holders:
                    holder.sample()
            one = next(waiting, None)
            if one is None:
                time.sleep(SAMPLE_EVERY / 4)
                continue
            name, data = one
            try:
                verdicts[daemon.audit_bytes(data).verdict] += 1
            except grpc.RpcError as failed:
                pytest.fail(f"{name}: {failed.code()} {failed.details()}")
        assert driver.stdout is not None
        done = json.loads(driver.stdout.read())
        print(f"\n{done}; mutants: {verdicts[ACCEPTED]} accepted, {verdicts[REFUSED]} refused")
        for holder in holders:
            print(holder.lines())
        assert driver.returncode == 0
        assert set(verdicts) == {ACCEPTED, REFUSED}
        assert launcher_of(daemon) == launcher, "the launcher was replaced"
        for holder in holders:
            assert len(holder.rss) >= 60
            assert holder.grown(holder.rss) <= RSS_GROWTH
            assert holder.grown(holder.fds) <= FD_GROWTH
        assert not daemon.settled(before).above(before)
        left = descendants(daemon.pid)
    assert not [pid for pid in left if Path(f"/proc/{pid}").exists()], "processes are left"
