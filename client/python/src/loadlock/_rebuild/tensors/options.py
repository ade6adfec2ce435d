"""What a caller may choose about tensors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from loadlock._errors import Error

KINDS = ("auto", "torch", "numpy")


@dataclass(frozen=True, slots=True)
class TensorOptions:
    """What tensors become, and where torch puts them.

    Attributes:
        kind: "torch", "numpy" (plain tensors of dtypes that numpy has), or "auto": torch if it is
            installed.
        device: Passed on to torch; None leaves tensors where they were vetted, in memory.
    """

    kind: str = "auto"
    device: Any = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise Error(f"tensors must be one of {', '.join(KINDS)}", reason="INVALID_FIELD")
        if self.device is not None and self.kind == "numpy":
            raise Error("numpy's arrays have no device", reason="INVALID_FIELD")
