"""What stands behind a CALL, and behind instances that are built by their constructor.

The tables are the whole of it: a callable that is not in them is not called, whatever the
report says.
"""

from __future__ import annotations

from loadlock._errors import RebuildError
from loadlock._rebuild import kinds as k
from loadlock._rebuild.factories import (
    builtin,
    lightgbm,
    numeric,
    scientific,
    sklearn,
    spatial,
    standard,
    values,
    xgboost,
)
from loadlock._rebuild.factories.call import Factory
from loadlock._rebuild.names import Name, Names

_CALLS: dict[Name, Factory] = {
    **builtin.CALLS,
    **numeric.CALLS,
    **scientific.CALLS,
    **sklearn.CALLS,
    **standard.CALLS,
    **values.CALLS,
}
_OBJECTS: dict[Name, Factory] = {
    **numeric.OBJECTS,
    **scientific.OBJECTS,
    **sklearn.OBJECTS,
    **spatial.OBJECTS,
    **values.OBJECTS,
}
# Classes that hold a model in their library's own format: written anew, or not made at all.
_NATIVE: dict[Name, Factory] = {**xgboost.NATIVE, **lightgbm.NATIVE}


def for_call(name: Name, names: Names) -> Factory:
    """The factory for a CALL of the name; RebuildError if there is none or trust forbids it."""
    if names.trust(name) not in (k.TRUST_FACTORY, k.TRUST_BY_NAME_AND_PARAMS):
        raise RebuildError(f"{name} may not be called")
    factory = _CALLS.get(name.canonical)
    if factory is None:
        raise RebuildError(f"{name}: this client has no way to build it")
    return factory


def for_object(name: Name, names: Names) -> Factory | None:
    """The factory for an OBJECT whose class is not made bare; None if it is."""
    native = _NATIVE.get(name.canonical)
    if native is not None:
        if names.trust(name) != k.TRUST_REWRITTEN:
            raise RebuildError(f"{name} may not be made of anything but a rewritten model")
        return native
    factory = _OBJECTS.get(name.canonical) or scientific.for_distribution(name)
    if factory is None:
        return None
    if names.trust(name) not in (k.TRUST_BY_NAME_AND_PARAMS, k.TRUST_NEW_SETSTATE):
        raise RebuildError(f"{name} may not be instantiated")
    return factory
