"""A lease belongs to one caller and ends: by deadline, by Unload, with its connection."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from loadlock._proto import service_pb2 as pb

from corpora.models import write_joblib

from .daemon import Daemon, Stub
from .test_artifacts import buffers_by_stream, hand_over


@pytest.fixture(scope="module")
def model(daemon: Daemon) -> Iterator[Path]:
    path = daemon.write("leased.joblib", write_joblib({"x": np.arange(50_000.0)}, 4))
    yield path
    path.unlink()


def is_gone(daemon: Daemon, token: bytes) -> bool:
    try:
        buffers_by_stream(daemon, token)
    except grpc.RpcError as failure:
        assert failure.code() == grpc.StatusCode.NOT_FOUND
        return True
    return False


def test_no_lease_for_what_is_inline(daemon: Daemon, model: Path) -> None:
    small = daemon.write("inline.joblib", write_joblib({"x": np.arange(50.0)}, 4))
    before = daemon.stub.info().leases
    for path, inline in ((small, True), (model, False)):
        request = pb.LoadModelRequest(path=str(path), no_lease_if_inline=True)
        response = daemon.stub.unary("LoadModel", request)
        assert response.HasField("graph")
        assert response.buffers_inline == inline
        assert response.HasField("lease") != inline
        assert daemon.stub.info().leases == before + (not inline)
    daemon.stub.unary("UnloadModel", pb.UnloadModelRequest(token=response.lease.token))
    assert daemon.stub.load(small).HasField("lease"), "who does not ask gets a lease"
    small.unlink()


def test_unload_ends_it(daemon: Daemon, model: Path) -> None:
    lease = daemon.stub.load(model).lease
    assert not is_gone(daemon, lease.token)
    daemon.stub.unary("UnloadModel", pb.UnloadModelRequest(token=lease.token))
    assert is_gone(daemon, lease.token)
    assert hand_over(lease.fd_socket, lease.token)[0] == 1
    with pytest.raises(grpc.RpcError) as failed:
        daemon.stub.unary("UnloadModel", pb.UnloadModelRequest(token=lease.token))
    assert failed.value.code() == grpc.StatusCode.NOT_FOUND


def test_the_deadline_ends_it(daemon: Daemon, model: Path) -> None:
    request = pb.LoadModelRequest(path=str(model))
    request.lease_duration.FromMilliseconds(300)
    lease = daemon.stub.unary("LoadModel", request).lease
    assert not is_gone(daemon, lease.token)
    time.sleep(0.5)
    assert is_gone(daemon, lease.token)
    assert hand_over(lease.fd_socket, lease.token)[0] == 1


@pytest.mark.parametrize("seconds", [-1, 0, 10**9])
def test_a_lease_of_no_or_endless_time(daemon: Daemon, model: Path, seconds: int) -> None:
    request = pb.LoadModelRequest(path=str(model))
    request.lease_duration.FromSeconds(seconds)
    try:
        lease = daemon.stub.unary("LoadModel", request).lease
    except grpc.RpcError as failure:
        assert failure.code() == grpc.StatusCode.INVALID_ARGUMENT
        assert "lease_duration" in failure.details()
        return
    assert seconds > 0, "a lease without a time to live"
    assert lease.expires.seconds < time.time() + 3600 + 60  # cut to the longest there is


def test_it_ends_with_its_connection(daemon: Daemon, model: Path) -> None:
    before = daemon.stub.info().leases
    other = Stub(f"unix:{daemon.socket}")
    lease = other.load(model).lease
    assert hand_over(lease.fd_socket, lease.token)[0] == 0
    assert daemon.stub.info().leases == before + 1
    other.close()
    deadline = time.monotonic() + 5
    while hand_over(lease.fd_socket, lease.token)[0] == 0:
        assert time.monotonic() < deadline, "the lease outlived its connection"
        time.sleep(0.02)
    assert daemon.stub.info().leases == before


def test_another_connection_cannot_use_the_token(daemon: Daemon, model: Path) -> None:
    lease = daemon.stub.load(model).lease
    thief = Stub(f"unix:{daemon.socket}")
    for call in (
        lambda: list(thief.down("FetchModel", pb.FetchModelRequest(token=lease.token))),
        lambda: thief.unary("UnloadModel", pb.UnloadModelRequest(token=lease.token)),
    ):
        with pytest.raises(grpc.RpcError) as failed:
            call()
        assert failed.value.code() == grpc.StatusCode.NOT_FOUND
    thief.close()
    assert not is_gone(daemon, lease.token)
    daemon.stub.unary("UnloadModel", pb.UnloadModelRequest(token=lease.token))


STEAL = """
import os, socket, sys
os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
    connection.settimeout(5)
    connection.connect(sys.argv[1])
    connection.send(bytes.fromhex(sys.argv[2]))
    data, controls, _, _ = connection.recvmsg(64, 256)
