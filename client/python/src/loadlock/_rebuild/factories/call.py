"""What a factory gets, and the checks that several of them need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeGuard

from loadlock._errors import RebuildError
from loadlock._rebuild.names import Name


@dataclass(slots=True)
class Call:
    """A call that the artifact describes. The callable itself is never called as such.

    Attributes:
        name: What the artifact would call.
        args: Arguments; those that are names come as Name, not imported.
        state: What the artifact would set on the result, or None.
        items: Elements to append, or None.
        pairs: Keys and values to set, or None.
    """

    name: Name
    args: tuple[Any, ...]
    state: Any = None
    items: Any = None
    pairs: Any = None

    def fail(self, why: str) -> RebuildError:
        """The error to raise when the call is not of the form its factory knows."""
        return RebuildError(f"{self.name}: {why}")

    def only(self, *, state: bool = False, items: bool = False, pairs: bool = False) -> None:
        """Refuses what comes beside the arguments, but for what is said to be fine."""
        if (
            (self.state is not None and not state)
            or (self.items is not None and not items)
            or (self.pairs is not None and not pairs)
        ):
            raise self.fail("state or items that it cannot have")

    def arity(self, *counts: int) -> None:
        """Refuses another number of arguments."""
        if len(self.args) not in counts:
            raise self.fail(f"{len(self.args)} arguments")

    def class_argument(self, index: int = 0) -> Name:
        """The argument that must be a name of the same module."""
        name = self.args[index]
        if type(name) is not Name or name.module != self.name.module:
            raise self.fail("not its own class")
        return name

    def dict_state(self) -> dict[str, Any]:
        """The state, which must be a dict with plain string keys."""
        if type(self.state) is not dict or any(type(key) is not str for key in self.state):
            raise self.fail("its state is not a dict")
        return self.state


Factory: TypeAlias = Callable[[Call], Any]


def is_int(value: Any) -> TypeGuard[int]:
    """A Python int and no bool."""
    return type(value) is int


def is_number(value: Any) -> bool:
    """A Python int or float."""
    return type(value) in (int, float)
