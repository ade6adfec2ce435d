"""What can go wrong, as exceptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from loadlock._report import Finding, Report


class Error(Exception):
    """No verdict was reached, or the vetted model could not be handed over or rebuilt.

    Attributes:
        status: Name of the gRPC status ("NOT_FOUND", "UNAVAILABLE", ...), or "CLIENT" if the
            daemon was not to blame.
        reason: What went wrong in UPPER_SNAKE ("NO_SUCH_FILE", ...); empty if unknown.
        metadata: Details the daemon added, e.g. which limit or field.
    """

    def __init__(
        self,
        message: str,
        *,
        status: str = "CLIENT",
        reason: str = "",
        metadata: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
        self.metadata = metadata or {}

    def __str__(self) -> str:
        kind = f"{self.status} ({self.reason})" if self.reason else self.status
        return f"{kind}: {super().__str__()}"


class RebuildError(Error):
    """The daemon accepted the model, but it cannot be rebuilt in this process.

    A library is missing or of another version than the model's, or the graph asks for
    something that this client does not allow either.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="REBUILD")


class Refused(Exception):  # noqa: N818  (reads as what it is: `except loadlock.Refused`)
    """The policy does not accept the artifact; nothing of it was built.

    Attributes:
        report: The whole report.
        findings: The reasons, `report.findings`.
    """

    def __init__(self, report: Report) -> None:
        super().__init__(report)
        self.report = report

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The reasons."""
        return self.report.findings

    def __str__(self) -> str:
        return str(self.report)
