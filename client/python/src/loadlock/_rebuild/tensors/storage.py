"""The bytes that tensors are views of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from loadlock._errors import RebuildError
from loadlock._rebuild import kinds as k
from loadlock._rebuild.tensors.dtypes import Element, element

if TYPE_CHECKING:
    from loadlock._rebuild.buffers import Located, Memory
    from loadlock._rebuild.columns import Columns


@dataclass(frozen=True, slots=True)
class Block:
    """A storage: writable memory that is nobody else's, at an address that suits its elements.

    Attributes:
        memory: None on the meta device, which has no bytes.
        offset: Of the first byte in it.
        size: Bytes.
    """

    element: Element
    memory: Memory | None
    offset: int
    size: int


class Blocks:
    """Makes one block a STORAGE node; nothing is copied where the memory is ours and aligned."""

    def __init__(self, columns: Columns, located: Located) -> None:
        self._columns = columns
        self._located = located
        self._blocks: dict[int, Block] = {}

    def of(self, node: int) -> Block:
        """The block of a STORAGE."""
        if node not in self._blocks:
            self._blocks[node] = self._make(node)
        return self._blocks[node]

    def _make(self, node: int) -> Block:
        columns, located = self._columns, self._located
        if columns.kinds[node] != k.STORAGE:
            raise RebuildError("malformed graph: a tensor without a storage")
        start = columns.starts[node]
        name, buffer, count = columns.operands[start : start + 3]
        kind = element(columns.strings[name])
        size = columns.ints[count] * kind.size
        if size < 0:
            raise RebuildError("malformed graph: size of a storage")
        if buffer == k.ABSENT:
            return Block(kind, None, 0, size)
        if size != located.lengths[buffer]:
            raise RebuildError("malformed graph: a storage does not fill its buffer")
        memory, offset = located.memories[buffer], located.offsets[buffer]
        if located.take(buffer, kind.alignment):
            return Block(kind, memory, offset, size)
        return Block(kind, bytearray(memoryview(memory)[offset : offset + size]), 0, size)
