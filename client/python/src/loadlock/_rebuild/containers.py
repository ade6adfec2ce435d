"""Nodes that stand for Python's own containers."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from loadlock._errors import RebuildError
from loadlock._rebuild import kinds as k
from loadlock._rebuild import leaves
from loadlock._rebuild.walker import FILLED, Walker

_SHELLS: dict[int, Callable[[], Any]] = {
    k.LIST: list,
    k.SET: set,
    k.DICT: dict,
    k.DICT_STR: dict,
    k.ORDERED_DICT: OrderedDict,
    k.STATE_DICT: OrderedDict,
}


class Containers:
    """Handlers of lists, tuples, sets, dicts, slices and ranges."""

    def __init__(self, walker: Walker) -> None:
        self._walker = walker
        self._key_lists: dict[tuple[int, ...], list[str]] = {}
        for kind in _SHELLS:
            walker.handle(kind, self._enter_shell, self._leave_shell)
        for kind, make in (
            (k.TUPLE, self._leave_tuple),
            (k.FROZENSET, self._leave_frozenset),
            (k.SLICE, self._leave_slice),
            (k.RANGE, self._leave_range),
        ):
            walker.handle(kind, self._enter_parts, make)

    def str_dict(self, operands: list[int]) -> dict[str, Any]:
        """A new dict of a DICT_STR's operands; its values must be there."""
        half = len(operands) // 2
        if len(operands) % 2:
            raise RebuildError("malformed graph: a key without a value")
        # Objects of one class have the same keys in the same order.
        which = tuple(operands[:half])
        keys = self._key_lists.get(which)
        if keys is None:
            strings = self._walker.columns.strings
            # Interned, as attribute names are.
            keys = self._key_lists[which] = [sys.intern(strings[s]) for s in which]
        return leaves.str_dict(keys, self._walker.taken(operands[half:]))

    def _enter_parts(self, node: int) -> None:
        self._walker.after(node, self._walker.operands(node))

    def _leave_tuple(self, node: int) -> None:
        walker = self._walker
        parts = walker.operands(node)
        walker.done(node, tuple(walker.taken(parts)))
        if walker.all_hashable(parts):
            walker.mark_hashable(node)

    def _leave_frozenset(self, node: int) -> None:
        members = self._members(self._walker.operands(node))
        made = frozenset(members)
        if len(made) != len(members):
            raise RebuildError("malformed graph: a member twice")
        self._walker.done(node, made)

    def _leave_slice(self, node: int) -> None:
        self._walker.done(node, slice(*self._walker.taken(self._walker.operands(node))))

    def _leave_range(self, node: int) -> None:
        parts = self._walker.taken(self._walker.operands(node))
        if any(type(part) is not int for part in parts):
            raise RebuildError("malformed graph: a range of what is not an integer")
        self._walker.done(node, range(*parts))

    def _enter_shell(self, node: int) -> None:
        walker = self._walker
        kind = walker.columns.kinds[node]
        walker.shell(node, _SHELLS[kind]())
        parts = walker.operands(node)
        walker.after(node, parts[len(parts) // 2 :] if kind == k.DICT_STR else parts)

    def _leave_shell(self, node: int) -> None:
        walker = self._walker
        kind = walker.columns.kinds[node]
        operands = walker.operands(node)
        parts = operands[len(operands) // 2 :] if kind == k.DICT_STR else operands
        if not walker.are_there(parts):
            walker.later.append(node)
            return
        value = walker.values[node]
        if kind == k.LIST:
            value += walker.taken(parts)
        elif kind == k.DICT_STR:
            value.update(self.str_dict(operands))
        elif kind == k.SET:
            value.update(self._members(parts))
            if len(value) != len(parts):
                raise RebuildError("malformed graph: a member twice")
        elif kind == k.STATE_DICT:
            self._fill_state_dict(value, parts)
        else:
            self._fill_dict(value, parts)
        walker.progress[node] = FILLED

    def _fill_state_dict(self, value: OrderedDict[Any, Any], parts: list[int]) -> None:
        if not parts:
            raise RebuildError("malformed graph: a state dict without its metadata")
        (metadata,) = self._walker.taken(parts[:1])
        if not isinstance(metadata, dict):
            raise RebuildError("malformed graph: metadata of a state dict")
        self._fill_dict(value, parts[1:])
        vars(value)["_metadata"] = metadata

    def _fill_dict(self, value: dict[Any, Any], parts: list[int]) -> None:
        if len(parts) % 2 or not self._walker.all_hashable(parts[0::2]):
            raise RebuildError("malformed graph: a key that is not a plain value")
        items = self._walker.taken(parts)
        value.update(zip(items[0::2], items[1::2], strict=True))
        if len(value) != len(parts) // 2:
            raise RebuildError("malformed graph: a key twice")

    def _members(self, parts: list[int]) -> list[Any]:
        if not self._walker.all_hashable(parts):
            raise RebuildError("malformed graph: a member of a set that is not a plain value")
        return self._walker.taken(parts)
