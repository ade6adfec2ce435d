"""Factories of paths and times, which checkpoints hold beside their tensors."""

from __future__ import annotations

import datetime
import pathlib
from typing import Any

from loadlock._rebuild.factories.call import Call, Factory, is_int
from loadlock._rebuild.names import Name

_POSIX = ("PosixPath", "PurePosixPath", "Path")
_WINDOWS = ("WindowsPath", "PureWindowsPath")


def _parts(call: Call) -> tuple[str, ...]:
    call.only()
    if any(type(part) is not str for part in call.args):
        raise call.fail("its parts are not all str")
    return call.args


def posix_path(call: Call) -> Any:
    """A pure path, which cannot touch a disk."""
    return pathlib.PurePosixPath(*_parts(call))


def windows_path(call: Call) -> Any:
    """A pure path, which cannot touch a disk."""
    return pathlib.PureWindowsPath(*_parts(call))


def _packed(call: Call, size: int, zoned: bool) -> tuple[bytes, datetime.timezone | None]:
    call.only()
    call.arity(*((1, 2) if zoned else (1,)))
    packed, zone = call.args[0], call.args[1] if len(call.args) == 2 else None
    if type(packed) is not bytes or len(packed) != size:
        raise call.fail(f"not {size} bytes")
    if len(call.args) == 2 and type(zone) is not datetime.timezone:
        raise call.fail("not a fixed zone")
    return packed, zone


def date(call: Call) -> Any:
    """Year in two bytes, big-endian, month, day."""
    (high, low, month, day), _ = _packed(call, 4, False)
    return datetime.date(high << 8 | low, month, day)


def date_time(call: Call) -> Any:
    """As a date, then hour, minute, second, microseconds in three bytes; perhaps a zone."""
    packed, zone = _packed(call, 10, True)
    high, low, month, day, hour, minute, second, *micro = packed
    microseconds = int.from_bytes(bytes(micro), "big")
    # The month's highest bit says which of two equal hours it is.
    return datetime.datetime(
        high << 8 | low, month & 0x7F, day, hour, minute, second, microseconds, zone,
        fold=month >> 7,
    )  # fmt: skip


def time(call: Call) -> Any:
    """Hour, whose highest bit is that of the fold, minute, second, microseconds; perhaps a zone."""
    packed, zone = _packed(call, 6, True)
    hour, minute, second, *micro = packed
    microseconds = int.from_bytes(bytes(micro), "big")
    return datetime.time(hour & 0x7F, minute, second, microseconds, zone, fold=hour >> 7)


def time_zone(call: Call) -> Any:
    """A difference of less than a day, perhaps a name."""
    call.only()
    call.arity(1, 2)
    difference, *name = call.args
    if type(difference) is not datetime.timedelta or not all(type(text) is str for text in name):
        raise call.fail("not a difference and a name")
    return datetime.timezone(difference, *name)


def time_delta(call: Call) -> Any:
    """Days, seconds, microseconds."""
    call.only()
    call.arity(3)
    if not all(map(is_int, call.args)):
        raise call.fail("not three integers")
    return datetime.timedelta(*call.args)


CALLS: dict[Name, Factory] = {
    **{Name("pathlib", name): posix_path for name in _POSIX},
    **{Name("pathlib", name): windows_path for name in _WINDOWS},
    Name("datetime", "date"): date,
    Name("datetime", "datetime"): date_time,
    Name("datetime", "time"): time,
    Name("datetime", "timedelta"): time_delta,
    Name("datetime", "timezone"): time_zone,
}
