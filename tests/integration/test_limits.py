"""Budgets of a request, and what happens when there are too many of them."""

from __future__ import annotations

import time

import grpc
import numpy as np
import pytest
from loadlock._proto import service_pb2 as pb

from corpora import opcodes as op
from corpora.models import COMPRESS, write_joblib

from .daemon import ACCEPTED, REFUSED, Daemon, Stub, error_info, error_rules

SMALL = op.stream(op.value({"a": [1, 2, 3]}))
MIB = 1 << 20


@pytest.mark.parametrize("compressor", [name for name in COMPRESS if name != "none"])
def test_a_decompression_bomb(compressor: str) -> None:
    bomb = COMPRESS[compressor](op.stream(op.bytes_(bytes(64 * MIB))))
    honest = COMPRESS[compressor](op.stream(op.bytes_(bytes(15 * MIB))))
    with Daemon(config=f"limits {{ max_decoded_bytes: {16 * MIB} }}") as daemon:
        report = daemon.stub.audit(bomb)
        assert report.verdict == REFUSED
        assert error_rules(report) == {"BUDGET_DECODED"}, report.findings
        assert daemon.stub.audit(honest).verdict == ACCEPTED


LIMITS: dict[str, tuple[str, bytes, bytes, str]] = {
    "nodes": (
        "max_nodes: 1000",
        op.stream(op.EMPTY_LIST + op.MARK + op.EMPTY_LIST * 2000 + op.APPENDS),
        op.stream(op.EMPTY_LIST + op.MARK + op.EMPTY_LIST * 500 + op.APPENDS),
        "BUDGET_NODES",
    ),
    "depth": (
        "max_depth: 50",
        op.stream(op.EMPTY_TUPLE + op.TUPLE1 * 60),
        op.stream(op.EMPTY_TUPLE + op.TUPLE1 * 40),
        "BUDGET_DEPTH",
    ),
    "heap": (
        f"max_heap_bytes: {8 * MIB}",
        op.stream(op.EMPTY_LIST + op.MARK + op.EMPTY_DICT * 1_000_000 + op.APPENDS),
        op.stream(op.EMPTY_LIST + op.MARK + op.EMPTY_DICT * 100 + op.APPENDS),
        "BUDGET_HEAP",
    ),
}


@pytest.mark.parametrize("name", LIMITS)
def test_a_budget_refuses_beyond_and_not_below(name: str) -> None:
    config, beyond, below, rule = LIMITS[name]
    with Daemon(config=f"limits {{ {config} }}") as daemon:
        report = daemon.stub.audit(beyond)
        assert report.verdict == REFUSED
        assert rule in error_rules(report), report.findings
        assert daemon.stub.audit(below).verdict == ACCEPTED


def test_an_artifact_too_large_is_no_verdict() -> None:
    with Daemon(config=f"limits {{ max_artifact_bytes: {MIB} }}") as daemon:
        path = daemon.write("large.bin", bytes(MIB + 1))
        with pytest.raises(grpc.RpcError) as failed:
            daemon.stub.audit(path)
        assert failed.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        info, _ = error_info(failed.value)
        assert "max_artifact_bytes" in failed.value.details() + str(info)
        sparse = daemon.write("sparse.bin", b"")
        with sparse.open("r+b") as file:
            file.truncate(1 << 43)
        with pytest.raises(grpc.RpcError) as failed:
            daemon.stub.audit(sparse)
        assert failed.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED

        def endless() -> object:
            yield pb.AuditUploadRequest()
            for _ in range(10_000):
                yield pb.AuditUploadRequest(chunk=bytes(MIB))

        with pytest.raises(grpc.RpcError) as failed:
            daemon.stub.up("AuditUpload", endless())
        assert failed.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def slow_file(daemon: Daemon, name: str = "slow.joblib") -> str:
    """About a second of bzip2 at least, whatever the machine."""
    noise = np.random.default_rng(0).bytes(8_000_000)
    return str(daemon.write(name, write_joblib({"x": noise * 2}, 4, "bz2")))


def test_saturation_is_refused_at_once() -> None:
    config = "limits { max_running_requests: 1 max_queued_requests: 2 max_caller_percent: 100 }"
    with Daemon("--log-level", "error", config=config) as daemon:
        path = slow_file(daemon)
        calls = [daemon.stub.future("AuditModel", pb.AuditModelRequest(path=path)) for _ in range(12)]
        started = time.monotonic()
        turned_away = []
        while time.monotonic() - started < 60 and not all(call.done() for call in calls):
            turned_away += [
                time.monotonic() - started
                for call in calls
                if call.done() and call.code() != grpc.StatusCode.OK
            ][: 1 if not turned_away else 0]
            time.sleep(0.005)
        codes = [call.code() for call in calls]
        assert codes.count(grpc.StatusCode.RESOURCE_EXHAUSTED) == 9, codes
        assert codes.count(grpc.StatusCode.OK) == 3, codes
        assert turned_away[0] < 1, "a refusal for load must not wait"
        info, _ = error_info(next(call for call in calls if call.code() != grpc.StatusCode.OK).exception())
        assert info.domain == "loadlock"
        assert daemon.stub.audit(SMALL).verdict == ACCEPTED


