"""The calls that come to the stages, and what became of them in a word.

As a program (`python -m faults.calls SOCKET CALL FILE`) it is a client that a test may kill.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
from loadlock._proto import report_pb2
from loadlock._proto import service_pb2 as pb

from integration.daemon import ACCEPTED, SERVICE, Stub, error_info, error_rules

CHUNK = 1 << 16


def method(stub: Stub, kind: str, name: str) -> Any:
    request, answer = getattr(pb, f"{name}Request"), getattr(pb, f"{name}Response")
    return getattr(stub.channel, kind)(SERVICE + name, request.SerializeToString, answer.FromString)


def chunks(file: Path) -> Iterator[Any]:
    data = file.read_bytes()
    for start in range(0, len(data), CHUNK):
        yield pb.AuditUploadRequest(chunk=data[start : start + CHUNK])


class Call:
    """One call; `began` is called when all that it needs is there."""

    def __init__(self, socket_path: str, file: Path, began: Callable[[], None] = lambda: None) -> None:
        self.path, self.file, self.began = socket_path, file, began
        self.stub = Stub(f"unix:{socket_path}")
        self.running: Any = None
        self.outcome = ""
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Call:
        self.thread.start()
        return self

    def result(self, seconds: float = 30) -> str:
        """The connection stays, and with it what the daemon holds for it."""
        self.thread.join(seconds)
        assert not self.thread.is_alive(), "the call hangs"
        return self.outcome

    def end(self) -> str:
        outcome = self.result()
        self.stub.close()
        return outcome

    def cancel(self) -> None:
        # The daemon may be at its stage before this process knows that it has called.
        while self.running is None:
            time.sleep(0.001)
        self.running.cancel()

    def _run(self) -> None:
        try:
            self.outcome = self.perform()
        except grpc.FutureCancelledError:
            self.outcome = "CANCELLED"
        except grpc.RpcError as failure:
            info, reports = error_info(failure)
            if reports:
                self.outcome = refused(report_pb2.Report.FromString(reports[0]))
            else:
                self.outcome = ":".join(filter(None, (failure.code().name, info.reason)))

    def perform(self) -> str:
        raise NotImplementedError

    def lease(self) -> Any:
        return self.stub.load(self.file).lease


def refused(report: Any) -> str:
    return "REFUSED:" + ",".join(sorted(error_rules(report)))


class Load(Call):
    def perform(self) -> str:
        self.began()
        self.running = method(self.stub, "unary_unary", "LoadModel").future(
            pb.LoadModelRequest(path=str(self.file)), timeout=60
        )
        answer = self.running.result()
        assert answer.lease.token
        assert answer.report.verdict == ACCEPTED
        return "ACCEPTED"


class Upload(Call):
    def perform(self) -> str:
        self.began()
        self.running = method(self.stub, "stream_unary", "AuditUpload").future(chunks(self.file), timeout=60)
        report = self.running.result().report
        return "ACCEPTED" if report.verdict == ACCEPTED else refused(report)


class Fetch(Call):
    def perform(self) -> str:
        token = self.lease().token
        self.began()
        self.running = method(self.stub, "unary_stream", "FetchModel")(
            pb.FetchModelRequest(token=token), timeout=60
        )
        parts = list(self.running)
        assert parts[-1].end.buffer_bytes == sum(len(part.chunk.data) for part in parts)
        return "ACCEPTED"


class Unload(Call):
    def perform(self) -> str:
        token = self.lease().token
        self.began()
        self.running = method(self.stub, "unary_unary", "UnloadModel").future(
            pb.UnloadModelRequest(token=token), timeout=60
        )
        self.running.result()
        return "ACCEPTED"


class HandOver(Call):
    def perform(self) -> str:
        lease = self.lease()
        self.began()
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
            connection.connect(lease.fd_socket)
            self.running = connection
            connection.send(lease.token)
            try:
                data, descriptors, _, _ = socket.recv_fds(connection, 64, 2)
            except ConnectionResetError:
                data, descriptors = b"", []
        for descriptor in descriptors:
            os.close(descriptor)
        if not data:
            return "CANCELLED" if self.cancelled else "CLOSED"
        assert len(descriptors) == 2
        return "ACCEPTED"

    cancelled = False

    def cancel(self) -> None:
        self.cancelled = True
        self.running.shutdown(socket.SHUT_RDWR)


CALLS: dict[str, type[Call]] = {kind.__name__: kind for kind in (Load, Upload, Fetch, Unload, HandOver)}


if __name__ == "__main__":
    call = CALLS[sys.argv[2]](sys.argv[1], Path(sys.argv[3]))
    call.start()
    call.thread.join()
