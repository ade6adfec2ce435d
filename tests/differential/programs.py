"""Random pickle programs: most load, and odd arguments and opcodes out of place are among them.

A program is written with a shadow of the unpickler's stack, so that opcodes mostly find what they
need; what stands at random would be refused at its second opcode by every reader.
"""

from __future__ import annotations

import random
import struct

# What a place of the shadow stack holds.
SCALAR, VALUE, LIST, DICT, SET, TUPLE, NAME, OBJECT, MARK = range(9)

INTS = (b"00", b"01", b"1", b"-5", b"0", b"99999999999999999999", b"", b"-0", b"+1", b"0x1", b"1L", b" 1",
        b"1_0", b"010")  # fmt: skip
LONGS = (b"1L", b"1", b"-7L", b"99999999999999999999L", b"L", b"0x1L", b"-0L", b"1LL")
FLOATS = (b"1.5", b"-0.0", b"1e5", b"inf", b"nan", b"-inf", b"1_0.0", b" 1.0", b"1.", b".5", b"1e400",
          b"-nan", b"1E5", b"5e-324")  # fmt: skip
QUOTED = (b"'a'", b'"b"', rb"'\x41\n'", b"'", b"''", rb"'\q'", b"'a\"", b'"a\'b"', rb"'\101'", b"'\xe9'")
ESCAPED = (b"a", rb"\u0041", rb"\\u0041", b"\xe9", rb"\ud800", b"\\", b"", rb"\U00010000")
INDICES = (b"0", b"1", b"2", b"7", b"00", b"01", b"-1", b"1 ")
TEXTS = (b"a", b"b", b"m", b"C", b"\xc3\xa9", b"", b"longer string than eight", b"\xff", b"1")
BYTE_INTS = (b"", b"\x01", b"\xff", b"\x00\x01", b"\xff\x00", b"\x01" * 9)

LITERALS = "N\x88\x89KIJLMFGSTUVXBC\x8a\x8b\x8c\x8d\x8e\x96"
CONTAINERS = {"]": LIST, "}": DICT, ")": TUPLE, "\x8f": SET}
ENDS = {"t": TUPLE, "l": LIST, "d": DICT, "o": OBJECT, "i": OBJECT, "\x91": SCALAR}
EVERYTHING = (
    LITERALS + "".join(CONTAINERS) + "(.0121R\x81\x92bsuaeldtoi\x85\x86\x87\x90\x91\x93\x94qprhgjc\x95"
)