def deadline(seconds: float) -> str:
    return f"{{ seconds: {int(seconds)} nanos: {int((seconds % 1) * 1e9)} }}"


@pytest.mark.parametrize(
    ("limit", "rules"),
    [("max_wall_time", {"WORKER_DEADLINE"}), ("max_cpu_time", {"WORKER_CPU_LIMIT", "WORKER_DEADLINE"})],
)
def test_a_slow_artifact_is_refused_by_time(limit: str, rules: set[str]) -> None:
    seconds = 0.2 if limit == "max_wall_time" else 1
    with Daemon("--log-level", "error", config=f"limits {{ {limit} {deadline(seconds)} }}") as daemon:
        noise = np.random.default_rng(0).bytes(8_000_000)
        path = daemon.write("slow.joblib", write_joblib({"x": noise * 8}, 4, "bz2"))
        started = time.monotonic()
        report = daemon.stub.audit(path)
        assert report.verdict == REFUSED
        assert error_rules(report) & rules, report.findings
        assert time.monotonic() - started < seconds + 5
        assert daemon.stub.audit(SMALL).verdict == ACCEPTED


def test_a_call_that_is_given_up_frees_its_worker(daemon: Daemon) -> None:
    before = daemon.full_pool()
    path = slow_file(daemon)
    for how in ("cancel", "deadline"):
        request = pb.AuditModelRequest(path=path)
        call = daemon.stub.future("AuditModel", request, timeout=0.15 if how == "deadline" else 60)
        time.sleep(0.1)
        if how == "cancel":
            call.cancel()
        with pytest.raises((grpc.RpcError, grpc.FutureCancelledError)):
            call.result()
    (daemon.root / "slow.joblib").unlink()
    started = time.monotonic()
    while daemon.stub.info().running_requests:
        assert time.monotonic() - started < 5, "the daemon works on for nobody"
        time.sleep(0.01)
    assert not daemon.settled(before).above(before)


def test_many_clients_at_once(daemon: Daemon) -> None:
    """Answers never mix: each client sees the report of its own artifact."""
    from concurrent.futures import ThreadPoolExecutor

    def client(number: int) -> None:
        stub = Stub(f"unix:{daemon.socket}")
        for turn in range(40):
            data = op.stream(op.value({"client": number, "turn": turn}))
            evil = op.stream(op.call(op.global_(f"module{number}", f"turn{turn}")))
            assert stub.audit(data).verdict == ACCEPTED
            report = stub.audit(evil)
            assert [(use.module, use.name) for use in report.globals] == [(f"module{number}", f"turn{turn}")]
        stub.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(client, range(8)))


def test_bad_wire_bytes_harm_nobody(daemon: Daemon) -> None:
    """Garbage on both sockets."""
    import socket

    for payload in (
        b"",
        b"\0" * 100,
        b"GET / HTTP/1.1\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 99,
    ):
        with socket.socket(socket.AF_UNIX) as raw:
            raw.connect(str(daemon.socket))
            raw.sendall(payload)
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as raw:
            raw.connect(f"{daemon.socket}.fd")
            if payload:
                raw.send(payload)
    held = [socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) for _ in range(64)]
    for raw in held:
        raw.connect(f"{daemon.socket}.fd")  # connected and silent
    assert daemon.stub.audit(SMALL).verdict == ACCEPTED
    for raw in held:
        raw.close()
    assert daemon.stub.audit(SMALL).verdict == ACCEPTED


def test_large_files_run_side_by_side(daemon: Daemon) -> None:
    """One that is not compressed does not keep what only a compressed one could use."""
    plain = daemon.write("plain.joblib", write_joblib({"x": np.random.default_rng(0).bytes(4 << 20)}, 4))
    try:
        calls = [daemon.stub.future("AuditModel", pb.AuditModelRequest(path=str(plain))) for _ in range(8)]
        assert {call.result().report.verdict for call in calls} == {ACCEPTED}
    finally:
        plain.unlink()


def test_a_file_that_decodes_to_much_more(daemon: Daemon) -> None:
    """More than is reserved at first: it is parsed again with all that a file of its size may take."""
    size = 160 << 20
    data = write_joblib({"x": np.zeros(size // 8), "y": np.random.default_rng(0).bytes(1 << 20)}, 4, "zlib")
    first, whole = (128 << 20) + 4 * len(data), (128 << 20) + 1032 * len(data)
    report = daemon.audit_bytes(data)
    assert report.verdict == ACCEPTED, report.findings
    assert first < report.decoded_size <= whole
