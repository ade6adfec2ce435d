"""The columns of a graph as Python lists, checked to fit together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loadlock._errors import RebuildError
from loadlock._rebuild import kinds as k

if TYPE_CHECKING:
    import numpy.typing as npt

    from loadlock._proto import graph_pb2


@dataclass(slots=True)
class Columns:
    """A graph. Lists, because an element of a protobuf field costs five times as much to read.

    `starts[i]` is the first operand of node i; `order[kind]` would be a search, so `by_kind`
    gives the nodes of a kind.
    """

    kinds: list[int]
    counts: list[int]
    starts: list[int]
    operands: list[int]
    ints: list[int]
    floats: list[float]
    strings: list[str]
    blobs: list[bytes]
    globals: list[tuple[str, str]]
    buffer_sources: list[int]
    buffer_offsets: list[int]
    buffer_lengths: list[int]
    root: int

    @classmethod
    def from_graph(cls, graph: graph_pb2.Graph) -> Columns:
        """Raises RebuildError if columns that belong together differ in length."""
        kinds: list[int] = list(graph.kinds)
        counts = list(graph.operand_counts)
        operands = list(graph.operands)
        sizes = np.array(counts, dtype=np.int64)
        ends = sizes.cumsum()
        columns = cls(
            kinds=kinds,
            counts=counts,
            starts=(ends - sizes).tolist(),
            operands=operands,
            ints=list(graph.ints),
            floats=list(graph.floats),
            strings=list(graph.strings),
            blobs=list(graph.blobs),
            globals=[(entry.module, entry.name) for entry in graph.globals],
            buffer_sources=list(graph.buffer_sources),
            buffer_offsets=list(graph.buffer_offsets),
            buffer_lengths=list(graph.buffer_lengths),
            root=graph.root,
        )
        columns._check(int(ends[-1]) if counts else 0, sizes)
        return columns

    def nodes_by_kind(self) -> dict[int, list[int]]:
        """Which nodes are of a kind, for the kinds there are."""
        kinds = np.array(self.kinds, dtype=np.int64)
        present = np.bincount(kinds, minlength=k.END).nonzero()[0].tolist()
        return {kind: (kinds == kind).nonzero()[0].tolist() for kind in present}

    def _check(self, operands: int, sizes: npt.NDArray[np.int64]) -> None:
        if len(self.kinds) != len(self.counts) or operands != len(self.operands):
            raise RebuildError("malformed graph: kinds, operand counts and operands do not match")
        if self.root >= len(self.kinds):
            raise RebuildError("malformed graph: no root")
        buffers = {len(self.buffer_sources), len(self.buffer_offsets), len(self.buffer_lengths)}
        if len(buffers) != 1:
            raise RebuildError("malformed graph: the columns of buffers differ in length")
        if min(self.kinds) < 0 or max(self.kinds) >= k.END:
            raise RebuildError("the graph holds kinds of nodes that this client does not know")
        kinds = np.array(self.kinds, dtype=np.int64)
        expected = _OPERANDS[kinds]
        if (expected == _UNKNOWN).any():
            raise RebuildError("the graph holds kinds of nodes that this client does not know")
        if ((expected >= 0) & (expected != sizes)).any():
            raise RebuildError("malformed graph: a node has the wrong number of operands")


_UNKNOWN = -2
_OPERANDS = np.full(k.END, _UNKNOWN, dtype=np.int64)
for _kind, _count in k.OPERANDS.items():
    _OPERANDS[_kind] = _count
_OPERANDS[list(k.REPEATING)] = -1
