"""Nodes that stand for numpy's values."""

from __future__ import annotations

from typing import Any

from loadlock._errors import RebuildError
from loadlock._rebuild import arrays, dtypes, leaves
from loadlock._rebuild import kinds as k
from loadlock._rebuild.buffers import Located
from loadlock._rebuild.walker import FILLED, Walker

_PACKED_LISTS = (k.LIST_INT, k.LIST_FLOAT, k.LIST_STR)


class NumpyNodes:
    """Handlers of records, arrays of objects and random states; makes arrays in bulk."""

    def __init__(self, walker: Walker, located: Located) -> None:
        self._walker = walker
        self._arrays = arrays.ArrayMaker(located)
        walker.handle(k.DTYPE_RECORD, self._enter_record, self._leave_record)
        walker.handle(k.NDARRAY, self._enter_array, self._leave_array)
        walker.handle(k.SCALAR, self._enter_scalar, self._leave_scalar)
        walker.handle(k.OBJECT_NDARRAY, self._enter_object_array, self._leave_object_array)
        walker.handle(k.BIT_GENERATOR, self._enter_bit_generator, self._leave_bit_generator)
        walker.handle(k.RANDOM_STATE, self._enter_random, self._leave_random_state)
        walker.handle(k.GENERATOR, self._enter_random, self._leave_generator)

    def make_all(self, by_kind: dict[int, list[int]]) -> None:
        """Makes all dtypes, then all arrays and scalars: they refer to nothing else."""
        for node in by_kind.get(k.DTYPE_RECORD, ()):
            self._walker.walk(node)
        self._make_arrays(by_kind.get(k.NDARRAY, []))
        for node in by_kind.get(k.SCALAR, ()):
            self._leave_scalar(node)

    def _make_arrays(self, nodes: list[int]) -> None:
        walker = self._walker
        values, progress = walker.values, walker.progress
        starts, operands = walker.columns.starts, walker.columns.operands
        make = self._arrays.array
        for node in nodes:
            start = starts[node]
            dtype, buffer, order, rank, first = operands[start : start + 5]
            values[node] = make(self._dtype(dtype), buffer, order, self._shape(first, rank))
            progress[node] = FILLED

    def _enter_array(self, node: int) -> None:
        self._walker.after(node, self._walker.operands(node)[:1])

    def _leave_array(self, node: int) -> None:
        self._make_arrays([node])

    def _enter_scalar(self, node: int) -> None:
        self._walker.after(node, self._walker.operands(node)[:1])

    def _leave_scalar(self, node: int) -> None:
        dtype, raw = self._walker.operands(node)
        made = arrays.scalar(self._dtype(dtype), self._walker.columns.blobs[raw])
        self._walker.done(node, made)

    def _dtype(self, node: int) -> Any:
        if self._walker.columns.kinds[node] not in (k.DTYPE, k.DTYPE_RECORD):
            raise RebuildError("malformed graph: an array without a dtype")
        return self._walker.values[node]

    def _shape(self, first: int, rank: int) -> tuple[int, ...]:
        return tuple(leaves.run_of(self._walker.columns.ints, first, rank))

    def _enter_record(self, node: int) -> None:
        parts = self._walker.operands(node)[2::3]
        kinds = self._walker.columns.kinds
        if any(kinds[part] not in (k.DTYPE, k.DTYPE_RECORD) for part in parts):
            raise RebuildError("malformed graph: a field without a dtype")
        self._walker.after(node, parts)

    def _leave_record(self, node: int) -> None:
        size, *rest = self._walker.operands(node)
        columns = self._walker.columns
        formats = self._walker.taken(rest[1::3], FILLED)
        fields = [
            (columns.strings[name], dtype, columns.ints[offset])
            for name, dtype, offset in zip(rest[0::3], formats, rest[2::3], strict=True)
        ]
        self._walker.done(node, dtypes.record(columns.ints[size], fields))

    def _elements(self, node: int) -> list[int]:
        """The nodes of a LIST, or the packed list itself."""
        kind = self._walker.columns.kinds[node]
        if kind == k.LIST:
            return self._walker.operands(node)
        if kind not in _PACKED_LISTS:
            raise RebuildError("malformed graph: an object array without elements")
        return [node]

    def _enter_object_array(self, node: int) -> None:
        self._walker.after(node, self._elements(self._walker.operands(node)[0]))

    def _leave_object_array(self, node: int) -> None:
        elements, order, rank, first = self._walker.operands(node)
        values = self._walker.taken(self._elements(elements))
        if self._walker.columns.kinds[elements] != k.LIST:
            values = values[0]
        self._walker.done(node, arrays.object_array(values, order, self._shape(first, rank)))

    def _enter_bit_generator(self, node: int) -> None:
        self._walker.after(node, self._walker.operands(node)[1:])

    def _leave_bit_generator(self, node: int) -> None:
        name, state = self._walker.operands(node)
        (value,) = self._walker.taken([state], FILLED)
        self._walker.done(node, arrays.bit_generator(self._walker.columns.strings[name], value))

    def _enter_random(self, node: int) -> None:
        self._walker.after(node, self._walker.operands(node)[:1])

    def _leave_random_state(self, node: int) -> None:
        bits, has_gauss, gauss = self._walker.operands(node)
        made = arrays.random_state(
            self._bit_generator(bits), has_gauss, self._walker.columns.floats[gauss]
        )
        self._walker.done(node, made)

    def _leave_generator(self, node: int) -> None:
        (bits,) = self._walker.operands(node)
        self._walker.done(node, arrays.generator(self._bit_generator(bits)))

    def _bit_generator(self, node: int) -> Any:
        if self._walker.columns.kinds[node] != k.BIT_GENERATOR:
            raise RebuildError("malformed graph: random numbers without a bit generator")
        return self._walker.taken([node])[0]
