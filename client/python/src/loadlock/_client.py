"""The connection to a daemon."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

# gRPC reads it once, before its first channel: model servers fork their workers, and without
# it a forked child's calls fail at random. Who has set it keeps what they set.
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "1")

import grpc

from loadlock._daemon import PrivateDaemon, private_daemon
from loadlock._errors import Error, Refused
from loadlock._handover import take
from loadlock._proto import error_details_pb2, report_pb2, service_pb2, status_pb2
from loadlock._rebuild import rebuild
from loadlock._report import Report, Tier, report_from_proto, seconds

if TYPE_CHECKING:
    from typing_extensions import Self

DEFAULT_SOCKET = "/run/loadlock/loadlock.sock"
PRIVATE = "private"
_SERVICE = "/loadlock.v1.LoadLock/"
_END_LEASE_SECONDS = 5.0
_DETAILS = "grpc-status-details-bin"
# Paths and reports never go through a proxy that the environment names.
_OPTIONS = (("grpc.enable_http_proxy", 0),)


@dataclass(frozen=True)
class PolicySummary:
    """One policy that a daemon knows.

    Attributes:
        name: What `policy=` takes.
        description: What it is for.
        digest: SHA-256 of its composed form.
        entry_count: How many names it lists.
    """

    name: str
    description: str
    digest: str
    entry_count: int


@dataclass(frozen=True)
class ServerInfo:
    """A daemon's state and budgets.

    Attributes:
        version: Version of loadlockd.
        tier: Strength of its sandbox.
        tier_reason: Why it is not the strongest; empty at tier A.
        formats: Formats that it reads.
        ready_workers: Workers that wait for a job.
        running_requests: Requests that run now.
        max_running_requests: Most that run at once.
        leases: Vetted models that wait to be taken over.
        max_artifact_bytes: Largest artifact.
        max_decoded_bytes: Most bytes that an artifact may decompress to.
        max_nodes: Most nodes of a graph.
        max_heap_bytes: Memory a parser may take.
        max_wall_time: Seconds a request may take.
        max_cpu_time: Seconds of CPU that a parser may take.
    """

    version: str
    tier: Tier
    tier_reason: str
    formats: tuple[str, ...]
    ready_workers: int
    running_requests: int
    max_running_requests: int
    leases: int
    max_artifact_bytes: int
    max_decoded_bytes: int
    max_nodes: int
    max_heap_bytes: int
    max_wall_time: float
    max_cpu_time: float


class Client:
    """A connection to loadlockd; use it as a context manager, from any thread.

    Args:
        address: "unix:/path/of/the.sock", "host:port", or "private" for a daemon of one's own.
            None: the environment's LOADLOCK_ADDRESS; else the daemon at
            /run/loadlock/loadlock.sock; else a private daemon, which lives as long as the
            process. A forked child connects anew.
        timeout: Seconds that a call may take; None: as long as the daemon allows.

    Raises:
        Error: Later, by the calls: no daemon can be reached or started.
    """

    def __init__(self, address: str | None = None, *, timeout: float | None = None) -> None:
        self._wanted = address
        self._timeout = timeout
        self._lock = threading.Lock()
        self._connection: _Connection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends the connection and with it this client's leases. A later call connects anew."""
        with self._lock:
            connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def load(
        self,
        path: str | os.PathLike[str],
        *,
        policy: str = "default",
        expected_sha256: str | None = None,
    ) -> Any:
        """The model in the file, rebuilt from its vetted graph. Nothing in the file runs.

        Args:
            path: The file; the daemon opens it, so over TCP it is a path there.
            policy: Name of the policy that says what may be in it.
            expected_sha256: Refuse any other content (64 hex digits).

        Raises:
            Refused: The policy does not accept it; carries the report.
            RebuildError: It was accepted but does not fit what is installed here.
            Error: No verdict (no such file, no daemon, too large, ...).
        """
        connection = self._connected()
        request = service_pb2.LoadModelRequest(
            path=connection.path(path),
            policy=policy,
            expected_sha256=expected_sha256 or "",
            no_lease_if_inline=True,
        )
        with self._errors():
            response = connection.load(request, timeout=self._timeout)
            report = response.report
            if report.verdict != report_pb2.VERDICT_ACCEPTED:
                raise Refused(report_from_proto(report))
            try:
                columns, buffers = take(
                    response, lambda request: connection.fetch(request, timeout=self._timeout)
                )
            finally:
                connection.end_lease(response.lease.token)
        trusts = {(use.module, use.name): use.trust for use in report.globals}
        return rebuild(columns, buffers, trusts)

    def audit(
        self,
        path: str | os.PathLike[str],
        *,
        policy: str = "default",
        expected_sha256: str | None = None,
    ) -> Report:
        """What the file holds and what the policy says of it. A refusal is a report as well.

        Args:
            path: The file, as for load.
            policy: Name of the policy.
            expected_sha256: Refuse any other content (64 hex digits).

        Raises:
            Error: No verdict (no such file, no daemon, too large, ...).
        """
        connection = self._connected()
        request = service_pb2.AuditModelRequest(
            path=connection.path(path), policy=policy, expected_sha256=expected_sha256 or ""
        )
        with self._errors():
            response = connection.audit(request, timeout=self._timeout)
        return report_from_proto(response.report)

    def info(self) -> ServerInfo:
        """The daemon's state and budgets."""
        connection = self._connected()
        with self._errors():
            answer = connection.info(service_pb2.GetServerInfoRequest(), timeout=self._timeout)
        return ServerInfo(
            version=answer.version,
            tier=Tier(answer.tier),
            tier_reason=answer.tier_reason,
            formats=tuple(answer.formats),
            ready_workers=answer.ready_workers,
            running_requests=answer.running_requests,
            max_running_requests=answer.max_running_requests,
            leases=answer.leases,
            max_artifact_bytes=answer.max_artifact_bytes,
            max_decoded_bytes=answer.max_decoded_bytes,
            max_nodes=answer.max_nodes,
            max_heap_bytes=answer.max_heap_bytes,
            max_wall_time=seconds(answer.max_wall_time),
            max_cpu_time=seconds(answer.max_cpu_time),
        )

    def policies(self) -> tuple[PolicySummary, ...]:
        """The policies that the daemon knows."""
        connection = self._connected()
        with self._errors():
            answer = connection.policies(service_pb2.ListPoliciesRequest(), timeout=self._timeout)
        return tuple(
            PolicySummary(entry.name, entry.description, entry.digest, entry.entry_count)
            for entry in answer.policies
        )

    def unload(self, token: bytes) -> None:
        """Ends the lease with that token. `load` ends its own; this is for other callers' tools.

        Raises:
            Error: With status NOT_FOUND if there is no such lease.
        """
        connection = self._connected()
        with self._errors():
            connection.unload(service_pb2.UnloadModelRequest(token=token), timeout=self._timeout)

    def _connected(self) -> _Connection:
        with self._lock:
            if self._connection is None or not self._connection.usable():
                self._connection = _Connection(self._wanted)
            return self._connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns errors of gRPC into ours."""
        try:
            yield
        except grpc.RpcError as error:
            translated = _translate(error)
            if isinstance(translated, Error) and translated.status == "UNAVAILABLE":
                # The daemon may have gone; the next call looks for one again.
                self.close()
            raise translated from error


class _Connection:
    """One channel with its calls; belongs to one process."""

    def __init__(self, wanted: str | None) -> None:
        self._pid = os.getpid()
        self._daemon: PrivateDaemon | None = None
        address = wanted or os.environ.get("LOADLOCK_ADDRESS") or _running_daemon()
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


def _running_daemon() -> str:
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


def _translate(error: grpc.RpcError) -> Error | Refused:
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
