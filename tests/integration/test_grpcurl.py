"""The service through an ordinary tool: grpcurl, by reflection alone."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from pathlib import Path
from typing import Any

from corpora import opcodes as op

from .daemon import ROOT, Daemon

GRPCURL = os.environ.get("GRPCURL", str(ROOT / "build" / "tools" / "grpcurl"))


def grpcurl(daemon: Daemon, *arguments: str, data: Any = None) -> subprocess.CompletedProcess[str]:
    request = ["-d", json.dumps(data)] if data is not None else []
    return subprocess.run(
        [GRPCURL, "-plaintext", "-unix", *request, str(daemon.socket), *arguments],
        capture_output=True, text=True, timeout=30, check=False,
    )  # fmt: skip


def test_reflection_lists_and_describes(daemon: Daemon) -> None:
    listed = grpcurl(daemon, "list")
    assert listed.returncode == 0, listed.stderr
    assert "loadlock.v1.LoadLock" in listed.stdout.split()
    methods = grpcurl(daemon, "list", "loadlock.v1.LoadLock").stdout.split()
    assert len(methods) == 9
    described = grpcurl(daemon, "describe", "loadlock.v1.AuditModelRequest")
    assert "bytes content" in described.stdout


def test_an_audit_of_a_good_and_a_poisoned_file(daemon: Daemon, canary: Path) -> None:
    good = daemon.write("good.pkl", op.stream(op.value({"a": 1})))
    answer = grpcurl(daemon, "loadlock.v1.LoadLock/AuditModel", data={"path": str(good)})
    assert answer.returncode == 0, answer.stderr
    assert json.loads(answer.stdout)["report"]["verdict"] == "VERDICT_ACCEPTED"
    evil = op.stream(op.call(op.global_("posix", "system"), f"touch {canary}"))
    content = base64.b64encode(evil).decode()
    answer = grpcurl(daemon, "loadlock.v1.LoadLock/AuditModel", data={"content": content})
    assert answer.returncode == 0
    report = json.loads(answer.stdout)["report"]
    assert report["verdict"] == "VERDICT_REFUSED"
    assert report["findings"][0]["name"] == "posix.system"
    good.unlink()


def test_error_details_are_readable(daemon: Daemon, canary: Path) -> None:
    evil = daemon.write("evil.pkl", op.stream(op.call(op.global_("posix", "system"), f"touch {canary}")))
    refused = grpcurl(daemon, "loadlock.v1.LoadLock/LoadModel", data={"path": str(evil)})
    assert refused.returncode == 64 + 9, refused.stderr
    assert "google.rpc.ErrorInfo" in refused.stderr
    assert "NAME_NOT_LISTED" in refused.stderr
    assert "loadlock.v1.Report" in refused.stderr
    outside = grpcurl(daemon, "loadlock.v1.LoadLock/AuditModel", data={"path": "/etc/passwd"})
    assert outside.returncode == 64 + 7
    evil.unlink()
