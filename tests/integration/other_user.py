"""A caller with a user id of its own: `python -m integration.other_user UID SOCKET WHAT ARGUMENTS`.

Everything is imported before the user changes, so the interpreter may stand where that user cannot
read. It keeps its group, by which it may use the socket. One JSON object comes out at the end."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
from loadlock._proto import service_pb2 as pb

from .daemon import Stub
from .unfinished import Attack

REFUSED_FOR_LOAD = grpc.StatusCode.RESOURCE_EXHAUSTED


def say_ready() -> None:
    print("ready", flush=True)


def wait_for_the_end() -> None:
    sys.stdin.read()


def ask(address: str, path: str, count: str) -> dict[str, Any]:
    """Audits one after the other, as a model server does that starts."""
    stub = Stub(address)
    codes: Counter[str] = Counter()
    seconds = []
    for _ in range(int(count)):
        started = time.monotonic()
        try:
            stub.audit(path)
            codes["OK"] += 1
        except grpc.RpcError as failed:
            codes[failed.code().name] += 1
        seconds.append(time.monotonic() - started)
    return {"codes": codes, "seconds": sorted(seconds)}


def flood(address: str, path: str, outstanding: str) -> dict[str, Any]:
    """Keeps `outstanding` audits in flight until its standard input ends."""
    stubs = [Stub(address) for _ in range(4)]
    codes: Counter[str] = Counter()
    seconds: list[float] = []
    end = threading.Event()

    def worker(stub: Stub) -> None:
        while not end.is_set():
            started = time.monotonic()
            try:
                stub.audit(path)
                codes["OK"] += 1
                seconds.append(time.monotonic() - started)
            except grpc.RpcError as failed:
                codes[failed.code().name] += 1
                # Again at once, but for the processor time that this Python takes from the daemon.
                time.sleep(0.02)

    threads = [
        threading.Thread(target=worker, args=(stubs[i % len(stubs)],)) for i in range(int(outstanding))
    ]
    for thread in threads:
        thread.start()
    while not codes[REFUSED_FOR_LOAD.name] and not end.wait(0.01):
        pass
    say_ready()
    wait_for_the_end()
    end.set()
    for thread in threads:
        thread.join()
    return {"codes": codes, "seconds": sorted(seconds)}


def leases(address: str, path: str, most: str) -> dict[str, Any]:
    """Takes leases until it is refused, and holds them."""
    stub = Stub(address)
    held = 0
    try:
        while held < int(most):
            stub.load(path)
            held += 1
    except grpc.RpcError as failed:
        assert failed.code() == REFUSED_FOR_LOAD, failed
    say_ready()
    wait_for_the_end()
    return {"held": held}


def connections(address: str, _path: str, most: str) -> dict[str, Any]:
    """Opens connections until they are closed in its face, and holds the others, silent."""
    held = []
    for _ in range(int(most)):
        connection = socket.socket(
            socket.AF_UNIX, socket.SOCK_SEQPACKET if address.endswith(".fd") else socket.SOCK_STREAM
        )
        connection.connect(address.removeprefix("unix:"))
        held.append(connection)
    time.sleep(0.5)
    alive = 0
    for connection in held:
        connection.setblocking(False)
        try:
            alive += bool(connection.recv(1 << 16))  # an HTTP/2 server speaks first
        except BlockingIOError:
            alive += 1
        except ConnectionResetError:
            pass
    say_ready()
    wait_for_the_end()
    return {"held": alive}


def streams(address: str, _path: str, most: str) -> dict[str, Any]:
    """Starts uploads that it does not end."""
    stub = Stub(address)
    end = threading.Event()

    def slow() -> Iterator[pb.AuditUploadRequest]:
        yield pb.AuditUploadRequest(chunk=b"\x80\x04")
        end.wait()

    call = stub.channel.stream_unary(
        "/loadlock.v1.LoadLock/AuditUpload",
        pb.AuditUploadRequest.SerializeToString,
        pb.AuditUploadResponse.FromString,
    )
    calls = [call.future(slow()) for _ in range(int(most))]
    deadline = time.monotonic() + 20
    while not any(one.done() for one in calls) and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.5)
    held = sum(not one.done() for one in calls)
    say_ready()
    wait_for_the_end()
    for one in calls:
        one.cancel()
    end.set()
    return {"held": held}


def unfinished(address: str, path: str, mebibytes: str) -> dict[str, Any]:
    """Sends messages that never end, until so much is out, and goes on. `path` is the method's."""
    attack = Attack(address, path, connections=16, streams=64)
    attack.send(int(mebibytes) << 20)
    say_ready()
    end = threading.Event()

    def listen() -> None:
        wait_for_the_end()
        end.set()

    threading.Thread(target=listen, daemon=True).start()
    while not end.is_set():
        attack.step()
    return {"sent": attack.sent}


def load_and_fetch(address: str, path: str, _: str) -> dict[str, Any]:
    """All that a caller wants: a lease, the descriptors, an upload."""
    import loadlock

    client = loadlock.Client(address)
    model = client.load(path)
    stub = Stub(address)
    data = Path(path).read_bytes()
    report = stub.up("AuditUpload", iter([pb.AuditUploadRequest(chunk=data)])).report
    answer = stub.load(path)
    assert answer.lease.token
    return {"model": str(type(model)), "verdict": report.verdict}


WHAT: dict[str, Callable[[str, str, str], dict[str, Any]]] = {
    "ask": ask,
    "flood": flood,
    "leases": leases,
    "connections": connections,
    "streams": streams,
    "unfinished": unfinished,
    "load_and_fetch": load_and_fetch,
}


def main() -> None:
    uid, address, what, path, number = sys.argv[1:]
    import loadlock  # noqa: F401

    # grpc imports the rest of itself with its first channel.
    grpc.insecure_channel("unix:/nobody-listens").close()
    os.setgroups([])
    os.setresuid(int(uid), int(uid), int(uid))
    print(json.dumps(WHAT[what](address, path, number)), flush=True)
    os._exit(0)  # threads of calls that nobody ends


if __name__ == "__main__":
    main()
