"""The audit log: a line for each verdict that anybody was told, whatever happens to the daemon."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import signal
import stat
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import grpc
import pytest
from loadlock._proto import service_pb2 as pb

from corpora import opcodes as op

from .daemon import ACCEPTED, BIN, ROOT, Daemon, error_info

GOOD = op.stream(op.value(None))
BAD = op.stream(op.instance("acme.MARKER", "Model", {"bias": 1.5}))
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


class Audited(Daemon):
    def __init__(self, base: Path, audit: str = "", more: str = "") -> None:
        self.audit_log = base / "audit.log"
        super().__init__(
            "--log-file", str(base / "daemon.log"), "--log-format", "json", base=base,
            config=f"audit {{ file: '{self.audit_log}' {audit} }} {more}",
        )  # fmt: skip

    def lines(self, path: Path | None = None) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (path or self.audit_log).read_text().splitlines()]

    def events(self, name: str) -> list[dict[str, Any]]:
        records = [json.loads(line) for line in (self.base / "daemon.log").read_text().splitlines()]
        return [record for record in records if record["event"] == name]

    def reload(self) -> None:
        """Until the daemon says what came of it."""
        before = len(self.events("reloaded") + self.events("not_reloaded"))
        os.kill(self.pid, signal.SIGHUP)
        deadline = time.monotonic() + 60
        while len(self.events("reloaded") + self.events("not_reloaded")) == before:
            assert time.monotonic() < deadline, "nothing was logged"
            time.sleep(0.02)

    def call(self, metadata: list[tuple[str, str]]) -> Any:
        """AuditModel with metadata."""
        request = pb.AuditModelRequest(content=GOOD)
        method = self.stub.channel.unary_unary(
            "/loadlock.v1.LoadLock/AuditModel",
            pb.AuditModelRequest.SerializeToString,
            pb.AuditModelResponse.FromString,
        )
        return method(request, timeout=60, metadata=metadata).report


def test_each_verdict_has_a_line(tmp_path: Path) -> None:
    with Audited(tmp_path) as running:
        stub = running.stub
        reports = [stub.audit(BAD), stub.audit(running.write("good.pkl", GOOD))]
        loaded = stub.load(running.write("load.pkl", GOOD))
        inline = stub.load(running.root / "load.pkl", no_lease_if_inline=True)
        with pytest.raises(grpc.RpcError):
            stub.load(running.write("bad.pkl", BAD))
        reports += [loaded.report, inline.report]
        reports.append(stub.up("AuditUpload", iter([pb.AuditUploadRequest(chunk=BAD)])).report)
        uploaded = stub.up("LoadUpload", iter([pb.LoadUploadRequest(chunk=GOOD)]))
        reports.append(uploaded.report)
        # No verdict, no line.
        with pytest.raises(grpc.RpcError):
            stub.audit(running.root / "missing")
        lines = running.lines()
        assert [line["rpc"] for line in lines] == [
            "AuditModel", "AuditModel", "LoadModel", "LoadModel", "LoadModel", "AuditUpload", "LoadUpload",
        ]  # fmt: skip
        told = [line for line in lines if line["path"] != str(running.root / "bad.pkl")]
        assert [line["request_id"] for line in told] == [report.request_id for report in reports]
        for line, report in zip(told, reports, strict=True):
            assert (line["verdict"] == "accepted") == (report.verdict == ACCEPTED)
            assert line["sha256"] == report.sha256
            assert line["size"] == report.size
            assert line["format"] == report.format == "pickle"
            assert line["path"] == report.path
            assert (line["policy"], line["policy_digest"]) == ("default", report.policy_digest)
            assert line["tier"] == " ABC"[report.tier]
            assert line["principal"] == {"uid": os.geteuid(), "gid": os.getegid(), "pid": os.getpid()}
            assert line["time"].endswith("Z")
        assert lines[0]["reasons"] == lines[4]["reasons"] == lines[5]["reasons"] == ["NAME_NOT_LISTED"]
        assert [line["reasons"] for line in lines if line["verdict"] == "accepted"] == [[]] * 4
        for lease, line in ((loaded.lease, lines[2]), (uploaded.lease, lines[6])):
            assert line["lease"] == hashlib.sha256(lease.token).hexdigest()[:16]
        assert sum("lease" in line for line in lines) == 2
        text = running.audit_log.read_text()
        assert "MARKER" not in text
        assert loaded.lease.token.hex() not in text
        assert stat.S_IMODE(running.audit_log.stat().st_mode) == 0o600


def test_every_answer_given_is_there_after_a_kill(tmp_path: Path) -> None:
    for round_ in range(3):
        base = tmp_path / str(round_)
        base.mkdir()
        running = Audited(base).start()
        answered: list[str] = []

        def call(running: Audited = running, answered: list[str] = answered) -> None:
            try:
                while True:
                    answered.append(running.stub.audit(GOOD).request_id)
            except grpc.RpcError:
                return

        threads = [threading.Thread(target=call) for _ in range(4)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 60
        while len(answered) < 100:
            assert time.monotonic() < deadline
            time.sleep(0.001)
        running.process.kill()
        for thread in threads:
            thread.join()
        running.process.wait(timeout=60)
        written = running.audit_log.read_text().splitlines()
        whole = [json.loads(line)["request_id"] for line in written[:-1]]
        if written[-1].endswith("}"):
            whole.append(json.loads(written[-1])["request_id"])
        assert set(answered) <= set(whole), f"{len(set(answered) - set(whole))} answers are not written down"
        # The next one appends, on lines of its own.
        with Audited(base) as again:
            known = again.stub.audit(GOOD).request_id
            assert json.loads(again.audit_log.read_text().splitlines()[-1])["request_id"] == known


def test_it_is_rotated_by_sighup(tmp_path: Path) -> None:
    with Audited(tmp_path) as running:
        first = running.stub.audit(GOOD).request_id
        old = tmp_path / "audit.log.1"
        running.audit_log.rename(old)
        second = running.stub.audit(GOOD).request_id
        (tmp_path / "loadlock.textproto").write_text("nonsense: 1")  # Not even that keeps the old one.
        running.reload()
        assert running.events("not_reloaded")
        third = running.stub.audit(GOOD).request_id
        assert [line["request_id"] for line in running.lines(old)] == [first, second]
        assert [line["request_id"] for line in running.lines()] == [third]


def fill(running: Audited) -> None:
    """No file of the daemon may grow beyond what the audit log and a piece of a line have."""
    size = running.audit_log.stat().st_size + 100
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def empty(running: Audited) -> None:
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(running.pid, resource.RLIMIT_FSIZE, unlimited)


def test_without_room_no_verdict_is_given(tmp_path: Path) -> None:
    with Audited(tmp_path) as running:
        path = running.write("good.pkl", GOOD)
        for _ in range(40):  # Longer than the log of events and than any artifact here.
            running.stub.audit(GOOD)
        fill(running)
        for ask in (
            lambda: running.stub.audit(GOOD),
            lambda: running.stub.audit(BAD),
            lambda: running.stub.load(path),
            lambda: running.stub.load(path, no_lease_if_inline=True),
            lambda: running.stub.up("LoadUpload", iter([pb.LoadUploadRequest(chunk=GOOD)])),
        ):
            with pytest.raises(grpc.RpcError) as refused:
                ask()
            assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
            info, reports = error_info(refused.value)
            assert (info.reason, reports) == ("AUDIT_LOG_FAILED", [])
            assert "cannot be written down" in refused.value.details()
        assert running.stub.info().leases == 0
        assert len(running.lines()) == 40, "no half line"
        empty(running)
        known = running.stub.audit(GOOD).request_id
        assert running.lines()[-1]["request_id"] == known


def test_without_room_it_answers_where_that_is_wanted(tmp_path: Path) -> None:
    with Audited(tmp_path, "on_failure: AUDIT_FAILURE_ANSWER") as running:
        for _ in range(40):
            running.stub.audit(GOOD)
        fill(running)
        assert running.stub.audit(GOOD).verdict == ACCEPTED
        empty(running)
        running.stub.audit(GOOD)
        assert len(running.lines()) == 41


def test_a_hostile_path_is_escaped_and_cut(tmp_path: Path) -> None:
    name = 'x"\\\n\x1b[31m\u202e' + "é" * 100
    with Audited(tmp_path) as running:
        running.write(name, BAD)
        running.stub.audit(running.root / name)
        deep = running.root
        for _ in range(14):
            deep = deep / ("\n" * 250)
        deep.mkdir(parents=True)
        (deep / "x").write_bytes(GOOD)
        running.stub.audit(deep / "x")
        text = running.audit_log.read_bytes()
        assert text.count(b"\n") == 2
        assert b"\x1b" not in text
        assert "\u202e".encode() not in text
        first, second = running.lines()
        assert first["path"].endswith('x"\\\\\\x0a\\x1b[31m\\xe2\\x80\\xae' + "é" * 100)
        assert len(second["path"]) <= 4096
        assert second["path"].endswith("...")


def test_the_callers_trace_is_taken_over(tmp_path: Path) -> None:
    good = f"00-{TRACE}-{PARENT}-01"
    with Audited(tmp_path) as running:
        running.call([("traceparent", good)])
        wrong = [
            good.upper(), good + "-more", f"00-{'0' * 32}-{PARENT}-01", f"ff-{TRACE}-{PARENT}-01",
            f"00-{TRACE[:-1]}-{PARENT}-01", "x" * 4000, "",
        ]  # fmt: skip
        for text in wrong:
            running.call([("traceparent", text)])
        lines, logged = running.lines(), running.events("verdict")
        assert (lines[0]["trace_id"], lines[0]["parent_id"]) == (TRACE, PARENT)
        assert logged[0]["trace_id"] == TRACE
        assert not any("trace_id" in line for line in lines[1:])
        assert [record["trace_id"] for record in logged[1:]] == [""] * len(wrong)


def refusal_to_start(tmp_path: Path, audit: str) -> tuple[int, str]:
    config = tmp_path / "loadlock.textproto"
    config.write_text(f"audit {{ {audit} }}")
    done = subprocess.run(
        [BIN / "loadlockd", "--config", config, "--socket", tmp_path / "s" / "s", "--policy-dir",
         ROOT / "deploy" / "policies"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return done.returncode, done.stderr


def test_what_cannot_be_an_audit_log(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "folder").mkdir()
    for audit, code, told in (
        (f"file: '{tmp_path}/link'", 1, "symbolic link"),
        (f"file: '{tmp_path}/folder'", 1, "directory"),
        (f"file: '{tmp_path}/no/file'", 1, "No such file"),
        ("file: '/dev/null'", 1, "is not a regular file"),
        ("file: 'audit.log'", 2, "audit.file: must be an absolute path"),
        ("sync: true", 2, "audit: has no file"),
    ):
        got, text = refusal_to_start(tmp_path, audit)
        assert got == code, text
        assert told in text
    assert not (tmp_path / "elsewhere").exists()