class Program:
    def __init__(self, rnd: random.Random) -> None:
        self._rnd = rnd
        self._out = bytearray()
        self._stack: list[int] = []
        self._memo: list[int] = []

    def write(self) -> bytes:
        if self._rnd.random() < 0.5:
            self._emit("\x80", bytes([self._rnd.choice((2, 3, 4, 4, 5))]))
        for _ in range(self._rnd.randrange(1, self._rnd.choice((6, 15, 40)))):
            self._step()
        self._join()
        self._emit(".")
        return self._framed() if self._rnd.random() < 0.3 else bytes(self._out)

    def _step(self) -> None:
        kind = self._rnd.random()
        free = len(self._stack) - self._fence()
        if self._rnd.random() < 0.02:
            self._emit(op := self._rnd.choice(EVERYTHING), self._argument(op))
        elif kind < 0.25:
            op = self._rnd.choice(LITERALS)
            self._push(op, self._argument(op), VALUE if op == "\x96" else SCALAR)
        elif kind < 0.4:
            op = self._rnd.choice("]}]})\x8f")
            self._push(op, b"", CONTAINERS[op])
        elif kind < 0.48:
            self._push("(", b"", MARK)
        elif kind < 0.53:
            self._push("c", self._argument("c"), NAME)
        elif kind < 0.57 and free:
            self._put()
        elif kind < 0.65 and self._memo:
            self._get()
        elif kind < 0.75 and MARK in self._stack:
            self._end_mark()
        elif kind < 0.80 and free:
            self._tuple_or_dup(free)
        elif kind >= 0.75 and free >= 2:
            self._combine(free)

    def _put(self) -> None:
        op = self._rnd.choice("\x94\x94qpr")
        self._emit(op, memo_argument(op, len(self._memo)))
        self._memo.append(self._stack[-1])

    def _get(self) -> None:
        op = self._rnd.choice("hgj")
        index = self._rnd.randrange(len(self._memo))
        self._push(op, memo_argument(op, index), self._memo[index])

    def _end_mark(self) -> None:
        """An opcode that takes everything above the topmost mark."""
        mark = self._fence() - 1
        items = self._stack[mark + 1 :]
        below = self._stack[mark - 1] if mark else None
        plain = all(item in (SCALAR, NAME) for item in items)
        ops = ["t", "l", "1", "i"]
        ops += ["e"] * 4 * (below in (LIST, OBJECT))
        ops += ["u"] * 4 * (below in (DICT, OBJECT) and len(items) % 2 == 0)
        ops += ["\x90"] * 4 * (below == SET and plain)
        ops += ["d"] * (len(items) % 2 == 0)
        ops += ["\x91"] * plain
        ops += ["o"] * 2 * (items[:1] == [NAME])
        self._emit(op := self._rnd.choice(ops), self._argument(op))
        del self._stack[mark:]
        if op in ENDS:
            self._stack.append(ENDS[op])

    def _tuple_or_dup(self, free: int) -> None:
        op = self._rnd.choice("\x85\x862" if free > 1 else "\x852")
        self._emit(op)
        if op == "2":
            self._stack.append(self._stack[-1])
        else:
            self._replace(1 if op == "\x85" else 2, TUPLE)

    def _combine(self, free: int) -> None:
        under, top = self._stack[-2:]
        if under == NAME and top == TUPLE:
            self._emit(self._rnd.choice("R\x81"))
            self._replace(2, OBJECT)
        elif under == LIST or (under == OBJECT and self._rnd.random() < 0.3):
            self._emit("a")
            self._stack.pop()
        elif under == OBJECT:
            self._emit("b")
            self._stack.pop()
        elif free >= 3 and self._stack[-3] in (DICT, OBJECT) and under in (SCALAR, NAME):
            self._emit("s")
            del self._stack[-2:]
        elif self._rnd.random() < 0.2:
            self._emit("0")
            self._stack.pop()

    def _join(self) -> None:
        """Leaves one value."""
        while len(self._stack) != 1 or MARK in self._stack:
            if MARK in self._stack:
                self._emit("t")
                self._replace(len(self._stack) - self._fence() + 1, TUPLE)
            elif not self._stack:
                self._push("N", b"", SCALAR)
            else:
                count = min(3, len(self._stack))
                self._emit("\x86" if count == 2 else "\x87")
                self._replace(count, TUPLE)

    def _framed(self) -> bytes:
        """In a frame that is mostly as long as it says."""
        out = bytes(self._out)
        head = 2 if out[:1] == b"\x80" else 0
        length = max(0, len(out) - head - self._rnd.choice((0, 0, 0, 0, 1, 3)))
        return out[:head] + b"\x95" + pack("<Q", length) + out[head:]

    def _fence(self) -> int:
        """The place above the topmost mark."""
        return len(self._stack) - self._stack[::-1].index(MARK) if MARK in self._stack else 0

    def _replace(self, count: int, by: int) -> None:
        self._stack[-count:] = [by]

    def _push(self, op: str, argument: bytes, kind: int) -> None:
        self._emit(op, argument)
        self._stack.append(kind)

    def _emit(self, op: str, argument: bytes = b"") -> None:
        self._out += op.encode("latin-1") + argument

    def _argument(self, op: str) -> bytes:
        choice = self._rnd.choice
        lines = {"I": INTS, "L": LONGS, "F": FLOATS, "S": QUOTED, "V": ESCAPED, "p": INDICES, "g": INDICES}
        numbers = {
            "q": ("<B", (0, 1, 2, 3, 4, 9)), "h": ("<B", (0, 1, 2, 3, 4, 9)), "K": ("<B", (0, 1, 2, 255)),
            "r": ("<I", (0, 1, 2, 5, 300)), "j": ("<I", (0, 1, 2, 5, 300)), "M": ("<H", (0, 1, 65535)),
            "J": ("<i", (0, -1, 1, 2**31 - 1, -(2**31))), "\x80": ("<B", (0, 2, 4, 5, 6)),
            "G": (">d", (0.0, 1.0, -1.5, float("nan"), 2.0**70)), "\x95": ("<Q", (0, 1, 2, 3, 5, 8, 13, 20)),
        }  # fmt: skip
        sized = {"U": "<B", "C": "<B", "\x8c": "<B", "T": "<I", "X": "<I", "B": "<I", "\x8d": "<Q",
                 "\x8e": "<Q", "\x96": "<Q", "\x8a": "<B", "\x8b": "<i"}  # fmt: skip
        if op in lines:
            return choice(lines[op]) + b"\n"
        if op in "ci":
            return choice((b"m", b"m.n", b"q")) + b"\n" + choice((b"C", b"D", b"C.x")) + b"\n"
        if op in numbers:
            return pack(numbers[op][0], choice(numbers[op][1]))
        if op in sized:
            data = choice(BYTE_INTS if op in "\x8a\x8b" else TEXTS)
            return pack(sized[op], len(data)) + data
        return b""


def memo_argument(op: str, index: int) -> bytes:
    if op in "pg":
        return b"%d\n" % index
    if op in "qh":
        return bytes([index % 256])
    return b"" if op == "\x94" else pack("<I", index)


def pack(form: str, value: float) -> bytes:
    return struct.pack(form, value)


def write(count: int, seed: int) -> list[bytes]:
    rnd = random.Random(seed)
    return [Program(rnd).write() for _ in range(count)]
