"""A bar that says how far a conversion is, for people at a terminal."""

from __future__ import annotations

import time
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from typing_extensions import Self

_WIDTH = 30
_SECONDS = 0.1
_MB = 1e6


class Bar:
    """Draws on a stream if that is a terminal, and takes itself away at the end."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = stream.isatty()
        self._drawn = 0.0
        self._columns = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._columns:
            self._draw("")

    def __call__(self, done: int, total: int) -> None:
        """Bytes so far, and of all."""
        now = time.monotonic()
        if not self._shown or (now - self._drawn < _SECONDS and done < total):
            return
        self._drawn = now
        part = done / total if total else 1.0
        filled = int(part * _WIDTH)
        bar = "#" * filled + "-" * (_WIDTH - filled)
        self._draw(f"[{bar}] {part:4.0%}  {done / _MB:,.0f} of {total / _MB:,.0f} MB")

    def _draw(self, text: str) -> None:
        self._stream.write("\r" + text.ljust(self._columns) + ("\r" if not text else ""))
        self._stream.flush()
        self._columns = len(text)
