"""Nodes that stand for names, instances of classes and calls of factories."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadlock._errors import RebuildError
from loadlock._rebuild import factories
from loadlock._rebuild import kinds as k
from loadlock._rebuild.containers import Containers
from loadlock._rebuild.factories.call import Call, Factory
from loadlock._rebuild.modules import instance_class
from loadlock._rebuild.names import Name, Names
from loadlock._rebuild.state import InstanceClass, VersionNote
from loadlock._rebuild.walker import FILLED, THERE, Walker, cycle


class Instances:
    """Handlers of GLOBAL, OBJECT and CALL."""

    def __init__(
        self, walker: Walker, containers: Containers, trusts: Mapping[tuple[str, str], int]
    ) -> None:
        self._walker = walker
        self._containers = containers
        self._names = Names(trusts)
        self._makers: dict[int, InstanceClass | Factory] = {}
        self._callees: dict[int, Factory] = {}
        # Of the calls that were entered and not yet left.
        self._parts: dict[int, list[int]] = {}
        self.versions = VersionNote()
        walker.handle(k.GLOBAL, self._enter_global)
        walker.handle(k.OBJECT, self._enter_object, self._leave_object)
        walker.handle(k.CALL, self._enter_call, self._leave_call)

    def _enter_global(self, node: int) -> None:
        self._walker.done(node, self._names.value(self._name(node)))

    def _name(self, node: int) -> Name:
        columns = self._walker.columns
        if columns.kinds[node] != k.GLOBAL:
            raise RebuildError("malformed graph: a class or callable that is not a name")
        return Name(*columns.globals[columns.operands[columns.starts[node]]])

    def _maker(self, cls: int) -> InstanceClass | Factory:
        maker = self._makers.get(cls)
        if maker is None:
            name = self._name(cls)
            maker = factories.for_object(name, self._names) or instance_class(name, self._names)
            self._makers[cls] = maker
        return maker

    def _enter_object(self, node: int) -> None:
        walker = self._walker
        cls, args, state, list_items, dict_items = walker.operands(node)
        maker = self._maker(cls)
        if not isinstance(maker, InstanceClass):
            self._await_parts(node)
            return
        if list_items != k.ABSENT or dict_items != k.ABSENT:
            raise RebuildError(f"{maker.name} may not have items")
        if args != k.ABSENT and (walker.columns.kinds[args] != k.TUPLE or walker.operands(args)):
            raise RebuildError(f"{maker.name} may not have arguments")
        walker.shell(node, maker.new())
        if state == k.ABSENT:
            walker.after(node, [])
        elif walker.columns.kinds[state] == k.DICT_STR:
            # Its values without the dict itself, which would only be thrown away.
            operands = walker.operands(state)
            walker.after(node, operands[len(operands) // 2 :])
        else:
            walker.after(node, [state])

    def _leave_object(self, node: int) -> None:
        walker = self._walker
        cls, _, state, _, _ = walker.operands(node)
        maker = self._maker(cls)
        if not isinstance(maker, InstanceClass):
            self._build(node, maker)
            return
        if state != k.ABSENT:
            written = self._state(state, FILLED if maker.whole_state else THERE)
            if written is None:
                if maker.runs_setstate or maker.whole_state:
                    raise cycle()
                walker.later.append(node)
                return
            version = maker.write(walker.values[node], written)
            if version is not None:
                self.versions.see(maker.cls.__name__, version)
        walker.progress[node] = FILLED

    def _state(self, node: int, at_least: int) -> dict[str, Any] | None:
        """The state of an instance; None if a part of it has not come that far."""
        walker = self._walker
        if walker.columns.kinds[node] == k.DICT_STR:
            operands = walker.operands(node)
            if not walker.are_there(operands[len(operands) // 2 :], at_least):
                return None
            return self._containers.str_dict(operands)
        if walker.progress[node] < FILLED:
            return None
        state = walker.values[node]
        if state is None:
            return {}
        if type(state) is not dict:
            raise RebuildError("malformed graph: the state of an instance is not a dict")
        return state

    def _enter_call(self, node: int) -> None:
        callee = self._walker.operands(node)[0]
        if callee not in self._callees:
            self._callees[callee] = factories.for_call(self._name(callee), self._names)
        self._await_parts(node)

    def _leave_call(self, node: int) -> None:
        self._build(node, self._callees[self._walker.operands(node)[0]])

    def _await_parts(self, node: int) -> None:
        parts = self._parts[node] = self._call_parts(node)
        self._walker.after(node, parts)

    def _call_parts(self, node: int) -> list[int]:
        """What a factory needs, but for names among its arguments: these it gets as names."""
        walker = self._walker
        _, args, *rest = walker.operands(node)
        kinds = walker.columns.kinds
        parts = [part for part in rest if part != k.ABSENT]
        if args == k.ABSENT:
            return parts
        if kinds[args] != k.TUPLE:
            return [args, *parts]
        return [part for part in walker.operands(args) if kinds[part] != k.GLOBAL] + parts

    def _build(self, node: int, factory: Factory) -> None:
        walker = self._walker
        callee, args, *rest = walker.operands(node)
        # A factory looks into its arguments, so these must be whole.
        if not walker.are_there(self._parts.pop(node), FILLED):
            raise cycle()
        values = walker.values
        state, items, pairs = (None if part == k.ABSENT else values[part] for part in rest)
        call = Call(self._name(callee), self._arguments(args), state, items, pairs)
        walker.done(node, factory(call))

    def _arguments(self, args: int) -> tuple[Any, ...]:
        walker = self._walker
        if args == k.ABSENT:
            return ()
        kinds, values = walker.columns.kinds, walker.values
        if kinds[args] == k.TUPLE:
            return tuple(
                self._name(part) if kinds[part] == k.GLOBAL else values[part]
                for part in walker.operands(args)
            )
        if kinds[args] not in (k.TUPLE_INT, k.TUPLE_FLOAT, k.TUPLE_STR):
            raise RebuildError("malformed graph: arguments that are not a tuple")
        packed: tuple[Any, ...] = values[args]
        return packed
