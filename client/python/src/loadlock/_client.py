"""The connection to a daemon."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

import grpc

from loadlock._connection import Connection, translate
from loadlock._errors import Error, Refused
from loadlock._handover import take
from loadlock._proto import report_pb2, service_pb2
from loadlock._rebuild import TensorOptions, rebuild
from loadlock._report import Report, report_from_proto
from loadlock._server_info import PolicySummary, ServerInfo, server_info_from_proto
from loadlock._shards import INDEX, join
from loadlock._tensors import TensorFile, state_dict

if TYPE_CHECKING:
    from typing_extensions import Self

    from loadlock._rebuild import Buffers, Columns


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
        self._connection: Connection | None = None

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
        tensors: str = "auto",
        device: Any = None,
    ) -> Any:
        """The model in the file, rebuilt from its vetted graph. Nothing in the file runs.

        Of an index of safetensors files (`*.safetensors.index.json`) it is the dict of all tensors;
        each file is loaded from the index's folder, vetted as any other.

        Args:
            path: The file; the daemon opens it, so over TCP it is a path there.
            policy: Name of the policy that says what may be in it.
            expected_sha256: Refuse any other content (64 hex digits).
            tensors: What torch's tensors become: "torch", "numpy" (plain ones of dtypes that
                numpy has), or "auto": torch if it is installed, else numpy.
            device: Passed on to torch: where tensors go.

        Raises:
            Refused: The policy does not accept it; carries the report.
            RebuildError: It was accepted but does not fit what is installed here.
            Error: No verdict (no such file, no daemon, too large, ...).
        """
        return self._load(path, policy, expected_sha256, TensorOptions(tensors, device))

    def open(
        self,
        path: str | os.PathLike[str],
        *,
        key: str | None = None,
        policy: str = "default",
        expected_sha256: str | None = None,
        tensors: str = "auto",
        device: Any = None,
    ) -> TensorFile:
        """The tensors of a file by name, each built when it is asked for.

        Args:
            path: As for load.
            key: Where in the file the tensors are, if not at its root ("state_dict", say).
            policy: As for load.
            expected_sha256: As for load.
            tensors: As for load.
            device: As for load.

        Raises:
            Refused, RebuildError, Error: As load; RebuildError also if there is no dict of
                tensors.
        """
        options = TensorOptions(tensors, device)
        return TensorFile(*self._take(path, policy, expected_sha256)[1], options, key)

    def load_state_dict(
        self,
        path: str | os.PathLike[str],
        *,
        key: str | None = None,
        policy: str = "default",
        expected_sha256: str | None = None,
        tensors: str = "auto",
        device: Any = None,
    ) -> Any:
        """The dict of tensors in a file, for a module's load_state_dict.

        Arrays of a safetensors file become tensors, too, where torch is installed.

        Args:
            path: As for load.
            key: As for open.
            policy: As for load.
            expected_sha256: As for load.
            tensors: As for load.
            device: As for load.

        Raises:
            Refused, RebuildError, Error: As open.
        """
        options = TensorOptions(tensors, device)
        return state_dict(self._load(path, policy, expected_sha256, options), options, key)

    def vetted(
        self,
        path: str | os.PathLike[str],
        *,
        policy: str = "default",
        expected_sha256: str | None = None,
    ) -> tuple[Columns, Buffers, dict[tuple[str, str], int]]:
        """What load rebuilds from: graph, bytes and the trust of its names."""
        return self._take(path, policy, expected_sha256)[1]

    def _load(
        self,
        path: str | os.PathLike[str],
        policy: str,
        expected_sha256: str | None,
        options: TensorOptions,
    ) -> Any:
        """What is in the file; if that is an index, the tensors of the files that it names."""
        kind, graph = self._take(path, policy, expected_sha256)
        root = rebuild(*graph, options)
        if kind != INDEX:
            return root
        folder = Path(path).parent

        def shard(name: str) -> tuple[str, Any]:
            kind, graph = self._take(folder / name, policy, None)
            return kind, rebuild(*graph, options)

        return join(root, shard)

    def _take(
        self, path: str | os.PathLike[str], policy: str, expected_sha256: str | None
    ) -> tuple[str, tuple[Columns, Buffers, dict[tuple[str, str], int]]]:
        """The format; and graph, bytes and the trust of its names."""
        connection = self._connected()
        request = service_pb2.LoadModelRequest(
            path=connection.path(path),
            policy=policy,
            expected_sha256=expected_sha256 or "",
            no_lease_if_inline=True,
        )
        return self._taken(connection, lambda: connection.load(request, timeout=self._timeout))

    def _take_content(
        self, content: bytes | memoryview, policy: str
    ) -> tuple[str, tuple[Columns, Buffers, dict[tuple[str, str], int]]]:
        """As `_take`, of bytes that are sent to the daemon."""
        connection = self._connected()
        return self._taken(
            connection, lambda: connection.upload(content, policy, timeout=self._timeout)
        )

    def _taken(
        self, connection: Connection, call: Callable[[], Any]
    ) -> tuple[str, tuple[Columns, Buffers, dict[tuple[str, str], int]]]:
        with self._errors():
            response = call()
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
        return report.format, (columns, buffers, trusts)

    def load_from(
        self,
        source: str | os.PathLike[str] | bytes | memoryview,
        expected: Callable[[str], bool],
        *,
        policy: str = "default",
        tensors: str = "auto",
        device: Any = None,
    ) -> Any:
        """The model in a file, or in bytes, if it is of a format that is expected.

        Args:
            source: A path as for load, or the content itself, which is sent to the daemon.
            expected: Whether the format, as in Report.format, is one that the caller reads.
            policy: As for load.
            tensors: As for load.
            device: As for load.

        Raises:
            Refused, RebuildError, Error: As load; Error with the reason OTHER_FORMAT also if it
                is of another format.
        """
        if isinstance(source, bytes | memoryview):
            kind, graph = self._take_content(source, policy)
        else:
            kind, graph = self._take(source, policy, None)
        if not expected(kind):
            raise Error(f"it is of another format: {kind}", reason="OTHER_FORMAT")
        return rebuild(*graph, TensorOptions(tensors, device))

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
        return server_info_from_proto(answer)

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

    def _connected(self) -> Connection:
        with self._lock:
            if self._connection is None or not self._connection.usable():
                self._connection = Connection(self._wanted)
            return self._connection

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turns errors of gRPC into ours."""
        try:
            yield
        except grpc.RpcError as error:
            translated = translate(error)
            if isinstance(translated, Error) and translated.status == "UNAVAILABLE":
                # The daemon may have gone; the next call looks for one again.
                self.close()
            raise translated from error
