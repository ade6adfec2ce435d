"""What CPython's unpicklers make of a pickle, in the words of pickle_dump."""

from __future__ import annotations

import io
import pickle
import struct
from collections.abc import Callable
from typing import Any, ClassVar

# Shared values make trees of any size from a few bytes; longer texts are not compared.
MOST_VALUES = 3000


class TooLargeError(Exception):
    pass


class Recorded(type):
    """Stands for any class or function: remembers what is done to it, runs nothing."""

    def __call__(cls, *args: Any) -> Any:
        made = cls.__new__(cls, *args)
        made.how = "call"
        return made


def stand_in(module: str, name: str) -> Recorded:
    def new(cls: Any, *args: Any) -> Any:
        made = object.__new__(cls)
        made.how, made.args, made.items, made.pairs, made.state = "new", args, None, None, ()
        return made

    def extend(self: Any, items: Any) -> None:
        self.items = [*(self.items or ()), *items]

    def set_item(self: Any, key: Any, value: Any) -> None:
        self.pairs = {**(self.pairs or {}), key: value}

    def set_state(self: Any, state: Any) -> None:
        self.state = (state,)

    methods = {
        "__new__": new,
        "__setstate__": set_state,
        "__setitem__": set_item,
        "append": lambda self, item: extend(self, [item]),
        "extend": extend,
        "full_name": f"{module}.{name}",
    }
    return Recorded(name, (), methods)


class Writer:
    """The text of GraphText in sandbox/decoders/pickle/testing/graph_text.h."""

    def __init__(self) -> None:
        self._numbers: dict[int, int] = {}
        self._values = 0

    def text(self, value: Any) -> str:
        self._values += 1
        if self._values > MOST_VALUES:
            raise TooLargeError
        for kind, write in self.PLAIN.items():
            if type(value) is kind:
                return write(self, value)
        if id(value) in self._numbers:
            return f"#{self._numbers[id(value)]}"
        number = self._numbers[id(value)] = len(self._numbers)
        return f"#{number}={self._mutable(value)}"

    def _mutable(self, value: Any) -> str:
        if type(value) is bytearray:
            return f"bytearray {value.hex()}"
        if type(value) is list:
            return f"[{self._all(value)}]"
        if type(value) is dict:
            return "{" + ", ".join(f"{self.text(k)}: {self.text(v)}" for k, v in value.items()) + "}"
        if type(value) is set:
            return f"set{{{self._members(value)}}}"
        assert type(type(value)) is Recorded, type(value)
        head = f"{value.how}({self.text(type(value))}, {self.text(value.args)})"
        items = "-" if value.items is None else self.text(value.items)
        pairs = "-" if value.pairs is None else self.text(value.pairs)
        state = self.text(value.state[0]) if value.state else "-"
        return f"{head}{{list={items}, dict={pairs}, state={state}}}"

    def _all(self, values: Any) -> str:
        return ", ".join(self.text(value) for value in values)

    def _members(self, values: Any) -> str:
        return ", ".join(sorted(self.text(value) for value in values))

    def _int(self, value: int) -> str:
        if -(2**63) <= value < 2**63:
            return str(value)
        return "big" + value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True).hex()

    def _str(self, value: str) -> str:
        named = {"\n": r"\n", "\r": r"\r", "\t": r"\t", '"': r"\"", "'": r"\'", "\\": r"\\"}
        shown = {c: c for c in map(chr, range(32, 127))} | named
        letters = (chr(byte) for byte in value.encode())
        return "'" + "".join(shown.get(c, f"\\x{ord(c):02x}") for c in letters) + "'"

    PLAIN: ClassVar[dict[type, Callable[..., str]]] = {
        type(None): lambda _, value: repr(value),
        bool: lambda _, value: repr(value),
        int: _int,
        float: lambda _, value: "f" + struct.pack(">d", value).hex(),
        str: _str,
        bytes: lambda _, value: "y" + value.hex(),
        tuple: lambda self, value: f"({self._all(value)})",
        frozenset: lambda self, value: f"frozenset{{{self._members(value)}}}",
        Recorded: lambda _, value: f"<{value.full_name}>",
    }


def read(unpickler: Any, program: bytes) -> str | Exception:
    """The text of what `unpickler` (a class) loads, or what it raised."""
    names: dict[tuple[str, str], Recorded] = {}

    class Named(unpickler):
        def find_class(self, module: str, name: str) -> Recorded:
            return names.setdefault((module, name), stand_in(module, name))

    try:
        return Writer().text(Named(io.BytesIO(program)).load())
    # What a wrong program raises is anything at all.
    except Exception as error:
        return error


READERS = (pickle.Unpickler, pickle._Unpickler)
