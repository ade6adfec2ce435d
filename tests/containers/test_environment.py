"""Inside one environment: the tier is the one that it promises, and everybody is told why."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from corpora import opcodes as op
from corpora.models import write_joblib
from integration.daemon import ACCEPTED, REFUSED, Daemon

TIER = os.environ["LOADLOCK_EXPECT_TIER"]
REASON = os.environ["LOADLOCK_EXPECT_REASON"]
CONTAINER = os.environ["LOADLOCK_EXPECT_CONTAINER"] == "1"
NUMBER = {"A": 1, "B": 2, "C": 3}[TIER]


def test_every_answer_and_the_log_give_the_tier_and_the_reason(tmp_path: Path) -> None:
    log = tmp_path / "log"
    config = f"log {{ level: 'info' file: '{log}' format: LOG_FORMAT_JSON }}"
    with Daemon(config=config) as daemon:
        info = daemon.stub.info()
        good = daemon.stub.audit(op.stream(op.value({"a": 1})))
        bad = daemon.stub.audit(op.stream(op.call(op.global_("posix", "system"), "true")))
        loaded = daemon.stub.load(daemon.write("x.joblib", write_joblib({"x": np.arange(10.0)}, 4)))
    assert good.verdict == ACCEPTED
    assert bad.verdict == REFUSED
    for told in (info, good, bad, loaded.report):
        assert (told.tier, told.tier_reason) == (NUMBER, REASON)
    records = [json.loads(line) for line in log.read_text().splitlines()]
    started = [record for record in records if "tier_reason" in record]
    assert len(started) == 1, records
    assert (started[0]["tier"], started[0]["tier_reason"]) == (TIER, REASON)


def test_it_does_not_serve_below_the_minimum() -> None:
    """With the best tier it starts; one that cannot be had stops it, with the same words."""
    with Daemon("--min-tier", TIER):
        pass
    if TIER != "A":
        daemon = Daemon("--min-tier", chr(ord(TIER) - 1))
        with pytest.raises(RuntimeError) as failed:
            daemon.start()
        daemon.stop(expect=None)
        assert "no isolation tier works" in str(failed.value)
        assert REASON.split("; ")[0] in str(failed.value)


def test_lower_tiers_work_too() -> None:
    """What an operator may choose for tests, and each says who chose it."""
    for tier in "ABC"["ABC".index(TIER) + 1 :]:
        with Daemon("--tier", tier) as daemon:
            info = daemon.stub.info()
            assert info.tier == {"B": 2, "C": 3}[tier]
            assert "tier A: the configuration asks for less" in info.tier_reason
            assert daemon.stub.audit(op.stream(op.value([1]))).verdict == ACCEPTED


def test_the_environment_is_what_it_says() -> None:
    """Containers: no capability, no new privileges, a filter, a root that cannot be written."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    if not CONTAINER:
        assert status["Seccomp"].strip() == "0"
        return
    assert os.getuid() == 65532
    assert int(status["CapBnd"], 16) == int(status["CapEff"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"
    with pytest.raises(OSError, match="Read-only file system"):
        Path("/file").touch()
