"""How an artifact gets in and a model gets out: path, bytes, upload; inline, stream, descriptors."""

from __future__ import annotations

import array as native
import fcntl
import hashlib
import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from loadlock._proto import report_pb2
from loadlock._proto import service_pb2 as pb

from corpora import opcodes as op
from corpora.models import write_joblib

from .daemon import ACCEPTED, REFUSED, Daemon, error_info

SMALL = op.stream(op.value({"a": [1, 2, 3]}))
EVIL = op.stream(op.call(op.global_("posix", "system"), "true"))
SEALS = 0x1 | 0x2 | 0x4 | 0x8  # SEAL, SHRINK, GROW, WRITE
F_GET_SEALS = 1034


@pytest.fixture(scope="module")
def big_array() -> np.ndarray:
    return np.arange(3_000_000, dtype=np.float64)


@pytest.fixture(params=["none", "zlib"])
def big_file(request: pytest.FixtureRequest, daemon: Daemon, big_array: np.ndarray) -> Iterator[Path]:
    path = daemon.write(f"big-{request.param}.joblib", write_joblib({"x": big_array}, 4, request.param))
    yield path
    path.unlink()


def upload(kind: Any, data: bytes, size: int = 1 << 20, **head: Any) -> Iterator[Any]:
    yield kind(**head)
    for start in range(0, len(data), size):
        yield kind(chunk=data[start : start + size])


