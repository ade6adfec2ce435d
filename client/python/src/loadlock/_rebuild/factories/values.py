"""Factories of exact numbers, identifiers, addresses, patterns and bags: Python's own values."""

from __future__ import annotations

import collections
import decimal
import fractions
import ipaddress
import re
import types
import uuid
import warnings
from collections.abc import Callable
from typing import Any

from loadlock._rebuild.factories.call import Call, Factory, is_int
from loadlock._rebuild.names import Name

# As server/verify counts.
_MAX_DIGITS = 1024
_MAX_PATTERN = 2048
_PATTERN_FLAGS = re.I | re.M | re.S | re.U | re.X | re.A


def decimal_number(call: Call) -> Any:
    """As str() writes it."""
    call.only()
    call.arity(1)
    (text,) = call.args
    if type(text) is not str or len(text) > _MAX_DIGITS:
        raise call.fail("not a short text")
    return decimal.Decimal(text)


def fraction(call: Call) -> Any:
    """As str() writes it, or two integers."""
    call.only()
    call.arity(1, 2)
    if len(call.args) == 2:
        if not all(map(is_int, call.args)):
            raise call.fail("not two integers")
    elif type(call.args[0]) is not str or not _is_fraction(call.args[0]):
        raise call.fail("not a short text")
    return fractions.Fraction(*call.args)


def _is_fraction(text: str) -> bool:
    # Not "1e1000000", of which Fraction would make an integer.
    return len(text) <= _MAX_DIGITS and re.fullmatch(r"-?[0-9]+(/[0-9]+)?", text) is not None


def unique_id(call: Call) -> Any:
    """Of its one integer, and of how safely it was generated."""
    call.only(state=True)
    call.arity(0)
    state = call.dict_state()
    if not is_int(state.get("int")) or not state.keys() <= {"int", "is_safe"}:
        raise call.fail("its state is not one integer")
    safe = uuid.SafeUUID(state["is_safe"]) if "is_safe" in state else uuid.SafeUUID.unknown
    return uuid.UUID(int=state["int"], is_safe=safe)


def _address(cls: Callable[[Any], Any], kind: type) -> Factory:
    def make(call: Call) -> Any:
        """Of an integer; of a text if it is a network."""
        call.only()
        call.arity(1)
        if type(call.args[0]) is not kind:
            raise call.fail("its argument")
        return cls(call.args[0])

    return make


def pattern(call: Call) -> Any:
    """Compiled again, of its text and flags."""
    call.only()
    call.arity(2)
    text, flags = call.args
    if type(text) not in (str, bytes) or len(text) > _MAX_PATTERN:
        raise call.fail("not a short text")
    if not is_int(flags) or flags & ~_PATTERN_FLAGS:
        raise call.fail("its flags")
    with warnings.catch_warnings():
        # Whoever wrote it has been warned.
        warnings.simplefilter("ignore")
        return re.compile(text, flags)


def namespace(call: Call) -> Any:
    """With attributes as in the state."""
    call.only(state=True)
    call.arity(0)
    made = types.SimpleNamespace()
    if call.state is None:
        return made
    state = call.dict_state()
    if any(key.startswith("__") for key in state):
        raise call.fail("a name of an attribute")
    made.__dict__.update(state)
    return made


def chain_map(call: Call) -> Any:
    """Over dicts."""
    call.only(state=True)
    call.arity(0)
    maps = call.dict_state().get("maps")
    if type(maps) is not list or not maps or not all(isinstance(each, dict) for each in maps):
        raise call.fail("not over dicts")
    made: collections.ChainMap[Any, Any] = collections.ChainMap()
    # The list itself, which something else may hold too.
    made.maps = maps
    return made


CALLS: dict[Name, Factory] = {
    Name("decimal", "Decimal"): decimal_number,
    Name("fractions", "Fraction"): fraction,
    Name("re", "_compile"): pattern,
    Name("types", "SimpleNamespace"): namespace,
    Name("ipaddress", "IPv4Address"): _address(ipaddress.IPv4Address, int),
    Name("ipaddress", "IPv6Address"): _address(ipaddress.IPv6Address, int),
    Name("ipaddress", "IPv4Network"): _address(ipaddress.IPv4Network, str),
    Name("ipaddress", "IPv6Network"): _address(ipaddress.IPv6Network, str),
    Name("ipaddress", "IPv4Interface"): _address(ipaddress.IPv4Interface, str),
    Name("ipaddress", "IPv6Interface"): _address(ipaddress.IPv6Interface, str),
}
OBJECTS: dict[Name, Factory] = {
    Name("uuid", "UUID"): unique_id,
    Name("collections", "ChainMap"): chain_map,
}
