"""Where a tensor's elements lie in its storage: the rule STRIDED, looked at once more."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from loadlock._errors import RebuildError
from loadlock._rebuild.tensors.dtypes import Element

MAX_RANK = 64
_MAX_BYTES = 1 << 62


@dataclass(frozen=True, slots=True)
class Layout:
    """Offset and strides in items."""

    offset: int
    sizes: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def of(cls, numbers: list[int]) -> Layout:
        """Of the run offset, sizes, strides."""
        rank = len(numbers) // 2
        if len(numbers) % 2 == 0 or rank > MAX_RANK or min(numbers) < 0:
            raise RebuildError("malformed graph: layout of a tensor")
        return cls(numbers[0], tuple(numbers[1 : 1 + rank]), tuple(numbers[1 + rank :]))

    @property
    def count(self) -> int:
        """Number of elements."""
        return prod(self.sizes)

    @property
    def contiguous(self) -> bool:
        """Whether elements follow one another in row-major order."""
        expected = 1
        for size, stride in zip(reversed(self.sizes), reversed(self.strides), strict=True):
            if size != 1 and stride != expected:
                return False
            expected *= size
        return True

    def end(self) -> int:
        """One more than the last item; the offset if there is none."""
        if self.count == 0:
            return self.offset
        pairs = zip(self.sizes, self.strides, strict=True)
        return self.offset + sum((size - 1) * stride for size, stride in pairs) + 1

    def check(self, element: Element, storage_bytes: int) -> None:
        """Refuses what leaves a storage of so many bytes, or is of a size that overflows."""
        if prod(filter(None, self.sizes)) * element.size >= _MAX_BYTES:
            raise RebuildError("malformed graph: a tensor is too large")
        if self.end() * element.size > storage_bytes:
            raise RebuildError("malformed graph: a tensor leaves its storage")
