"""From columns to objects, without recursion, with identity and cycles kept.

A mutable container or a bare instance is there as soon as it is met, and is filled once the
nodes it refers to are there: that is how a cycle closes. A tuple, a frozenset or a factory's
product is there only when its parts are; a cycle of these alone cannot exist and is refused.
"""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from loadlock._errors import RebuildError
from loadlock._rebuild import arrays, dtypes, factories, leaves
from loadlock._rebuild import kinds as k
from loadlock._rebuild.factories.call import Call, Factory
from loadlock._rebuild.names import Name, Names
from loadlock._rebuild.state import InstanceClass, VersionNote

if TYPE_CHECKING:
    from loadlock._rebuild.buffers import Buffers
    from loadlock._rebuild.columns import Columns

# How far a node has come. THERE: others may refer to it. FILLED: its content is there too.
_UNMET, _MET, _THERE, _FILLED = range(4)

_SHELLS: dict[int, Callable[[], Any]] = {
    k.LIST: list,
    k.SET: set,
    k.DICT: dict,
    k.DICT_STR: dict,
    k.ORDERED_DICT: OrderedDict,
}


def rebuild(columns: Columns, buffers: Buffers, trusts: Mapping[tuple[str, str], int]) -> Any:
    """The root object.

    Args:
        columns: The vetted graph.
        buffers: The bytes its buffers stand for.
        trusts: Module and name to trust, from the report's list of globals.

    Raises:
        RebuildError: The graph is malformed, asks for what `trusts` does not allow, or does not
            fit the libraries installed here.
    """
    try:
        return _Machine(columns, buffers, trusts).run()
    except RebuildError:
        raise
    except Exception as error:
        # An index out of range, or a library that does not take what a factory gave it.
        raise RebuildError(
            f"the graph is malformed or does not fit the installed libraries: {error!r}"
        ) from error


def _cycle() -> RebuildError:
    return RebuildError("the graph holds a cycle that no object can have")


