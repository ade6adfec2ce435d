"""Walks a graph without recursion; what a kind means is in its handlers.

A mutable container or a bare instance is there as soon as it is met, and is filled once the
nodes it refers to are there: that is how a cycle closes. A tuple, a frozenset or a factory's
product is there only when its parts are; a cycle of these alone cannot exist and is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from loadlock._errors import RebuildError
from loadlock._rebuild import kinds as k
from loadlock._rebuild import leaves

if TYPE_CHECKING:
    from loadlock._rebuild.columns import Columns

# How far a node has come. THERE: others may refer to it. FILLED: its content is there too.
UNMET: Final = 0
MET: Final = 1
THERE: Final = 2
FILLED: Final = 3

Handler: TypeAlias = Callable[[int], None]


def cycle() -> RebuildError:
    """A node that needs itself to be made."""
    return RebuildError("the graph holds a cycle that no object can have")


class Walker:
    """Values of the nodes so far, and the walk that makes them.

    Attributes:
        columns: The graph.
        values: One a node, meaningful from THERE on.
        progress: How far each node has come.
        later: Nodes that were left while a part of them was still being made above them.
    """

    def __init__(self, columns: Columns) -> None:
        count = len(columns.kinds)
        self.columns = columns
        self.values: list[Any] = [None] * count
        self.progress = bytearray(count)
        self.later: list[int] = []
        # Tuples of plain values; of other kinds leaves.HASHABLE knows.
        self._hashable: set[int] = set()
        self._stack: list[int] = []
        self._enter: list[Handler] = [self._misplaced] * k.END
        self._leave: list[Handler] = [self._misplaced] * k.END

    def handle(self, kind: int, enter: Handler, leave: Handler | None = None) -> None:
        """What to do with nodes of a kind: when they are met, and once their parts are."""
        self._enter[kind] = enter
        if leave is not None:
            self._leave[kind] = leave

    def walk(self, root: int) -> None:
        """Makes a node and all it refers to."""
        # On the stack stands a node to enter, or the complement of one to leave.
        stack, progress, kinds = self._stack, self.progress, self.columns.kinds
        enter, leave = self._enter, self._leave
        stack.append(root)
        while stack:
            node = stack.pop()
            if node < 0:
                leave[kinds[~node]](~node)
            elif not progress[node]:
                progress[node] = MET
                enter[kinds[node]](node)

    def finish(self) -> None:
        """Fills what could not be filled during the walk."""
        later, self.later = self.later, []
        for node in later:
            self._leave[self.columns.kinds[node]](node)
        if self.later:
            raise cycle()

    def after(self, node: int, parts: list[int]) -> None:
        """Called at the end of an enter: leaves the node once its parts have been met."""
        progress = self.progress
        pending = [part for part in parts if progress[part] < THERE]
        if pending:
            self._stack.append(~node)
            self._stack += pending
        else:
            self._leave[self.columns.kinds[node]](node)

    def operands(self, node: int) -> list[int]:
        """The node's operands."""
        start = self.columns.starts[node]
        return self.columns.operands[start : start + self.columns.counts[node]]

    def are_there(self, parts: list[int], at_least: int = THERE) -> bool:
        """Whether all parts have come that far."""
        progress = self.progress
        return not parts or min([progress[part] for part in parts]) >= at_least

    def taken(self, parts: list[int], at_least: int = THERE) -> list[Any]:
        """Values of parts, all of which must have come that far; else there is a cycle."""
        progress, values = self.progress, self.values
        if parts and min([progress[part] for part in parts]) < at_least:
            raise cycle()
        return [values[part] for part in parts]

    def done(self, node: int, value: Any) -> None:
        """The node is whole."""
        self.values[node] = value
        self.progress[node] = FILLED

    def shell(self, node: int, value: Any) -> None:
        """The node can be referred to and will be filled."""
        self.values[node] = value
        self.progress[node] = THERE

    def mark_hashable(self, node: int) -> None:
        """The node, a tuple, may be a key."""
        self._hashable.add(node)

    def all_hashable(self, parts: list[int]) -> bool:
        """Whether all parts may be keys: their __hash__ and __eq__ are no Python code."""
        kinds = self.columns.kinds
        return all(kinds[part] in leaves.HASHABLE or part in self._hashable for part in parts)

    def _misplaced(self, node: int) -> None:
        raise RebuildError(f"malformed graph: a node of kind {self.columns.kinds[node]} here")