print(data[0] if data else "closed", len(controls))
"""


@pytest.mark.other_users
def test_another_user_cannot_use_the_token(model: Path) -> None:
    """Even one who may reach the socket: the descriptor is for the uid that got the lease."""
    with Daemon("--log-level", "warn") as daemon:
        path = daemon.write("leased.joblib", model.read_bytes())
        lease = daemon.stub.load(path).lease
        blocked = _as_nobody(lease)
        assert "PermissionError" in blocked.stderr, "the socket's folder must keep others out"
        daemon.base.chmod(0o755)
        daemon.run.chmod(0o755)
        Path(lease.fd_socket).chmod(0o666)
        stolen = _as_nobody(lease)
        assert stolen.stdout.split() in (["1", "0"], ["closed", "0"]), stolen
        assert hand_over(lease.fd_socket, lease.token)[0] == 0


def _as_nobody(lease: Any) -> subprocess.CompletedProcess[str]:
    as_root = [] if os.geteuid() == 0 else ["sudo", "-n"]
    command = [*as_root, "/usr/bin/python3", "-I", "-c", STEAL, lease.fd_socket, lease.token.hex()]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=20, cwd="/")


@pytest.mark.parametrize("token", [b"", b"\0" * 32, b"x" * 31, b"x" * 33, b"x" * 60000])
def test_a_made_up_token(daemon: Daemon, model: Path, token: bytes) -> None:
    address = daemon.stub.load(model).lease.fd_socket
    with pytest.raises(grpc.RpcError) as failed:
        list(daemon.stub.down("FetchModel", pb.FetchModelRequest(token=token)))
    assert failed.value.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.INVALID_ARGUMENT)
    if token:
        status, artifact, decoded, descriptors = hand_over(address, token)
        assert (status, artifact, decoded, descriptors) == (1, 0, 0, [])
    assert daemon.stub.info().version


def test_tokens_do_not_repeat(daemon: Daemon, model: Path) -> None:
    leases = [daemon.stub.load(model).lease.token for _ in range(50)]
    assert len(set(leases)) == 50
    for token in leases:
        daemon.stub.unary("UnloadModel", pb.UnloadModelRequest(token=token))


def test_too_many_leases(model: Path) -> None:
    with Daemon(config="limits { max_leases: 3 max_caller_percent: 100 }") as daemon:
        path = daemon.write("leased.joblib", model.read_bytes())
        for _ in range(3):
            daemon.stub.load(path)
        with pytest.raises(grpc.RpcError) as failed:
            daemon.stub.load(path)
        assert failed.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_held_leases_cost_no_descriptor_once_ended(daemon: Daemon, model: Path) -> None:
    before = daemon.holdings()
    tokens = [daemon.stub.load(model).lease.token for _ in range(20)]
    assert daemon.memfds() > before.memfds
    for token in tokens:
        daemon.stub.unary("UnloadModel", pb.UnloadModelRequest(token=token))
    assert not daemon.settled(before).above(before)


def test_a_client_that_dies(daemon: Daemon, model: Path) -> None:
    """A killed client's leases go as well."""
    before = daemon.stub.info().leases
    program = (
        "import sys, time\nfrom integration.daemon import Stub\n"
        "print(Stub('unix:' + sys.argv[1]).load(sys.argv[2]).lease.token.hex(), flush=True)\ntime.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(daemon.socket), str(model)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=Path(__file__).resolve().parents[1], text=True
    ) as client:
        assert client.stdout is not None
        assert len(client.stdout.readline().strip()) == 64
        assert daemon.stub.info().leases == before + 1
        client.kill()
    deadline = time.monotonic() + 5
    while daemon.stub.info().leases > before:
        assert time.monotonic() < deadline
        time.sleep(0.02)
