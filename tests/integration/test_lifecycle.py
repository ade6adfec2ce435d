"""Start, configuration, drain, a second daemon, a stale socket."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import time
from pathlib import Path

import grpc
import numpy as np
import pytest
from loadlock._proto import service_pb2 as pb

from corpora import opcodes as op
from corpora.models import write_joblib

from .daemon import ACCEPTED, BIN, ROOT, SANITIZED, Daemon, Stub

SMALL = op.stream(op.value({"a": [1, 2, 3]}))


def run(*arguments: str, timeout: float = 30) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(BIN / "loadlockd"), *arguments], capture_output=True, text=True, timeout=timeout,
        stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "field"),
    [
        ("limits { max_nodes: -1 }", 1, "limits"),
        ("log { level: 'loud' }", 1, "level"),
        ("\n\nnonsense: 1", 3, "nonsense"),
        ("roots: 'relative'", 1, "roots"),
        ("listen { tcp: '0.0.0.0:80' }", 1, "tcp"),
        ("listen { tcp: 'localhost' }", 1, "tcp"),
        ("min_tier: TIER_Z", 1, "min_tier"),
        ("limits {\n  max_running_requests: 'x'\n}", 2, "max_running_requests"),
        ("limits { max_wall_time { seconds: -5 } }", 1, "max_wall_time"),
        ("drain_timeout { seconds: -1 }", 1, "drain_timeout"),
        ("roots: '/tmp' roots: [", 1, "roots"),
    ],
)
def test_a_bad_config_is_one_line_and_exit_2(text: str, line: int, field: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.textproto"
    file.write_text(text)
    done = run("--config", str(file), "--socket", str(tmp_path / "run" / "s.sock"))
    assert done.returncode == 2
    lines = (done.stdout + done.stderr).splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith(f"{file}:{line}:"), lines[0]
    assert field in lines[0]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--config", "/does/not/exist"), ("--nonsense",), ("--min-tier", "Z"), ("--root", "relative"),
        ("--root", "/does/not/exist"), ("--policy-dir", "/does/not/exist"), ("--tcp", "0.0.0.0:1"),
        ("--worker", "/does/not/exist"), ("--log-level", "loud"), ("--tier", "B", "--min-tier", "A"),
    ],
)  # fmt: skip
def test_a_bad_flag_stops_the_start(arguments: tuple[str, ...], tmp_path: Path) -> None:
    done = run("--socket", str(tmp_path / "run" / "s.sock"), "--policy-dir",
               str(ROOT / "deploy" / "policies"), *arguments)  # fmt: skip
    assert done.returncode == 2, done
    assert len((done.stdout + done.stderr).strip().splitlines()) == 1, done
    assert not (tmp_path / "run" / "s.sock").exists()


def test_version() -> None:
    done = run("--version")
    assert done.returncode == 0
    assert "0.1.0" in done.stdout


def test_modes_of_socket_folder_and_log() -> None:
    with Daemon() as daemon:
        assert stat.S_IMODE(daemon.run.stat().st_mode) == 0o750
        assert stat.S_IMODE(daemon.socket.stat().st_mode) == 0o660
        assert stat.S_IMODE(Path(f"{daemon.socket}.fd").stat().st_mode) == 0o660
        assert daemon.stub.health() == 1
        assert daemon.stub.health("") == 1


def test_flags_override_the_file(tmp_path: Path) -> None:
    log = tmp_path / "d.log"
    config = f"log {{ level: 'error' file: '{log}' format: LOG_FORMAT_JSON }} limits {{ max_nodes: 1234 }}"
    with Daemon("--log-level", "info", config=config) as daemon:
        assert daemon.stub.info().max_nodes == 1234
        daemon.stub.audit(SMALL)
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    lines = log.read_text().splitlines()
    records = [json.loads(line) for line in lines]
    assert any("request" in str(record) for record in records)


def test_the_log_holds_digest_and_verdict_but_no_content(tmp_path: Path) -> None:
    log = tmp_path / "d.log"
    secret = "content-that-nobody-may-log"
    with Daemon("--log-level", "trace", "--log-file", str(log)) as daemon:
        report = daemon.stub.audit(op.stream(op.value({"a": secret})))
        daemon.stub.audit(op.stream(op.call(op.global_("posix", "system"), secret)))
    text = log.read_text()
    assert report.sha256 in text
    assert report.request_id in text
    assert secret not in text


def test_a_second_daemon_is_refused() -> None:
    with Daemon() as first:
        second = run("--socket", str(first.socket), "--root", str(first.root), "--policy-dir",
                     str(ROOT / "deploy" / "policies"))  # fmt: skip
        assert second.returncode != 0
        assert len(second.stderr.strip().splitlines()) == 1, second.stderr
        assert first.stub.audit(SMALL).verdict == ACCEPTED
        assert Stub(f"unix:{first.socket}").audit(SMALL).verdict == ACCEPTED


def test_a_stale_socket_is_replaced(tmp_path: Path) -> None:
    first = Daemon(base=tmp_path).start()
    os.kill(first.pid, signal.SIGKILL)
    first.process.wait()
    first.stub.close()
    assert first.socket.exists()
    with Daemon(base=tmp_path) as second:
        assert second.stub.audit(SMALL).verdict == ACCEPTED
    assert not second.socket.exists(), "a clean end leaves no socket"


def test_a_file_in_place_of_the_socket_is_kept(tmp_path: Path) -> None:
    daemon = Daemon(base=tmp_path)
    daemon.run.mkdir()
    daemon.socket.write_text("precious")
    with pytest.raises(RuntimeError):
        daemon.start()
    assert daemon.socket.read_text() == "precious"


def test_sigterm_drains(tmp_path: Path) -> None:
    """Running requests end, new ones are turned away, health says so, exit 0, nothing left."""
    daemon = Daemon("--log-level", "info", base=tmp_path).start()
    children = daemon.children()
    path = daemon.write(
        "slow.joblib", write_joblib({"x": np.random.default_rng(0).bytes(30_000_000)}, 4, "bz2")
    )
    running = daemon.stub.future("AuditModel", pb.AuditModelRequest(path=str(path)))
    while daemon.stub.info().running_requests == 0:
        assert not running.done(), "the request was over before the drain began"
        time.sleep(0.005)
    watcher = Stub(f"unix:{daemon.socket}")
    assert watcher.health() == 1
    daemon.process.send_signal(signal.SIGTERM)
    seen = set()
    while not running.done():
        try:
            seen.add(watcher.health())
            watcher.audit(SMALL)
        except grpc.RpcError as failure:
            seen.add(failure.code())
        time.sleep(0.01)
    assert running.result().report.verdict == ACCEPTED
    assert daemon.process.wait(timeout=30) == 0
    assert 2 in seen or grpc.StatusCode.UNAVAILABLE in seen, seen
    assert not daemon.socket.exists()
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    watcher.close()
    daemon.stub.close()


def test_the_lifeline(tmp_path: Path) -> None:
    """A private daemon ends with whoever started it."""
    read, write = os.pipe()
    daemon = Daemon("--lifeline-fd", str(read), base=tmp_path, pass_fds=(read,)).start()
    os.close(read)
    children = daemon.children()
    assert daemon.stub.audit(SMALL).verdict == ACCEPTED
    os.close(write)
    assert daemon.process.wait(timeout=15) == 0
    time.sleep(0.1)
    assert not [pid for pid in children if Path(f"/proc/{pid}").exists()]
    daemon.stub.close()


def test_tcp_loopback() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with Daemon("--tcp", f"127.0.0.1:{port}") as daemon:
        over_tcp = Stub(f"127.0.0.1:{port}")
        path = daemon.write("x.joblib", write_joblib({"x": np.arange(100_000.0)}, 4))
        answer = over_tcp.load(path)
        assert answer.lease.fd_socket == ""
        parts = list(over_tcp.down("FetchModel", pb.FetchModelRequest(token=answer.lease.token)))
        assert parts[-1].end.buffer_bytes == 800_000
        with pytest.raises(grpc.RpcError) as failed:
            list(daemon.stub.down("FetchModel", pb.FetchModelRequest(token=answer.lease.token)))
        assert failed.value.code() == grpc.StatusCode.NOT_FOUND
        over_tcp.close()


def test_the_tier_is_reported_everywhere(tier_daemon: Daemon) -> None:
    wanted = {"A": 1, "B": 2, "C": 3}[tier_daemon.tier]
    info = tier_daemon.stub.info()
    assert info.tier >= wanted
    assert bool(info.tier_reason) == (info.tier != 1)
    report = tier_daemon.stub.audit(SMALL)
    assert (report.tier, report.tier_reason) == (info.tier, info.tier_reason)
    assert report.verdict == ACCEPTED
    if not SANITIZED:
        assert info.tier == wanted or info.tier_reason, "worse than forced, without a reason"


def test_server_info(daemon: Daemon) -> None:
    info = daemon.stub.info()
    assert info.version.count(".") == 2
    assert {"pickle", "joblib", "npy"} <= {name.split("+")[0] for name in info.formats}
    assert info.max_artifact_bytes > 0
    assert info.max_running_requests > 0
    assert info.ready_workers > 0
    assert abs(info.started.seconds - time.time()) < 7200