class _Machine:
    def __init__(
        self, columns: Columns, buffers: Buffers, trusts: Mapping[tuple[str, str], int]
    ) -> None:
        self._columns = columns
        self._located = buffers.locate(columns)
        self._names = Names(trusts)
        self._makers: dict[int, InstanceClass | Factory] = {}
        self._key_lists: dict[tuple[int, ...], list[str]] = {}
        self._versions = VersionNote()
        self._values: list[Any] = [None] * len(columns.kinds)
        self._progress = bytearray(len(columns.kinds))
        # Tuples of plain values; of other kinds leaves.HASHABLE knows.
        self._hashable: set[int] = set()
        self._stack: list[int] = []
        # Met below one of their own parts: filled at the end.
        self._later: list[int] = []
        self._enter, self._leave = self._handlers()

    def run(self) -> Any:
        """Makes everything, returns the root."""
        columns, progress = self._columns, self._progress
        by_kind = columns.nodes_by_kind()
        for node in leaves.fill(columns, self._located, by_kind, self._values):
            progress[node] = _FILLED
        for node in by_kind.get(k.DTYPE_RECORD, ()):
            self._walk(node)
        self._make_arrays(by_kind.get(k.NDARRAY, []))
        self._make_scalars(by_kind.get(k.SCALAR, []))
        self._walk(columns.root)
        later, self._later = self._later, []
        for node in later:
            self._leave[columns.kinds[node]](node)
        if self._later:
            raise _cycle()
        self._versions.warn()
        return self._values[columns.root]

    def _handlers(self) -> tuple[list[Callable[[int], None]], list[Callable[[int], None]]]:
        enter: list[Callable[[int], None]] = [self._enter_misplaced] * k.END
        leave: list[Callable[[int], None]] = [self._enter_misplaced] * k.END
        for kind in _SHELLS:
            enter[kind], leave[kind] = self._enter_container, self._leave_container
        for kind, make in (
            (k.TUPLE, self._leave_tuple),
            (k.FROZENSET, self._leave_frozenset),
            (k.SLICE, self._leave_slice),
            (k.RANGE, self._leave_range),
            (k.GENERATOR, self._leave_generator),
        ):
            enter[kind], leave[kind] = self._enter_parts, make
        enter[k.GLOBAL] = self._enter_global
        enter[k.OBJECT], leave[k.OBJECT] = self._enter_object, self._leave_object
        enter[k.CALL], leave[k.CALL] = self._enter_call, self._leave_call
        enter[k.DTYPE_RECORD], leave[k.DTYPE_RECORD] = self._enter_record, self._leave_record
        enter[k.OBJECT_NDARRAY] = self._enter_object_array
        leave[k.OBJECT_NDARRAY] = self._leave_object_array
        enter[k.BIT_GENERATOR] = self._enter_bit_generator
        leave[k.BIT_GENERATOR] = self._leave_bit_generator
        enter[k.RANDOM_STATE] = self._enter_random_state
        leave[k.RANDOM_STATE] = self._leave_random_state
        return enter, leave

    # The walk: on the stack stands a node to enter, or the complement of one to leave.

    def _walk(self, root: int) -> None:
        stack, progress, kinds = self._stack, self._progress, self._columns.kinds
        enter, leave = self._enter, self._leave
        stack.append(root)
        while stack:
            node = stack.pop()
            if node < 0:
                leave[kinds[~node]](~node)
            elif not progress[node]:
                progress[node] = _MET
                enter[kinds[node]](node)

    def _after(self, node: int, parts: list[int]) -> None:
        """Leaves the node once its parts have been met."""
        progress = self._progress
        pending = [part for part in parts if progress[part] < _THERE]
        if pending:
            self._stack.append(~node)
            self._stack += pending
        else:
            self._leave[self._columns.kinds[node]](node)

    def _there(self, parts: list[int]) -> bool:
        progress = self._progress
        return all([progress[part] >= _THERE for part in parts])  # noqa: C419  (a list is faster)

    def _taken(self, parts: list[int], at_least: int = _THERE) -> list[Any]:
        """Values of parts; all of them must have come that far."""
        progress, values = self._progress, self._values
        if parts and min([progress[part] for part in parts]) < at_least:
            raise _cycle()
        return [values[part] for part in parts]

    def _done(self, node: int, value: Any) -> None:
        self._values[node] = value
        self._progress[node] = _FILLED

    def _operands(self, node: int) -> list[int]:
        start = self._columns.starts[node]
        return self._columns.operands[start : start + self._columns.counts[node]]

    def _is_hashable(self, node: int) -> bool:
        return self._columns.kinds[node] in leaves.HASHABLE or node in self._hashable

    def _enter_misplaced(self, node: int) -> None:
        raise RebuildError(f"malformed graph: a node of kind {self._columns.kinds[node]} here")

    # Immutable values.

    def _enter_parts(self, node: int) -> None:
        self._after(node, self._operands(node))

    def _leave_tuple(self, node: int) -> None:
        parts = self._operands(node)
        self._done(node, tuple(self._taken(parts)))
        if all(map(self._is_hashable, parts)):
            self._hashable.add(node)

    def _leave_frozenset(self, node: int) -> None:
        self._done(node, frozenset(self._members(self._operands(node))))

    def _leave_slice(self, node: int) -> None:
        self._done(node, slice(*self._taken(self._operands(node))))

    def _leave_range(self, node: int) -> None:
        parts = self._taken(self._operands(node))
        if any(type(part) is not int for part in parts):
            raise RebuildError("malformed graph: a range of what is not an integer")
        self._done(node, range(*parts))

    def _enter_global(self, node: int) -> None:
        self._done(node, self._names.value(self._name(node)))

    def _name(self, node: int) -> Name:
        if self._columns.kinds[node] != k.GLOBAL:
            raise RebuildError("malformed graph: a class or callable that is not a name")
        return Name(*self._columns.globals[self._columns.operands[self._columns.starts[node]]])

    def _members(self, parts: list[int]) -> list[Any]:
        if not all(map(self._is_hashable, parts)):
            raise RebuildError("malformed graph: a member of a set that is not a plain value")
        return self._taken(parts)

    # Mutable containers.

    def _enter_container(self, node: int) -> None:
        kind = self._columns.kinds[node]
        self._values[node] = _SHELLS[kind]()
        self._progress[node] = _THERE
        parts = self._operands(node)
        self._after(node, parts[len(parts) // 2 :] if kind == k.DICT_STR else parts)

    def _leave_container(self, node: int) -> None:
        kind = self._columns.kinds[node]
        operands = self._operands(node)
        half = len(operands) // 2
        parts = operands[half:] if kind == k.DICT_STR else operands
        if not self._there(parts):
            self._later.append(node)
            return
        value = self._values[node]
        if kind == k.LIST:
            value += self._taken(parts)
        elif kind == k.DICT_STR:
            value.update(self._str_dict(operands))
        elif kind == k.SET:
            value.update(self._members(parts))
        else:
            if len(parts) % 2 or not all(map(self._is_hashable, parts[0::2])):
                raise RebuildError("malformed graph: a key that is not a plain value")
            items = self._taken(parts)
            value.update(zip(items[0::2], items[1::2], strict=True))
            if len(value) != half:
                raise RebuildError("malformed graph: a key twice")
        self._progress[node] = _FILLED

    def _str_dict(self, operands: list[int]) -> dict[str, Any]:
        """The dict of a DICT_STR's operands; its values must be there."""
        half = len(operands) // 2
        if len(operands) % 2:
            raise RebuildError("malformed graph: a key without a value")
        # Objects of one class have the same keys in the same order.
        which = tuple(operands[:half])
        keys = self._key_lists.get(which)
        if keys is None:
            strings = self._columns.strings
            # Interned, as attribute names are.
            keys = self._key_lists[which] = [sys.intern(strings[s]) for s in which]
        return leaves.str_dict(keys, self._taken(operands[half:]))

    # Instances.

    def _maker(self, cls: int) -> InstanceClass | Factory:
        maker = self._makers.get(cls)
        if maker is None:
            name = self._name(cls)
            maker = factories.for_object(name, self._names) or InstanceClass(name, self._names)
            self._makers[cls] = maker
        return maker

    def _enter_object(self, node: int) -> None:
        cls, args, state, list_items, dict_items = self._operands(node)
        maker = self._maker(cls)
        if not isinstance(maker, InstanceClass):
            self._enter_call(node)
            return
        if list_items != k.ABSENT or dict_items != k.ABSENT:
            raise RebuildError(f"{maker.name} may not have items")
        if args != k.ABSENT and (self._columns.kinds[args] != k.TUPLE or self._operands(args)):
            raise RebuildError(f"{maker.name} may not have arguments")
        self._values[node] = maker.new()
        self._progress[node] = _THERE
        if state == k.ABSENT:
            self._leave_object(node)
        elif self._columns.kinds[state] == k.DICT_STR:
            operands = self._operands(state)
            self._after(node, operands[len(operands) // 2 :])
        else:
            self._after(node, [state])

    def _leave_object(self, node: int) -> None:
        cls, _, state, _, _ = self._operands(node)
        maker = self._maker(cls)
        if not isinstance(maker, InstanceClass):
            self._leave_call(node)
            return
        if state != k.ABSENT:
            written = self._state(state)
            if written is None and not maker.runs_setstate:
                self._later.append(node)
                return
            if written is None:
                raise _cycle()
            version = maker.write(self._values[node], written)
            if version is not None:
                self._versions.see(maker.cls.__name__, version)
        self._progress[node] = _FILLED

    def _state(self, node: int) -> dict[str, Any] | None:
        """The state of an instance; None if a part of it is still being made."""
        kind = self._columns.kinds[node]
        if kind == k.DICT_STR:
            # Not the dict of that node: nothing else may hold what becomes the __dict__.
            operands = self._operands(node)
            return self._str_dict(operands) if self._there(operands[len(operands) // 2 :]) else None
        if self._progress[node] < _FILLED:
            return None
        state = self._values[node]
        if state is None:
            return {}
        if type(state) is not dict:
            raise RebuildError("malformed graph: the state of an instance is not a dict")
        return state

    # Factories.

    def _enter_call(self, node: int) -> None:
        callee, args, *rest = self._operands(node)
        if self._columns.kinds[node] == k.CALL and callee not in self._makers:
            self._makers[callee] = factories.for_call(self._name(callee), self._names)
        self._after(node, self._arguments(args) + [part for part in rest if part != k.ABSENT])

    def _arguments(self, args: int) -> list[int]:
        """Arguments of a factory but for names, which it gets as names."""
        if args == k.ABSENT:
            return []
        if self._columns.kinds[args] != k.TUPLE:
            return [args]
        kinds = self._columns.kinds
        return [part for part in self._operands(args) if kinds[part] != k.GLOBAL]

    def _leave_call(self, node: int) -> None:
        callee, args, *rest = self._operands(node)
        factory = self._makers[callee]
        if isinstance(factory, InstanceClass):
            raise RebuildError(f"{factory.name} may not be called")
        self._taken(self._arguments(args), _FILLED)
        values, kinds = self._values, self._columns.kinds
        if args == k.ABSENT:
            arguments: tuple[Any, ...] = ()
        elif kinds[args] == k.TUPLE:
            arguments = tuple(
                self._name(part) if kinds[part] == k.GLOBAL else values[part]
                for part in self._operands(args)
            )
        else:
            arguments = values[args]
        parts = [None if part == k.ABSENT else self._taken([part], _FILLED)[0] for part in rest]
        self._done(node, factory(Call(self._name(callee), arguments, *parts)))

    # numpy.

    def _enter_record(self, node: int) -> None:
        parts = self._operands(node)[2::3]
        if any(self._columns.kinds[part] not in (k.DTYPE, k.DTYPE_RECORD) for part in parts):
            raise RebuildError("malformed graph: a field without a dtype")
        self._after(node, parts)

    def _leave_record(self, node: int) -> None:
        size, *rest = self._operands(node)
        names, formats, offsets = rest[0::3], rest[1::3], rest[2::3]
        columns = self._columns
        fields = [
            (columns.strings[name], dtype, columns.ints[offset])
            for name, dtype, offset in zip(names, self._taken(formats), offsets, strict=True)
        ]
        self._done(node, dtypes.record(columns.ints[size], fields))

    def _dtype(self, node: int) -> Any:
        if self._columns.kinds[node] not in (k.DTYPE, k.DTYPE_RECORD):
            raise RebuildError("malformed graph: an array without a dtype")
        return self._values[node]

    def _shape(self, first: int, rank: int) -> tuple[int, ...]:
        return tuple(leaves.run_of(self._columns.ints, first, rank))

    def _make_arrays(self, nodes: list[int]) -> None:
        columns, values, progress = self._columns, self._values, self._progress
        starts, operands = columns.starts, columns.operands
        make = arrays.ArrayMaker(self._located).array
        for node in nodes:
            start = starts[node]
            dtype, buffer, order, rank, first = operands[start : start + 5]
            values[node] = make(self._dtype(dtype), buffer, order, self._shape(first, rank))
            progress[node] = _FILLED

    def _make_scalars(self, nodes: list[int]) -> None:
        columns = self._columns
        for node in nodes:
            dtype, raw = self._operands(node)
            self._done(node, arrays.scalar(self._dtype(dtype), columns.blobs[raw]))

    def _elements(self, node: int) -> list[int]:
        """The nodes of a LIST, or the packed list itself."""
        return self._operands(node) if self._columns.kinds[node] == k.LIST else [node]

    def _enter_object_array(self, node: int) -> None:
        self._after(node, self._elements(self._operands(node)[0]))

    def _leave_object_array(self, node: int) -> None:
        elements, order, rank, first = self._operands(node)
        values = self._taken(self._elements(elements))
        if self._columns.kinds[elements] in (k.LIST_INT, k.LIST_FLOAT, k.LIST_STR):
            values = values[0]
        elif self._columns.kinds[elements] != k.LIST:
            raise RebuildError("malformed graph: an object array without elements")
        self._done(node, arrays.object_array(values, order, self._shape(first, rank)))

    def _enter_bit_generator(self, node: int) -> None:
        self._after(node, self._operands(node)[1:])

    def _leave_bit_generator(self, node: int) -> None:
        name, state = self._operands(node)
        (value,) = self._taken([state], _FILLED)
        self._done(node, arrays.bit_generator(self._columns.strings[name], value))

    def _enter_random_state(self, node: int) -> None:
        self._after(node, self._operands(node)[:1])

    def _leave_random_state(self, node: int) -> None:
        generator, has_gauss, gauss = self._operands(node)
        made = arrays.random_state(
            self._bit_generator(generator), has_gauss, self._columns.floats[gauss]
        )
        self._done(node, made)

    def _leave_generator(self, node: int) -> None:
        self._done(node, arrays.generator(self._bit_generator(self._operands(node)[0])))

    def _bit_generator(self, node: int) -> Any:
        if self._columns.kinds[node] != k.BIT_GENERATOR:
            raise RebuildError("malformed graph: random numbers without a bit generator")
        return self._taken([node])[0]
