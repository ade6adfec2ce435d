"""The report on an artifact, as plain typed values."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from google.protobuf.duration_pb2 import Duration

    from loadlock._proto import finding_pb2, report_pb2


_E = TypeVar("_E", bound=enum.Enum)


class Verdict(enum.Enum):
    """Whether the policy accepts the artifact."""

    UNDECIDED = 0
    ACCEPTED = 1
    REFUSED = 2


class Severity(enum.Enum):
    """How much a finding weighs; one ERROR refuses."""

    UNSPECIFIED = 0
    INFO = 1
    WARNING = 2
    ERROR = 3


class Trust(enum.Enum):
    """What a policy lets a name be, from least to most."""

    NOT_LISTED = 0
    NAME = 1
    NEW_DICT = 2
    NEW_SETSTATE = 3
    FACTORY = 4
    BY_NAME_AND_PARAMS = 5
    REWRITTEN = 6


class Tier(enum.Enum):
    """How strong the sandbox is: A (namespaces and all) to C (seccomp and limits)."""

    UNKNOWN = 0
    A = 1
    B = 2
    C = 3


@dataclass(frozen=True)
class Finding:
    """One reason, or one thing worth knowing.

    Attributes:
        rule_id: Stable id, e.g. "NAME_NOT_LISTED".
        severity: ERROR refuses the artifact.
        message: One sentence.
        name: The name concerned ("module.attribute"), or empty.
        member_path: Member of a container format, or empty.
        byte_offset: Offset in the decompressed stream, or None.
        opcode: pickle's name of the opcode there, or empty.
        object_path: Place in the object tree, e.g. "$.steps[1][1].coef_".
        allow: The line that the policy lacks, or empty if none helps. Of a call it is not enough by
            itself, and the message says so.
    """

    rule_id: str
    severity: Severity
    message: str
    name: str = ""
    member_path: str = ""
    byte_offset: int | None = None
    opcode: str = ""
    object_path: str = ""
    allow: str = ""

    def __str__(self) -> str:
        place = []
        if self.member_path:
            place.append(self.member_path)
        if self.byte_offset is not None:
            place.append(f"byte {self.byte_offset}")
        if self.opcode:
            place.append(self.opcode)
        if self.object_path:
            place.append(self.object_path)
        text = f"{self.rule_id}: {self.message}"
        if place:
            text += f" ({', '.join(place)})"
        if self.allow:
            text += f"\n    the policy lacks: {self.allow}"
        return text


@dataclass(frozen=True)
class GlobalUse:
    """A name that the artifact refers to.

    Attributes:
        module: Dotted module.
        name: Attribute of it.
        count: How many opcodes refer to it.
        first_offset: Byte offset of the first of them in the decompressed stream.
        trust: What the policy lets it be.
        opcode: pickle's name of the first opcode.
    """

    module: str
    name: str
    count: int
    first_offset: int
    trust: Trust
    opcode: str = ""

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclass(frozen=True)
class Timing:
    """Seconds that the stages took in the daemon; stages overlap."""

    store: float
    hash: float
    wait_for_worker: float
    parse: float
    verify: float
    total: float


@dataclass(frozen=True)
class Report:
    """What the daemon found out about an artifact.

    Attributes:
        verdict: ACCEPTED or REFUSED.
        findings: The reasons.
        globals: Every name the artifact refers to, in order of first use.
        path: The path as asked for.
        sha256: Hex digest of the whole artifact as vetted.
        size: Bytes of the artifact.
        format: "pickle", "joblib+zlib", "npy", ...; empty if not recognised.
        node_count: Nodes of the object graph.
        buffer_count: Arrays and other blocks of data.
        buffer_bytes: Bytes of them together.
        decoded_size: Bytes that had to be decompressed or decoded.
        tier: Strength of the sandbox that parsed it.
        tier_reason: Why it was not the strongest; empty at tier A.
        policy: Name of the policy.
        policy_digest: SHA-256 of the composed policy.
        timing: Where the time went.
        request_id: Id of the request in the daemon's log.
        cached: The verdict is an earlier one on the same bytes; nothing was parsed for this.
    """

    verdict: Verdict
    findings: tuple[Finding, ...]
    globals: tuple[GlobalUse, ...]
    path: str
    sha256: str
    size: int
    format: str
    node_count: int
    buffer_count: int
    buffer_bytes: int
    decoded_size: int
    tier: Tier
    tier_reason: str
    policy: str
    policy_digest: str
    timing: Timing
    request_id: str
    cached: bool

    @property
    def accepted(self) -> bool:
        """Whether the artifact may be loaded."""
        return self.verdict is Verdict.ACCEPTED

    @property
    def untrusted(self) -> tuple[str, ...]:
        """Names that the policy does not list, or not for this use; sorted, each once.

        None of them does not mean accepted: a file may be refused for other reasons, and of one
        that is refused while it is read only the names up to there are known.
        """
        names = {str(use) for use in self.globals if use.trust is Trust.NOT_LISTED}
        names.update(
            finding.name
            for finding in self.findings
            if finding.severity is Severity.ERROR
            and finding.name
            and finding.rule_id.startswith("NAME_")
        )
        return tuple(sorted(names))

    def __str__(self) -> str:
        what = self.path or f"sha256 {self.sha256[:16]}"
        head = f"{what}: {self.verdict.name.lower()} by policy {self.policy!r}"
        details = f"({self.format or 'unknown format'}, {self.size} bytes)"
        lines = [f"{head} {details}"]
        lines.extend(f"  {finding}" for finding in self.findings)
        return "\n".join(lines)


def finding_from_proto(message: finding_pb2.Finding) -> Finding:
    """Finding of its wire form."""
    return Finding(
        rule_id=message.rule_id,
        severity=_member(Severity, message.severity, Severity.UNSPECIFIED),
        message=message.message,
        name=message.name,
        member_path=message.member_path,
        byte_offset=message.byte_offset if message.HasField("byte_offset") else None,
        opcode=message.opcode,
        object_path=message.object_path,
        allow=message.allow,
    )


def report_from_proto(message: report_pb2.Report) -> Report:
    """Report of its wire form. Numbers this version does not know become the zero value."""
    timing = message.timing
    return Report(
        verdict=_member(Verdict, message.verdict, Verdict.UNDECIDED),
        findings=tuple(map(finding_from_proto, message.findings)),
        globals=tuple(
            GlobalUse(
                module=use.module,
                name=use.name,
                count=use.count,
                first_offset=use.first_offset,
                trust=_member(Trust, use.trust, Trust.NOT_LISTED),
                opcode=use.opcode,
            )
            for use in message.globals
        ),
        path=message.path,
        sha256=message.sha256,
        size=message.size,
        format=message.format,
        node_count=message.node_count,
        buffer_count=message.buffer_count,
        buffer_bytes=message.buffer_bytes,
        decoded_size=message.decoded_size,
        tier=_member(Tier, message.tier, Tier.UNKNOWN),
        tier_reason=message.tier_reason,
        policy=message.policy,
        policy_digest=message.policy_digest,
        timing=Timing(
            store=seconds(timing.store),
            hash=seconds(timing.hash),
            wait_for_worker=seconds(timing.wait_for_worker),
            parse=seconds(timing.parse),
            verify=seconds(timing.verify),
            total=seconds(timing.total),
        ),
        request_id=message.request_id,
        cached=message.cached,
    )


def seconds(duration: Duration) -> float:
    """A protobuf Duration in seconds."""
    return duration.seconds + duration.nanos * 1e-9


def _member(kind: type[_E], number: int, default: _E) -> _E:
    try:
        return kind(number)
    except ValueError:
        return default
