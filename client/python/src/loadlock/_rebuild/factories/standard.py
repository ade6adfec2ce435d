"""Factories of paths and times, which are kept beside models."""

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


def _packed(call: Call, size: int, *, zoned: bool = False) -> tuple[bytes, datetime.tzinfo | None]:
    call.only()
    call.arity(*((1, 2) if zoned else (1,)))
    packed = call.args[0]
    zone = call.args[1] if len(call.args) == 2 else None
    if type(packed) is not bytes or len(packed) != size:
        raise call.fail(f"not {size} bytes")
    if zone is not None and type(zone) is not datetime.timezone:
        raise call.fail("its zone")
    return packed, zone


def date(call: Call) -> Any:
    """Year in two bytes, big-endian, month, day."""
    high, low, month, day = _packed(call, 4)[0]
    return datetime.date(high << 8 | low, month, day)


def date_time(call: Call) -> Any:
    """As a date, then as a time; with a zone or without."""
    (high, low, month, day, *clock), zone = _packed(call, 10, zoned=True)
    hour, minute, second, micro = _clock(clock)
    # The month's highest bit says which of two equal hours it is.
    return datetime.datetime(
        high << 8 | low, month & 0x7F, day, hour, minute, second, micro, zone, fold=month >> 7
    )


def time(call: Call) -> Any:
    """Hour, minute, second, microseconds in three bytes; with a zone or without."""
    (hour, *clock), zone = _packed(call, 6, zoned=True)
    _, minute, second, micro = _clock([hour, *clock])
    return datetime.time(hour & 0x7F, minute, second, micro, zone, fold=hour >> 7)


def _clock(packed: list[int]) -> tuple[int, int, int, int]:
    hour, minute, second, *micro = packed
    return hour, minute, second, int.from_bytes(bytes(micro), "big")


def time_zone(call: Call) -> Any:
    """The distance from UTC, and a name or none."""
    call.only()
    call.arity(1, 2)
    offset, *names = call.args
    if type(offset) is not datetime.timedelta or any(type(name) is not str for name in names):
        raise call.fail("not a timedelta and a name")
    if call.args == (datetime.timedelta(0),):
        return datetime.timezone.utc
    return datetime.timezone(*call.args)


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
