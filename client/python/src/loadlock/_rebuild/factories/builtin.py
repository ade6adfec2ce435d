"""Factories of the standard library. Keys and members are plain: nothing hashes by Python code."""

from __future__ import annotations

import collections
import functools
from typing import Any

from loadlock._rebuild.factories.call import Call, Factory, is_int
from loadlock._rebuild.names import Name, import_name

# What makes an empty value for a missing key.
_DEFAULTS: dict[Name, type] = {
    **{
        Name("builtins", kind.__name__): kind
        for kind in (
            *(list, dict, int, float, set, str),
            *(tuple, bool, bytes, bytearray, complex, frozenset),
        )
    },
    **{
        Name("collections", kind.__name__): kind
        for kind in (
            collections.OrderedDict,
            collections.Counter,
            collections.deque,
            collections.defaultdict,
        )
    },
}
_CHECK_ARRAY = Name("sklearn.utils.validation", "check_array")
# Parameters of check_array that a HistGradientBoosting model fixes; none of them is a callable.
_CHECK_ARRAY_PARAMETERS = {"dtype", "ensure_all_finite", "force_all_finite"}
# Whose functions a partial may be of; which of them and with which keywords, the daemon has proven.
_MODULES = ("numpy", "sklearn.feature_selection", "sklearn.metrics", "sklearn.preprocessing._data")
# Keywords of ufuncs that would write into an array or name a type, and processes to start.
_NEVER = {"out", "where", "signature", "extobj", "n_jobs"}


def defaultdict(call: Call) -> Any:
    """A plain type or None as default, then items."""
    call.only(pairs=True)
    call.arity(0, 1)
    default: type | None = None
    if call.args and call.args[0] is not None:
        name = call.args[0]
        if type(name) is not Name:
            raise call.fail("its default is not a plain type")
        default = _DEFAULTS.get(name.canonical)
        if default is None:
            raise call.fail("its default is not a plain type")
    return collections.defaultdict(default, call.pairs or {})


def counter(call: Call) -> Any:
    """Of a dict."""
    call.only(pairs=True)
    call.arity(0, 1)
    counts = call.args[0] if call.args else {}
    if type(counts) is not dict:
        raise call.fail("its argument is not a dict")
    made: collections.Counter[Any] = collections.Counter()
    # As dicts do: Counter.update would add where there is a count already.
    dict.update(made, counts)
    dict.update(made, call.pairs or {})
    return made


def deque(call: Call) -> Any:
    """A list or (), a maximal length or None, then elements."""
    call.only(items=True)
    call.arity(0, 1, 2)
    start = call.args[0] if call.args else ()
    longest = call.args[1] if len(call.args) == 2 else None
    if type(start) not in (list, tuple) or not (longest is None or is_int(longest)):
        raise call.fail("arguments")
    made: collections.deque[Any] = collections.deque(start, longest)
    made.extend(call.items or ())
    return made


def partial(call: Call) -> Any:
    """Of one function, then the state (function, (), keywords, None)."""
    call.only(state=True)
    call.arity(1)
    name = call.args[0]
    if type(name) is not Name or type(call.state) is not tuple or len(call.state) != 4:
        raise call.fail("not a partial of a function")
    function, args, keywords, attributes = call.state
    listed = any(f"{name.module}.".startswith(f"{module}.") for module in _MODULES)
    if name != _CHECK_ARRAY and (not listed or isinstance(function, type)):
        raise call.fail("not a partial of a listed function")
    if function is not import_name(name) or args != () or attributes not in (None, {}):
        raise call.fail("not a partial of that function")
    if type(keywords) is not dict or not all(type(key) is str for key in keywords):
        raise call.fail("parameters")
    if keywords.keys() & _NEVER or (
        name == _CHECK_ARRAY and not keywords.keys() <= _CHECK_ARRAY_PARAMETERS
    ):
        raise call.fail("parameters")
    return functools.partial(function, **keywords)


CALLS: dict[Name, Factory] = {
    Name("collections", "defaultdict"): defaultdict,
    Name("collections", "Counter"): counter,
    Name("collections", "deque"): deque,
    Name("functools", "partial"): partial,
}