def hand_over(path: str, token: bytes) -> tuple[int, int, int, list[int]]:
    """The descriptor exchange: (status, artifact size, decoded size, descriptors)."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(10)
        connection.connect(path)
        connection.send(token)
        data, controls, _, _ = connection.recvmsg(64, socket.CMSG_LEN(8 * 4))
    descriptors = native.array("i")
    for level, kind, payload in controls:
        assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
        descriptors.frombytes(payload)
    status, artifact, decoded = struct.unpack("<BQQ", data)
    return status, artifact, decoded, list(descriptors)


def buffers_by_stream(daemon: Daemon, token: bytes) -> tuple[list[bytes], Any]:
    buffers: dict[int, bytearray] = {}
    end = None
    for part in daemon.stub.down("FetchModel", pb.FetchModelRequest(token=token, skip_graph=True)):
        assert end is None, "something after the end"
        if part.HasField("chunk"):
            assert len(part.chunk.data) <= 1 << 20
            held = buffers.setdefault(part.chunk.buffer, bytearray())
            assert part.chunk.offset == len(held)
            held += part.chunk.data
        else:
            end = part.end
    return [bytes(buffers[key]) for key in sorted(buffers)], end


def test_a_report_describes_the_artifact(daemon: Daemon) -> None:
    path = daemon.write("small.pkl", SMALL)
    report = daemon.stub.audit(path)
    assert report.verdict == ACCEPTED
    assert report.path == str(path)
    assert report.sha256 == hashlib.sha256(SMALL).hexdigest()
    assert (report.size, report.format) == (len(SMALL), "pickle")
    assert report.node_count > 0
    assert len(report.policy_digest) == 64
    assert report.tier in (1, 2, 3)
    assert bool(report.tier_reason) == (report.tier != 1)
    assert report.request_id
    assert report.timing.total.nanos + report.timing.total.seconds > 0
    by_content = daemon.stub.audit(SMALL)
    assert (by_content.verdict, by_content.path) == (ACCEPTED, "")
    path.unlink()


def test_the_digest_that_the_caller_expects(daemon: Daemon) -> None:
    good = hashlib.sha256(SMALL).hexdigest()
    assert daemon.stub.audit(SMALL, expected_sha256=good).verdict == ACCEPTED
    other = daemon.stub.audit(SMALL, expected_sha256="0" * 64)
    assert other.verdict == REFUSED
    assert [f.rule_id for f in other.findings] == ["DIGEST_MISMATCH"]
    for bad in ("xyz", good.upper()):
        with pytest.raises(grpc.RpcError) as failed:
            daemon.stub.audit(SMALL, expected_sha256=bad)
        assert failed.value.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "expected_sha256" in failed.value.details()


def test_a_refused_load_carries_the_report(daemon: Daemon) -> None:
    path = daemon.write("evil.pkl", EVIL)
    with pytest.raises(grpc.RpcError) as failed:
        daemon.stub.load(path)
    path.unlink()
    assert failed.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    info, reports = error_info(failed.value)
    assert info.domain == "loadlock"
    assert info.reason
    report = report_pb2.Report.FromString(reports[0])
    assert report.verdict == REFUSED
    assert report.findings[0].rule_id == "NAME_NOT_LISTED"


def test_a_small_model_comes_inline(daemon: Daemon) -> None:
    path = daemon.write("small.joblib", write_joblib({"x": np.arange(10.0)}, 4))
    answer = daemon.stub.load(path)
    path.unlink()
    assert answer.report.verdict == ACCEPTED
    assert answer.buffers_inline
    assert list(answer.buffers) == [np.arange(10.0).tobytes()]
    assert len(answer.graph.kinds) == answer.report.node_count
    assert len(answer.lease.token) == 32


def test_the_stream_brings_what_was_not_inline(daemon: Daemon, big_file: Path, big_array: np.ndarray) -> None:
    answer = daemon.stub.load(big_file)
    assert not answer.buffers_inline
    assert not answer.buffers
    buffers, end = buffers_by_stream(daemon, answer.lease.token)
    assert buffers == [big_array.tobytes()]
    assert (end.buffer_count, end.buffer_bytes) == (1, big_array.nbytes)
    assert end.node_count == answer.report.node_count


def test_the_descriptors_are_sealed_and_hold_the_same(
    daemon: Daemon, big_file: Path, big_array: np.ndarray
) -> None:
    answer = daemon.stub.load(big_file)
    status, artifact_size, decoded_size, descriptors = hand_over(answer.lease.fd_socket, answer.lease.token)
    assert status == 0
    assert artifact_size == big_file.stat().st_size
    assert decoded_size == answer.report.decoded_size
    assert len(descriptors) == (2 if decoded_size else 1)
    source = answer.graph.buffer_sources[0]
    offset, length = answer.graph.buffer_offsets[0], answer.graph.buffer_lengths[0]
    for descriptor in descriptors:
        assert fcntl.fcntl(descriptor, F_GET_SEALS) & SEALS == SEALS
        assert fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
        with pytest.raises(OSError, match=r"Bad file descriptor|not permitted"):
            os.pwrite(descriptor, b"x", 0)
        with pytest.raises(PermissionError):  # a new open for writing meets the seal
            os.pwrite(os.open(f"/proc/self/fd/{descriptor}", os.O_RDWR), b"x", 0)
    assert os.pread(descriptors[source - 1], length, offset) == big_array.tobytes()
    for descriptor in descriptors:
        os.close(descriptor)


def test_what_was_vetted_is_what_is_loaded(daemon: Daemon) -> None:
    """Changing the file after the answer changes nothing that is handed over."""
    data = np.arange(100_000, dtype=np.float64)
    path = daemon.write("swap.joblib", write_joblib({"x": data}, 4))
    answer = daemon.stub.load(path)
    with path.open("r+b") as file:
        file.write(b"\xff" * path.stat().st_size)
    buffers, _ = buffers_by_stream(daemon, answer.lease.token)
    assert buffers == [data.tobytes()]
    path.unlink()


@pytest.mark.parametrize("size", [1 << 20, 1000, 7])
def test_upload(daemon: Daemon, size: int) -> None:
    data = write_joblib({"x": np.arange(2000.0)}, 4)
    report = daemon.stub.up("AuditUpload", upload(pb.AuditUploadRequest, data, size)).report
    assert (report.verdict, report.sha256) == (ACCEPTED, hashlib.sha256(data).hexdigest())
    loaded = daemon.stub.up("LoadUpload", upload(pb.LoadUploadRequest, data, size))
    assert list(loaded.buffers) == [np.arange(2000.0).tobytes()]
    assert daemon.stub.up("AuditUpload", upload(pb.AuditUploadRequest, EVIL, size)).report.verdict == REFUSED
    with pytest.raises(grpc.RpcError) as failed:
        daemon.stub.up("LoadUpload", upload(pb.LoadUploadRequest, EVIL, size))
    assert failed.value.code() == grpc.StatusCode.FAILED_PRECONDITION


def test_a_bad_upload_names_the_field(daemon: Daemon) -> None:
    with pytest.raises(grpc.RpcError) as failed:
        daemon.stub.up("AuditUpload", iter([]))
    assert failed.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    with pytest.raises(grpc.RpcError) as failed:
        daemon.stub.up("AuditUpload", upload(pb.AuditUploadRequest, bytes(3 << 20), 2 << 20))
    assert failed.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "chunk" in failed.value.details()


def test_requests_without_an_artifact_are_invalid(daemon: Daemon) -> None:
    for method, request in (
        ("AuditModel", pb.AuditModelRequest()),
        ("LoadModel", pb.LoadModelRequest()),
        ("AuditModel", pb.AuditModelRequest(path="relative/path")),
        ("AuditModel", pb.AuditModelRequest(path="/nul\0byte")),
        ("AuditModel", pb.AuditModelRequest(content=bytes((3 << 20) + 1))),
    ):
        with pytest.raises(grpc.RpcError) as failed:
            daemon.stub.unary(method, request)
        assert failed.value.code() == grpc.StatusCode.INVALID_ARGUMENT, request
        info, _ = error_info(failed.value)
        assert info.domain == "loadlock"


# Paths.
def test_paths_outside_the_roots(daemon: Daemon, tmp_path: Path) -> None:
    outside = tmp_path / "outside.pkl"
    outside.write_bytes(SMALL)
    inside = daemon.write("inside.pkl", SMALL)
    (daemon.root / "link").symlink_to(outside)
    (daemon.root / "folder-link").symlink_to(tmp_path)
    (daemon.root / "inner-link").symlink_to("inside.pkl")
    paths = {
        outside: "PERMISSION_DENIED", Path("/etc/passwd"): "PERMISSION_DENIED",
        daemon.root / ".." / "run" / "loadlock.sock": "PERMISSION_DENIED",
        daemon.root / "a" / ".." / ".." / ".." / "etc" / "passwd": "PERMISSION_DENIED",
        daemon.root / "link": "PERMISSION_DENIED",
        daemon.root / "folder-link" / "outside.pkl": "PERMISSION_DENIED",
        Path("/proc/self/exe"): "PERMISSION_DENIED", Path("/dev/zero"): "PERMISSION_DENIED",
        daemon.root / "missing.pkl": "NOT_FOUND",
        Path(f"{daemon.root}-other/x"): "PERMISSION_DENIED",
    }  # fmt: skip
    for path, code in paths.items():
        with pytest.raises(grpc.RpcError) as failed:
            daemon.stub.audit(path)
        allowed = {code, "NOT_FOUND"} if ".." in str(path) else {code}
        assert failed.value.code().name in allowed, (path, failed.value.details())
    assert daemon.stub.audit(inside).verdict == ACCEPTED
    for name in ("link", "folder-link", "inner-link"):
        (daemon.root / name).unlink()


def test_only_regular_files(daemon: Daemon) -> None:
    """A fifo, a socket, a folder or a device never blocks the daemon and is never read."""
    os.mkfifo(daemon.root / "fifo")
    (daemon.root / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(daemon.root / "sock"))
        for name in ("fifo", "folder", "sock"):
            with pytest.raises(grpc.RpcError) as failed:
                daemon.stub.unary("AuditModel", pb.AuditModelRequest(path=str(daemon.root / name)), timeout=5)
            assert failed.value.code() == grpc.StatusCode.INVALID_ARGUMENT, name
    (daemon.root / "fifo").unlink()
    (daemon.root / "sock").unlink()
    (daemon.root / "folder").rmdir()


def test_an_unreadable_or_empty_file(daemon: Daemon) -> None:
    empty = daemon.write("empty", b"")
    report = daemon.stub.audit(empty)
    assert report.verdict == REFUSED
    empty.unlink()
