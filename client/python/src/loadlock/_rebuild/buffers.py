"""Where the bytes of arrays come from: the answer itself, a stream, or sealed memory."""

from __future__ import annotations

import mmap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeAlias

import numpy as np

from loadlock._errors import RebuildError

if TYPE_CHECKING:
    from loadlock._rebuild.columns import Columns

Memory: TypeAlias = "bytes | bytearray | mmap.mmap"

# graph.proto's BufferSource
ARTIFACT = 1
DECODED = 2


class Buffers(Protocol):
    """One block of bytes a buffer of the graph."""

    def locate(self, columns: Columns) -> Located:
        """Where each buffer is; RebuildError if one is not where the graph says."""

    def release(self) -> None:
        """Lets go of memory that reading took; what was written there would be lost."""


class Located:
    """Memory, offset and length of every buffer, each proven to lie inside its memory.

    Attributes:
        must_copy: The memory may not be written or is used twice, so arrays need their own.
        only_read: Nobody writes to what is made of it, nor minds where it lies: nothing is copied.
    """

    __slots__ = ("_taken", "lengths", "memories", "must_copy", "offsets", "only_read")

    def __init__(
        self,
        memories: Sequence[Memory],
        offsets: Sequence[int],
        lengths: Sequence[int],
        *,
        must_copy: bool,
    ) -> None:
        self.memories = memories
        self.offsets = offsets
        self.lengths = lengths
        self.must_copy = must_copy
        self.only_read = False
        self._taken = bytearray(len(lengths))

    def take(self, buffer: int, alignment: int) -> bool:
        """Whether the memory itself may be used by elements that want such an alignment.

        It may if it is ours and nobody has taken it before.
        """
        if self.only_read:
            return True
        if self.must_copy or self._taken[buffer] or self.offsets[buffer] % alignment:
            return False
        self._taken[buffer] = 1
        return True

    def read(self, buffer: int) -> bytes:
        """A copy of the bytes of one buffer."""
        start = self.offsets[buffer]
        return bytes(self.memories[buffer][start : start + self.lengths[buffer]])


class InlineBuffers:
    """Buffers that came with the answer, in order."""

    def __init__(self, blocks: Sequence[bytes]) -> None:
        self._blocks = list(blocks)

    def locate(self, columns: Columns) -> Located:
        """The blocks themselves; their lengths must be those of the graph."""
        lengths = list(map(len, self._blocks))
        _check_lengths(lengths, columns)
        return Located(self._blocks, [0] * len(lengths), lengths, must_copy=True)

    def release(self) -> None:
        """They stay."""


class StreamedBuffers:
    """Buffers that were received into memory of our own."""

    def __init__(self, blocks: Sequence[bytearray]) -> None:
        self._blocks = list(blocks)

    def locate(self, columns: Columns) -> Located:
        """The blocks themselves; their lengths must be those of the graph."""
        lengths = list(map(len, self._blocks))
        _check_lengths(lengths, columns)
        return Located(self._blocks, [0] * len(lengths), lengths, must_copy=False)

    def release(self) -> None:
        """They stay."""


class MappedBuffers:
    """Buffers that are ranges of the mapped artifact or of the mapped decoded data."""

    def __init__(self, sources: Mapping[int, mmap.mmap]) -> None:
        self._sources = dict(sources)

    def locate(self, columns: Columns) -> Located:
        """Ranges of the mappings. Overlapping ones are copied: arrays must not share memory."""
        memories: list[Memory] = []
        for source, offset, length in zip(
            columns.buffer_sources, columns.buffer_offsets, columns.buffer_lengths, strict=True
        ):
            memory: Memory = self._sources.get(source, b"")
            if offset < 0 or length < 0 or offset + length > len(memory):
                raise RebuildError("a buffer lies outside of what was handed over")
            memories.append(memory)
        return Located(
            memories, columns.buffer_offsets, columns.buffer_lengths, must_copy=_overlap(columns)
        )

    def release(self) -> None:
        """Pages that were read are read again at their next use."""
        for memory in self._sources.values():
            memory.madvise(mmap.MADV_DONTNEED)


class OnlyRead:
    """Buffers of which nothing is copied and nothing written, wherever they lie."""

    def __init__(self, buffers: Buffers) -> None:
        self._buffers = buffers

    def locate(self, columns: Columns) -> Located:
        """As those buffers are."""
        located = self._buffers.locate(columns)
        located.only_read = True
        return located

    def release(self) -> None:
        """Theirs."""
        self._buffers.release()


def _check_lengths(lengths: list[int], columns: Columns) -> None:
    if lengths != columns.buffer_lengths:
        raise RebuildError("the buffers received are not those of the graph")


def _overlap(columns: Columns) -> bool:
    if len(columns.buffer_offsets) < 2:
        return False
    sources = np.array(columns.buffer_sources)
    offsets = np.array(columns.buffer_offsets, dtype=np.uint64)
    lengths = np.array(columns.buffer_lengths, dtype=np.uint64)
    order = np.lexsort((offsets, sources))
    sources, offsets = sources[order], offsets[order]
    ends = offsets + lengths[order]
    return bool(((sources[1:] == sources[:-1]) & (offsets[1:] < ends[:-1])).any())
