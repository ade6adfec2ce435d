"""Messages that never end: what gRPC holds before a request is admitted is bounded, for each user."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from loadlock._proto import service_pb2 as pb

from corpora import opcodes as op
from corpora.models import write_joblib

from .daemon import ACCEPTED, SANITIZED, SERVICE, Daemon, Stub
from .test_fairness import OTHER, User, greedy, open_to_others
from .unfinished import Attack
from .usage import MIB, status

SMALL = op.stream(op.value({"a": [1, 2, 3]}))
# 4 requests of at most 4 MiB and 128 streams of 1 MiB: what gRPC may hold for one user.
LIMITS = "limits { max_running_requests: 2 max_queued_requests: 2 }"
QUOTA = 144 * MIB
# What is on the way when the quota is reached, gRPC's own of a thousand calls, and malloc's.
BESIDE = 64 * MIB
# AddressSanitizer keeps what was freed, and shadows the rest: there only crashes and leaks count.
MOST = 1 << 40 if SANITIZED else QUOTA + BESIDE
SENT = 2 * QUOTA
# One that parses, one that does not, and one that is not ours.
METHODS = (f"{SERVICE}AuditModel", f"{SERVICE}GetServerInfo", "/grpc.health.v1.Health/Check")


@pytest.fixture
def own() -> Iterator[Daemon]:
    with Daemon("--log-level", "error", config=LIMITS) as daemon:
        yield daemon


@pytest.mark.parametrize("method", METHODS)
def test_memory_is_bounded(own: Daemon, method: str) -> None:
    before = status(own.pid, "VmRSS")
    attack = Attack(f"unix:{own.socket}", method, connections=16, streams=64)
    attack.send(SENT)
    grown = status(own.pid, "VmHWM") - before
    print(f"\n{method}: sent {attack.sent // MIB} MiB, the daemon grew by {grown // MIB} MiB")
    assert attack.sent > QUOTA, "the quota was not reached"
    assert grown < MOST
    for one in attack.connections:
        one.socket.close()
    # Its own connection may have been closed to make room: the next call opens another.
    stub = Stub(f"unix:{own.socket}")
    assert stub.audit(SMALL).verdict == ACCEPTED
    stub.close()


@pytest.mark.two_users
def test_another_user_does_not_notice(own: Daemon) -> None:
    """His connection, his lease and his requests are there while somebody else is at his quota."""
    open_to_others(own)
    array = own.write("array.joblib", write_joblib({"x": np.zeros(100_000)}, 4))
    small = own.write("small.pkl", SMALL)
    address = f"unix:{own.socket}"
    before = status(own.pid, "VmRSS")
    lease = own.stub.load(array).lease
    with greedy(address, "unfinished", METHODS[0], SENT // MIB) as attacker:
        assert {own.stub.audit(small).verdict for _ in range(30)} == {ACCEPTED}
        assert User(OTHER, address, "ask", small, 30).result()["codes"] == {"OK": 30}
        assert User(OTHER, address, "load_and_fetch", array).result()["verdict"] == ACCEPTED
        # A lease ends with its connection.
        parts = list(own.stub.down("FetchModel", pb.FetchModelRequest(token=lease.token)))
        assert parts[-1].HasField("end")
        grown = status(own.pid, "VmHWM") - before
        sent = attacker.result()["sent"]
    print(f"\nsent {sent // MIB} MiB, the daemon grew by {grown // MIB} MiB")
    assert sent >= SENT
    assert grown < MOST
