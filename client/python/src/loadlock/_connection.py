"""One channel to a daemon, and its errors as ours."""

from __future__ import annotations

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

# gRPC reads it once, before its first channel: model servers fork their workers, and without
# it a forked child's calls fail at random. Who has set it keeps what they set.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "1")

import grpc

from loadlock._daemon import PrivateDaemon, private_daemon
from loadlock._errors import Error, Refused
from loadlock._proto import error_details_pb2, report_pb2, service_pb2, status_pb2
from loadlock._report import report_from_proto

DEFAULT_SOCKET = "/run/loadlock/loadlock.sock"
PRIVATE = "private"
_SERVICE = "/loadlock.v1.LoadLock/"
_END_LEASE_SECONDS = 5.0
# The most that one message of an upload may hold.
_CHUNK = 1 << 20
_DETAILS = "grpc-status-details-bin"
# Paths and reports never go through a proxy that the environment names.
_OPTIONS = (("grpc.enable_http_proxy", 0),)


class Connection:
    """One channel with its calls; belongs to one process."""

    def __init__(self, wanted: str | None) -> None:
        self._pid = os.getpid()
        self._daemon: PrivateDaemon | None = None
        address = wanted or os.environ.get("LOADLOCK_ADDRESS") or running_daemon()
        if address == PRIVATE:
            self._daemon = private_daemon()
            address = self._daemon.address
        elif address.startswith("/"):
            address = f"unix:{address}"
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)
        self.load = self._unary("LoadModel", service_pb2.LoadModelResponse)
        self.audit = self._unary("AuditModel", service_pb2.AuditModelResponse)
        self.unload = self._unary("UnloadModel", service_pb2.UnloadModelResponse)
        self.info = self._unary("GetServerInfo", service_pb2.GetServerInfoResponse)
        self.policies = self._unary("ListPolicies", service_pb2.ListPoliciesResponse)
        self._load_upload: Any = self._channel.stream_unary(
            f"{_SERVICE}LoadUpload",
            request_serializer=service_pb2.LoadUploadRequest.SerializeToString,
            response_deserializer=service_pb2.LoadUploadResponse.FromString,
        )
        self.fetch: Any = self._channel.unary_stream(
            f"{_SERVICE}FetchModel",
            request_serializer=service_pb2.FetchModelRequest.SerializeToString,
            response_deserializer=service_pb2.FetchModelResponse.FromString,
        )

    def _unary(self, method: str, answer: Any) -> Any:
        return self._channel.unary_unary(
            _SERVICE + method,
            request_serializer=_serialized,
            response_deserializer=answer.FromString,
        )

    def upload(self, content: bytes | memoryview, policy: str, timeout: float | None) -> Any:
        """Answer to LoadUpload with these bytes."""

        def parts() -> Iterator[service_pb2.LoadUploadRequest]:
            yield service_pb2.LoadUploadRequest(policy=policy)
            for start in range(0, len(content), _CHUNK):
                yield service_pb2.LoadUploadRequest(chunk=bytes(content[start : start + _CHUNK]))

        return self._load_upload(parts(), timeout=timeout)

    def end_lease(self, token: bytes) -> None:
        """Frees what the daemon holds for a load that is over."""
        if token:
            # If it fails, the lease ends with the connection or its deadline.
            with suppress(grpc.RpcError):
                self.unload(service_pb2.UnloadModelRequest(token=token), timeout=_END_LEASE_SECONDS)

    def usable(self) -> bool:
        """Whether calls may go through it: no fork since, and a private daemon still runs."""
        return self._pid == os.getpid() and (self._daemon is None or self._daemon.alive())

    def close(self) -> None:
        """Closes the channel, in the process that opened it."""
        if self._pid == os.getpid():
            self._channel.close()

    def path(self, path: str | os.PathLike[str]) -> str:
        """As the daemon wants it: absolute; links are followed here if the daemon is our own."""
        name = os.fspath(path)
        if not isinstance(name, str):
            raise TypeError("path must be a str or a PathLike of str")
        found = str(Path(name).resolve() if self._daemon is not None else Path(name).absolute())
        if not _is_utf8(found):
            raise Error("the path is not UTF-8, so it cannot be sent", reason="INVALID_FIELD")
        return found


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _serialized(message: Any) -> bytes:
    data: bytes = message.SerializeToString()
    return data


def running_daemon() -> str:
    """The default socket if somebody serves there, else "private"."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(DEFAULT_SOCKET)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR):
                return PRIVATE
            raise Error(
                f"a daemon's socket is at {DEFAULT_SOCKET}, but: {error.strerror}; "
                'for a daemon of your own set LOADLOCK_ADDRESS to "private"',
                reason="DAEMON_UNREACHABLE",
            ) from error
    return f"unix:{DEFAULT_SOCKET}"


def translate(error: grpc.RpcError) -> Error | Refused:
    """Our exception for a status with google.rpc details."""
    call: Any = error
    code = call.code()
    reason, metadata = "", {}
    for detail in _details(call):
        kind = detail.type_url.rpartition("/")[2]
        if kind == "loadlock.v1.Report" and code is grpc.StatusCode.FAILED_PRECONDITION:
            return Refused(report_from_proto(report_pb2.Report.FromString(detail.value)))
        if kind == "google.rpc.ErrorInfo":
            info = error_details_pb2.ErrorInfo.FromString(detail.value)
            reason, metadata = info.reason, dict(info.metadata)
    return Error(call.details() or "no details", status=code.name, reason=reason, metadata=metadata)


def _details(call: Any) -> list[Any]:
    for key, value in call.trailing_metadata() or ():
        if key == _DETAILS:
            return list(status_pb2.Status.FromString(value).details)
    return []
