"""A real loadlockd for tests: starts it, calls it, counts what it leaves behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import grpc
from google.protobuf import message
from loadlock._proto import error_details_pb2, status_pb2
from loadlock._proto import service_pb2 as pb

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("LOADLOCK_BUILD", ROOT / "build" / "release"))
BIN = BUILD / "bin"
SANITIZED = "LOADLOCK_SANITIZE:STRING=address" in (BUILD / "CMakeCache.txt").read_text()
SERVICE = "/loadlock.v1.LoadLock/"
ACCEPTED, REFUSED = 1, 2


def call_options() -> list[tuple[str, int]]:
    return [("grpc.max_receive_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]


class Stub:
    """The service by its descriptors; without generated stubs, as any client could."""

    def __init__(self, address: str) -> None:
        self.channel = grpc.insecure_channel(address, options=call_options())

    def unary(self, method: str, request: message.Message, timeout: float = 60) -> Any:
        answer = getattr(pb, f"{method}Response")
        return self.channel.unary_unary(SERVICE + method, type(request).SerializeToString, answer.FromString)(
            request, timeout=timeout
        )

    def future(self, method: str, request: message.Message, timeout: float = 60) -> Any:
        answer = getattr(pb, f"{method}Response")
        return self.channel.unary_unary(
            SERVICE + method, type(request).SerializeToString, answer.FromString
        ).future(request, timeout=timeout)

    def down(self, method: str, request: message.Message) -> Iterator[Any]:
        answer = getattr(pb, f"{method}Response")
        return self.channel.unary_stream(
            SERVICE + method, type(request).SerializeToString, answer.FromString
        )(request, timeout=60)

    def up(self, method: str, requests: Iterator[message.Message]) -> Any:
        kind, answer = getattr(pb, f"{method}Request"), getattr(pb, f"{method}Response")
        return self.channel.stream_unary(SERVICE + method, kind.SerializeToString, answer.FromString)(
            requests, timeout=60
        )

    def audit(self, artifact: Path | bytes, policy: str = "", **fields: Any) -> Any:
        chosen = {"content": artifact} if isinstance(artifact, bytes) else {"path": str(artifact)}
        request = pb.AuditModelRequest(policy=policy, **chosen, **fields)
        return self.unary("AuditModel", request).report

    def load(self, path: Path, **fields: Any) -> Any:
        return self.unary("LoadModel", pb.LoadModelRequest(path=str(path), **fields))

    def info(self) -> Any:
        return self.unary("GetServerInfo", pb.GetServerInfoRequest())

    def health(self, service: str = "loadlock.v1.LoadLock") -> int:
        """HealthCheckResponse.status: 1 SERVING, 2 NOT_SERVING."""
        request = b"\n" + bytes([len(service)]) + service.encode()
        answer = self.channel.unary_unary("/grpc.health.v1.Health/Check")(request, timeout=10)
        return answer[1] if answer else 0

    def close(self) -> None:
        self.channel.close()


class Daemon:
    """One loadlockd in a folder of its own; `root` is the folder it may open files in."""

    program = "loadlockd"
    # What is added to the environment.
    environment: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self, *flags: str, config: str | None = None, base: Path | None = None, pass_fds: tuple[int, ...] = ()
    ) -> None:
        self.pass_fds = pass_fds
        self.base = base or Path(tempfile.mkdtemp(prefix="loadlock-test-"))
        self.owns_base = base is None
        self.root = self.base / "models"
        self.root.mkdir(exist_ok=True)
        self.run = self.base / "run"
        self.socket = self.run / "loadlock.sock"
        self.flags = ["--socket", str(self.socket), "--root", str(self.root), *flags]
        if config is not None:
            (self.base / "loadlock.textproto").write_text(config)
            self.flags += ["--config", str(self.base / "loadlock.textproto")]
        if "--policy-dir" not in flags:
            self.flags += ["--policy-dir", str(ROOT / "deploy" / "policies")]
        self.log = self.base / "stderr.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.stub: Stub | None = None

    def start(self, timeout: float = 30) -> Daemon:
        read, write = os.pipe()
        self.run.mkdir(exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [str(BIN / self.program), *self.flags, "--ready-fd", str(write)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=(write, *self.pass_fds),
                env={**os.environ, **self.environment},
            )  # fmt: skip
        os.close(write)
        os.set_blocking(read, True)
        ready = b""
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline and (part := os.read(read, 16)):
            ready += part
        os.close(read)
        if ready != b"ready\n":
            self.process.wait(timeout=10)
            raise RuntimeError(f"loadlockd did not start: {self.log.read_text()[-2000:]}")
        self.stub = Stub(f"unix:{self.socket}")
        self.stub.info()  # connected, so that what is held before a test holds the connection
        return self

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def write(self, name: str, data: bytes) -> Path:
        path = self.root / name
        path.write_bytes(data)
        return path

    def audit_bytes(self, data: bytes, policy: str = "") -> Any:
        """By content where it fits, else by path."""
        assert self.stub is not None
        if len(data) <= 3 << 20:
            return self.stub.audit(data, policy)
        path = self.write("large.bin", data)
        try:
            return self.stub.audit(path, policy)
        finally:
            path.unlink()

    def stop(self, expect: int | None = 0) -> None:
        if self.stub is not None:
            self.stub.close()
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=60)
        if self.process is not None and expect is not None:
            assert self.process.returncode == expect, self.log.read_text()[-2000:]
        if self.owns_base:
            shutil.rmtree(self.base, ignore_errors=True)

    def __enter__(self) -> Daemon:
        return self.start()

    def __exit__(self, *failure: object) -> None:
        self.stop(None if failure[0] else 0)

    # What it holds.
    def descriptors(self) -> list[str]:
        found = []
        for entry in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                found.append(os.readlink(f"/proc/{self.pid}/fd/{entry}"))
            except FileNotFoundError:
                continue  # closed between listing and reading
        return sorted(found)

    def memfds(self) -> int:
        return sum("/memfd:" in name for name in self.descriptors())

    def children(self) -> list[int]:
        return descendants(self.pid)

    def files(self) -> list[str]:
        return sorted(str(path.relative_to(self.base)) for path in self.base.rglob("*"))

    def settled(self, before: Holdings, seconds: float = 10) -> Holdings:
        """What is held once nothing is above `before` any more, or after `seconds`."""
        deadline = time.monotonic() + seconds
        while True:
            now = self.holdings()
            if not now.above(before) or time.monotonic() > deadline:
                return now
            time.sleep(0.05)

    def full_pool(self) -> Holdings:
        """What is held once the warm workers are there: two a core, 32 at most."""
        assert self.stub is not None
        wanted = min(2 * len(os.sched_getaffinity(0)), 32)
        deadline = time.monotonic() + 10
        while self.stub.info().ready_workers < wanted:
            assert time.monotonic() < deadline, "the pool never filled"
            time.sleep(0.05)
        return self.holdings()

    def holdings(self) -> Holdings:
        return Holdings(len(self.descriptors()), self.memfds(), len(self.children()), self.files())


class Holdings:
    def __init__(self, descriptors: int, memfds: int, processes: int, files: list[str]) -> None:
        self.descriptors, self.memfds = descriptors, memfds
        self.processes, self.files = processes, files

    def above(self, other: Holdings) -> list[str]:
        """What is more than in `other`, in words; empty if nothing is."""
        return [
            f"{what}: {now} after {before}"
            for what, now, before in (
                ("descriptors", self.descriptors, other.descriptors),
                ("memfds", self.memfds, other.memfds),
                ("processes", self.processes, other.processes),
            )
            if now > before
        ] + [f"file {name}" for name in self.files if name not in other.files]


def parent_of(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return int(stat.rsplit(")", 1)[1].split()[1])


def descendants(pid: int) -> list[int]:
    parents = {int(p): parent_of(int(p)) for p in os.listdir("/proc") if p.isdigit()}
    found: list[int] = []
    generation = {pid}
    while generation:
        generation = {child for child, parent in parents.items() if parent in generation}
        found += generation
    return sorted(found)


def errors(report: Any) -> list[Any]:
    return [finding for finding in report.findings if finding.severity == 3]


def error_rules(report: Any) -> set[str]:
    return {finding.rule_id for finding in errors(report)}


def error_info(failure: grpc.RpcError) -> tuple[Any, list[bytes]]:
    """ErrorInfo and the other details of a failed call, as (info, [serialized report...])."""
    status = status_pb2.Status()
    for key, value in failure.trailing_metadata():
        if key == "grpc-status-details-bin":
            status.MergeFromString(value)
    info, reports = error_details_pb2.ErrorInfo(), []
    for detail in status.details:
        if detail.type_url.endswith("ErrorInfo"):
            info.MergeFromString(detail.value)
        if detail.type_url.endswith("loadlock.v1.Report"):
            reports.append(detail.value)
    return info, reports
