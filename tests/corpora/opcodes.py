"""A small assembler for pickle streams.

Every function returns bytes; a stream is their concatenation, so that a test can
write down exactly what a hand-made file holds. "Fragment" means opcodes that leave
exactly one more object on the stack.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

MARK = b"("
STOP = b"."
POP = b"0"
POP_MARK = b"1"
DUP = b"2"
REDUCE = b"R"
BUILD = b"b"
OBJ = b"o"
NEWOBJ = b"\x81"
NEWOBJ_EX = b"\x92"
NONE = b"N"
EMPTY_TUPLE = b")"
EMPTY_LIST = b"]"
EMPTY_DICT = b"}"
EMPTY_SET = b"\x8f"
TUPLE = b"t"
TUPLE1 = b"\x85"
TUPLE2 = b"\x86"
TUPLE3 = b"\x87"
LIST = b"l"
DICT = b"d"
APPEND = b"a"
APPENDS = b"e"
SETITEM = b"s"
SETITEMS = b"u"
ADDITEMS = b"\x90"
FROZENSET = b"\x91"
STACK_GLOBAL = b"\x93"
MEMOIZE = b"\x94"
NEXT_BUFFER = b"\x97"
READONLY_BUFFER = b"\x98"
BINPERSID = b"Q"


class Raw(bytes):
    """Opcodes to be put in as they are, where `value` would encode bytes."""


def proto(number: int) -> bytes:
    return b"\x80" + bytes([number])


def frame(payload: bytes, claimed: int | None = None) -> bytes:
    length = len(payload) if claimed is None else claimed
    return b"\x95" + struct.pack("<Q", length) + payload


# Strings, one function for each opcode that can make one.
def binunicode(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(data)) + data


def short_binunicode(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return b"\x8c" + bytes([len(data)]) + data


def binunicode8(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return b"\x8d" + struct.pack("<Q", len(data)) + data


def unicode_line(text: str) -> bytes:
    return b"V" + text.encode("raw-unicode-escape") + b"\n"


def unicode_escaped(text: str) -> bytes:
    """Protocol 0's UNICODE with every character written as an escape."""
    return b"V" + "".join(f"\\u{ord(c):04x}" for c in text).encode() + b"\n"


def string_line(text: str) -> bytes:
    return b"S'" + text.encode("ascii") + b"'\n"


def string_line_escaped(text: str) -> bytes:
    return b"S'" + "".join(f"\\x{ord(c):02x}" for c in text).encode() + b"'\n"


def short_binstring(text: str) -> bytes:
    return b"U" + bytes([len(text)]) + text.encode("latin1")


def binstring(text: str) -> bytes:
    return b"T" + struct.pack("<i", len(text)) + text.encode("latin1")


STRING_WRITERS = {
    "binunicode": binunicode,
    "short_binunicode": short_binunicode,
    "binunicode8": binunicode8,
    "unicode": unicode_line,
    "unicode-escaped": unicode_escaped,
    "string": string_line,
    "string-escaped": string_line_escaped,
    "short_binstring": short_binstring,
    "binstring": binstring,
}


# Names.
def global_(module: str, name: str) -> bytes:
    return b"c" + module.encode() + b"\n" + name.encode() + b"\n"


def stack_global(module: str, name: str, write: Any = short_binunicode) -> bytes:
    return write(module) + write(name) + STACK_GLOBAL


def inst(module: str, name: str, *args: Any) -> bytes:
    return MARK + b"".join(map(value, args)) + b"i" + module.encode() + b"\n" + name.encode() + b"\n"


# Memo.
def put(slot: int) -> bytes:
    return b"p%d\n" % slot


def binput(slot: int) -> bytes:
    return b"q" + bytes([slot])


def long_binput(slot: int) -> bytes:
    return b"r" + struct.pack("<I", slot)


def get(slot: int) -> bytes:
    return b"g%d\n" % slot


def binget(slot: int) -> bytes:
    return b"h" + bytes([slot])


def long_binget(slot: int) -> bytes:
    return b"j" + struct.pack("<I", slot)


def ext(code: int) -> bytes:
    if 0 <= code < 0x100:
        return b"\x82" + bytes([code])
    if 0x100 <= code < 0x10000:
        return b"\x83" + struct.pack("<H", code)
    return b"\x84" + struct.pack("<i", code)


def persid(text: str) -> bytes:
    return b"P" + text.encode() + b"\n"


# Values.
def integer(number: int) -> bytes:
    if 0 <= number < 256:
        return b"K" + bytes([number])
    if -(2**31) <= number < 2**31:
        return b"J" + struct.pack("<i", number)
    data = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(data)]) + data


def bytes_(data: bytes) -> bytes:
    if len(data) < 256:
        return b"C" + bytes([len(data)]) + data
    return b"B" + struct.pack("<I", len(data)) + data


def tuple_(items: Iterable[Any]) -> bytes:
    parts = [value(item) for item in items]
    if len(parts) <= 3:
        return b"".join(parts) + (EMPTY_TUPLE, TUPLE1, TUPLE2, TUPLE3)[len(parts)]
    return MARK + b"".join(parts) + TUPLE


def value(thing: Any) -> bytes:
    """A fragment for plain data; `Raw` stands for itself, so it nests opcodes."""
    if isinstance(thing, Raw):
        return bytes(thing)
    if thing is None:
        return NONE
    if thing is True:
        return b"\x88"
    if thing is False:
        return b"\x89"
    if isinstance(thing, int):
        return integer(thing)
    if isinstance(thing, float):
        return b"G" + struct.pack(">d", thing)
    if isinstance(thing, str):
        return binunicode(thing)
    if isinstance(thing, bytes):
        return bytes_(thing)
    if isinstance(thing, tuple):
        return tuple_(thing)
    if isinstance(thing, list):
        return EMPTY_LIST + MARK + b"".join(map(value, thing)) + APPENDS
    if isinstance(thing, dict):
        items = b"".join(value(k) + value(v) for k, v in thing.items())
        return EMPTY_DICT + MARK + items + SETITEMS
    raise TypeError(f"no opcode for {type(thing).__name__}")


# Calls; each is a fragment.
def call(name: bytes, *args: Any) -> Raw:
    return Raw(name + tuple_(args) + REDUCE)


def call_obj(name: bytes, *args: Any) -> Raw:
    return Raw(MARK + name + b"".join(map(value, args)) + OBJ)


def new(name: bytes, *args: Any) -> Raw:
    return Raw(name + tuple_(args) + NEWOBJ)


def new_ex(name: bytes, *args: Any, **kwargs: Any) -> Raw:
    return Raw(name + tuple_(args) + value(dict(kwargs)) + NEWOBJ_EX)


def build(thing: bytes, state: Any) -> Raw:
    return Raw(thing + value(state) + BUILD)


def instance(module: str, name: str, state: Any) -> Raw:
    """What pickle writes for most objects: NEWOBJ without arguments, then BUILD."""
    return build(new(global_(module, name)), state)


def stream(fragment: bytes, protocol: int = 2) -> bytes:
    """A whole pickle around one fragment."""
    header = proto(protocol) if protocol >= 2 else b""
    return header + fragment + STOP
