"""Metrics: what Prometheus reads, on a port that does nothing else; and the port for probes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from loadlock._proto import service_pb2 as pb

from corpora import opcodes as op

from .daemon import BIN, ROOT, Daemon, Stub

GOOD = op.stream(op.value(None))
BAD = op.stream(op.instance("acme.scoring", "Model", {"bias": 1.5}))
PROMTOOL = os.environ.get("PROMTOOL", str(ROOT / "build" / "tools" / "promtool"))
SAMPLE = re.compile(r"^([a-z_]+)(?:\{(.*)\})? (\S+)$")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')
LOADS = {"grpc_type": "unary", "grpc_service": "loadlock.v1.LoadLock"}


def free_port(host: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as bound:
        bound.bind((host, 0))
        return int(bound.getsockname()[1])


class Measured(Daemon):
    def __init__(self, *flags: str, base: Path | None = None, config: str | None = None) -> None:
        self.port = free_port()
        super().__init__("--metrics", str(self.port), "--log-level", "warn", *flags, base=base, config=config)

    def page(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=20) as answer:
            assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            return str(answer.read().decode())

    def samples(self) -> list[tuple[str, dict[str, str], float]]:
        found = []
        for line in self.page().splitlines():
            if not line.startswith("#"):
                match = SAMPLE.match(line)
                assert match, line
                found.append((match[1], dict(LABEL.findall(match[2] or "")), float(match[3])))
        return found

    def value(self, name: str, **labels: str) -> float:
        """The sum of what has these labels."""
        return sum(
            value for found, has, value in self.samples() if found == name and labels.items() <= has.items()
        )


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    base = tmp_path_factory.mktemp("measured")
    with Measured("--state-dir", str(base / "state"), base=base) as running:
        yield running


def ask(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while part := connection.recv(65536):
                answer += part
        return answer


def eventually(check: Any, seconds: float = 10) -> None:
    """The end of a call is counted after its answer."""
    deadline = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_what_happens_is_counted(measured: Measured) -> None:
    before = measured.value("loadlock_verdicts_total")
    counted = measured.value("loadlock_stage_seconds_count", stage="total")
    stub = measured.stub
    path = measured.write("good.pkl", GOOD)
    stub.audit(GOOD)
    stub.load(path)
    for _ in range(2):
        stub.audit(BAD)
    with pytest.raises(grpc.RpcError):
        stub.load(measured.write("bad.pkl", BAD))
    with pytest.raises(grpc.RpcError):
        stub.audit(measured.root / "missing")
    verdict = "loadlock_verdicts_total"
    assert measured.value(verdict) == before + 5
    assert measured.value(verdict, verdict="accepted", reason="", format="pickle") == 2
    assert measured.value(verdict, verdict="refused", reason="NAME_NOT_LISTED", format="pickle") == 3
    assert measured.value("loadlock_no_verdict_total", reason="NO_SUCH_FILE") == 1
    assert measured.value("loadlock_stage_seconds_count", stage="total") == counted + 5
    for stage in ("store", "hash", "wait", "parse", "verify", "total"):
        assert measured.value("loadlock_stage_seconds_count", stage=stage) > 0, stage
    handled = "grpc_server_handled_total"
    eventually(lambda: measured.value(handled, grpc_method="AuditModel", grpc_code="OK", **LOADS) == 3)
    eventually(lambda: measured.value(handled, grpc_method="LoadModel", grpc_code="FailedPrecondition") == 1)
    assert measured.value(handled, grpc_method="AuditModel", grpc_code="NotFound") == 1
    assert measured.value("grpc_server_started_total", grpc_method="LoadModel", **LOADS) == 2
    assert measured.value("grpc_server_handling_seconds_count", grpc_method="LoadModel") == 2
    assert measured.value("loadlock_leases") == 1
    assert measured.value("loadlock_workers_total", kind="warm") + measured.value(
        "loadlock_workers_total", kind="on_demand"
    ) >= 5  # fmt: skip
    assert measured.value("loadlock_launcher_up") == 1
    assert measured.value("loadlock_build_info", tier=" ABC"[stub.info().tier]) == 1
    assert measured.value("loadlock_limit", limit="max_running_requests") == 16
    assert 1 << 20 < measured.value("process_resident_memory_bytes") < 1 << 32
    assert measured.value("process_open_fds") > 10
    assert measured.value("loadlock_policies") == len(list((ROOT / "deploy/policies").glob("*.textproto")))


def test_streams_are_counted(measured: Measured) -> None:
    before = measured.value("grpc_server_handled_total", grpc_type="client_stream", grpc_code="OK")
    measured.stub.up("AuditUpload", iter([pb.AuditUploadRequest(chunk=GOOD)]))
    lease = measured.stub.load(measured.write("fetched.pkl", GOOD)).lease
    list(measured.stub.down("FetchModel", pb.FetchModelRequest(token=lease.token)))
    eventually(
        lambda: (
            measured.value("grpc_server_handled_total", grpc_type="client_stream", grpc_code="OK")
            == before + 1
        )
    )
    fetched = {"grpc_type": "server_stream", "grpc_method": "FetchModel", "grpc_code": "OK"}
    eventually(lambda: measured.value("grpc_server_handled_total", **fetched) == 1)
    # One that its caller gives up.
    silent = measured.stub.channel.stream_unary(
        "/loadlock.v1.LoadLock/AuditUpload",
        pb.AuditUploadRequest.SerializeToString,
        pb.AuditUploadResponse.FromString,
    )
    hold = threading.Event()

    def chunks() -> Iterator[pb.AuditUploadRequest]:
        yield pb.AuditUploadRequest(chunk=b"x")
        hold.wait(20)

    call = silent.future(chunks(), timeout=60)
    eventually(lambda: measured.value("loadlock_streams") == 1)
    call.cancel()
    hold.set()
    eventually(
        lambda: measured.value(
            "grpc_server_handled_total", grpc_method="AuditUpload", grpc_code="Canceled"
        ) == 1
    )  # fmt: skip


def test_the_cache_is_counted(measured: Measured) -> None:
    path = measured.write("again.pkl", op.stream(op.value("again")))
    hits, misses = (measured.value("loadlock_cache_answers_total", result=r) for r in ("hit", "miss"))
    for _ in range(3):
        measured.stub.audit(path)
    assert measured.value("loadlock_cache_answers_total", result="miss") == misses + 1
    assert measured.value("loadlock_cache_answers_total", result="hit") == hits + 2
    assert measured.value("loadlock_store_max_bytes") == 32 << 30


def test_labels_are_never_a_callers_words(measured: Measured) -> None:
    """Methods, services, policies, paths, formats and names that are made up."""
    for method in ("/made.Up/Method", "/loadlock.v1.LoadLock/MadeUp", "/x", "//"):
        with pytest.raises(grpc.RpcError):
            measured.stub.channel.unary_unary(method)(b"", timeout=20)
    with pytest.raises(grpc.RpcError):
        measured.stub.audit(GOOD, "madeup")
    measured.stub.audit(op.stream(op.instance("madeup.module", "Name", {})))
    page = measured.page().lower()
    assert "madeup" not in page
    assert "made.up" not in page
    assert "/" not in re.sub(r"# HELP.*", "", page)
    assert len(page) < 200_000


def test_a_worker_that_is_killed_is_counted(tmp_path: Path) -> None:
    """No parser is through a million opcodes in a hundredth of a second."""
    limits = "limits { max_wall_time { nanos: 10000000 } }"
    with Measured(base=tmp_path, config=limits) as running:
        report = running.stub.audit(op.stream(b"N0" * 1_000_000 + op.value(None)))
        assert [finding.rule_id for finding in report.findings] == ["WORKER_DEADLINE"]
        assert running.value("loadlock_worker_failures_total", cause="deadline") == 1
        refused = {"verdict": "refused", "reason": "WORKER_DEADLINE", "format": "none"}
        assert running.value("loadlock_verdicts_total", **refused) == 1


def test_a_launcher_that_dies_is_counted(measured: Measured) -> None:
    os.kill(measured.children()[0], signal.SIGKILL)
    eventually(lambda: measured.value("loadlock_launcher_restarts_total") >= 1, 30)
    eventually(lambda: measured.value("loadlock_launcher_up") == 1, 30)
    assert measured.stub.audit(GOOD).verdict == 1


def test_promtool_finds_nothing_to_say(measured: Measured) -> None:
    measured.stub.audit(GOOD)
    done = subprocess.run(
        [PROMTOOL, "check", "metrics"], input=measured.page(), capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "command", [("check", "rules", "deploy/monitoring/alerts.yaml"),
                ("test", "rules", "tests/monitoring/alerts_test.yaml")]
)  # fmt: skip
def test_the_alerts_are_right(command: tuple[str, ...]) -> None:
    done = subprocess.run([PROMTOOL, *command], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\b((?:loadlock|grpc|process)_[a-z_]+)\b(?!=)", text)) - {
        "grpc_service", "grpc_method", "grpc_code", "grpc_type",
    }  # fmt: skip


def test_dashboard_and_alerts_name_what_there_is(measured: Measured) -> None:
    measured.stub.audit(GOOD)
    there = {name for name, _, _ in measured.samples()}
    declared = set(re.findall(r"# TYPE (\S+)", measured.page()))
    board = json.loads((ROOT / "deploy/monitoring/dashboard.json").read_text())
    queries = [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    assert len(queries) > 20
    wanted = names_in("\n".join(queries)) | names_in((ROOT / "deploy/monitoring/alerts.yaml").read_text())
    assert wanted <= there | declared, wanted - there - declared
    # And the other way round: what nobody looks at need not be counted.
    assert declared - {"grpc_server_started_total", "process_start_time_seconds"} <= {
        re.sub(r"_bucket$", "", name) for name in wanted
    } | {"loadlock_policies", "process_open_fds"}


def test_nothing_else_is_answered(measured: Measured) -> None:
    port = measured.port
    assert ask(port, b"GET / HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 404 ")
    assert ask(port, b"GET /metrics/../etc HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 404 ")
    assert ask(port, b"POST /metrics HTTP/1.1\r\n\r\n").startswith(b"HTTP/1.1 405 ")
    assert ask(port, b"GET /metrics?x=y HTTP/1.0\r\nA: b\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    for wrong in (b"\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01" + b"\xff" * 90 + b"\r\n\r\n",
                  b"GET /metrics HTTP/2\r\n\r\n"):  # fmt: skip
        assert ask(port, wrong).startswith(b"HTTP/1.1 400 "), wrong
    assert ask(port, b"GET /metrics HTTP/1.1\r\nA: " + b"x" * 20_000) == b""
    with pytest.raises(grpc.RpcError):
        Stub(f"127.0.0.1:{port}").info()


def test_silent_connections_hold_up_nobody(measured: Measured) -> None:
    before = len(measured.descriptors())
    with contextlib.ExitStack() as stack:
        for _ in range(60):
            silent = stack.enter_context(socket.create_connection(("127.0.0.1", measured.port)))
            silent.send(b"GET /metrics")
        assert measured.stub.audit(GOOD).verdict == 1
        assert len(measured.descriptors()) < before + 40
        # Their time is over after ten seconds, whatever they do.
        eventually(lambda: len(measured.descriptors()) <= before + 2, 20)
        assert "loadlock_build_info" in measured.page()


def test_off_unless_asked_for_and_loopback_unless_said() -> None:
    with Daemon("--log-level", "warn") as plain:
        inodes = {name[8:-1] for name in plain.descriptors() if name.startswith("socket:")}
        tcp = Path(f"/proc/{plain.pid}/net/tcp").read_text() + Path(f"/proc/{plain.pid}/net/tcp6").read_text()
        listening = {fields[9] for line in tcp.splitlines() if (fields := line.split())[3] == "0A"}
        assert not inodes & listening
    with Measured() as running:
        text = Path(f"/proc/{running.pid}/net/tcp").read_text()
        assert f"0100007F:{running.port:04X} 00000000:0000 0A" in text


@pytest.mark.parametrize("flag", ["--metrics", "--health"])
def test_what_is_no_address(tmp_path: Path, flag: str) -> None:
    for address in ("localhost:9464", "0", "65536", "x", "127.0.0.1", ":9464", "[127.0.0.1]:1", "::1:80",
                    "1.2.3:80", "127.0.0.1:", "127.0.0.1:1x", "127.0.0.1:-1", "[::1:80"):  # fmt: skip
        done = subprocess.run(
            [BIN / "loadlockd", f"{flag}={address}", "--socket", tmp_path / "s" / "s"],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert done.returncode == 2, address
        assert flag in done.stderr


def test_a_port_that_is_taken(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for flag in ("--metrics", "--health"):
            done = subprocess.run(
                [BIN / "loadlockd", flag, str(port), "--socket", tmp_path / "s" / "s", "--policy-dir",
                 ROOT / "deploy" / "policies"],
                capture_output=True, text=True, timeout=60, check=False,
            )  # fmt: skip
            assert done.returncode == 1
            assert "cannot listen on" in done.stderr


def test_probes_have_a_port_of_their_own() -> None:
    port = free_port()
    with Daemon("--health", f"127.0.0.1:{port}", "--log-level", "warn") as running:
        probe = Stub(f"127.0.0.1:{port}")
        assert probe.health() == 1
        assert probe.health("") == 1
        for call in (probe.info, lambda: probe.audit(GOOD)):
            with pytest.raises(grpc.RpcError) as refused:
                call()
            assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED
        probe.close()
        assert running.stub.audit(GOOD).verdict == 1
