"""What a daemon says of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadlock._report import Tier, seconds

if TYPE_CHECKING:
    from loadlock._proto import service_pb2


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
        store_files: Copies of artifacts that its store holds; 0 without one.
        store_bytes: Bytes of these.
        max_store_bytes: The most that they may take; 0 without a store.
        cached_answers: Requests that were answered from an earlier verdict on the same bytes.
        new_answers: Requests that the store did not help.
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
    store_files: int
    store_bytes: int
    max_store_bytes: int
    cached_answers: int
    new_answers: int


def server_info_from_proto(answer: service_pb2.GetServerInfoResponse) -> ServerInfo:
    """As the daemon said it."""
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
        store_files=answer.store_files,
        store_bytes=answer.store_bytes,
        max_store_bytes=answer.max_store_bytes,
        cached_answers=answer.cached_answers,
        new_answers=answer.new_answers,
    )
