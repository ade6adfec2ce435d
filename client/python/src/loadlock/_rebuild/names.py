"""From a name that the graph lists to the object it stands for, if its trust allows the use."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from loadlock._errors import RebuildError
from loadlock._rebuild import kinds as k

_MODULE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
# One undotted name: an attribute walk (`module.submodule.system`) never happens.
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# numpy 2 moved its core; files name the place where their numpy had it. Protocols below 3
# write Python 2's names.
_OLD_CORE, _NEW_CORE = "numpy.core", "numpy._core"
_HERE, _THERE = (
    (_NEW_CORE, _OLD_CORE) if int(np.__version__.split(".")[0]) >= 2 else (_OLD_CORE, _NEW_CORE)
)
_MISSING = object()
_RENAMED = {
    "__builtin__": "builtins",
    "copy_reg": "copyreg",
    # scikit-learn 1.4 and 1.5 were built with a module that calls itself so.
    "_loss": "sklearn._loss._loss",
}
# What to install for a package that is missing.
_PROJECTS = {
    "lightgbm": "lightgbm",
    "pandas": "pandas",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "torch": "torch",
    "xgboost": "xgboost",
}
# Classes that may stand as a value, where the policy names them: what repeated splitters make.
_CLASS_VALUES = {
    ("sklearn.model_selection._split", "KFold"),
    ("sklearn.model_selection._split", "StratifiedKFold"),
}


# Methods of str that a vectorizer may call; the only attributes of attributes.
_METHODS_OF_STR = {
    f"str.{name}": getattr(str, name) for name in ("casefold", "lower", "split", "strip", "upper")
}


class Name(NamedTuple):
    """A name, not (yet) imported."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"

    @property
    def canonical(self) -> Name:
        """As this process's libraries spell it."""
        module = _RENAMED.get(self.module, self.module)
        if module == _THERE or module.startswith(_THERE + "."):
            module = _HERE + module[len(_THERE) :]
        return Name(module, self.name)


class Names:
    """The names of one graph with the trust that the report gave them.

    Attributes:
        whole: Identities of this graph's instances of torch.nn that have their state.
    """

    def __init__(self, trusts: Mapping[tuple[str, str], int]) -> None:
        self.whole: set[int] = set()
        self._trusts = trusts
        self._values: dict[Name, Any] = {}

    def trust(self, name: Name) -> int:
        """What the policy lets the name be; RebuildError if the report does not list it."""
        trust = self._trusts.get(name, 0)
        if trust == 0:
            raise RebuildError(f"{name} is in the graph but not allowed by the report")
        return trust

    def value(self, name: Name) -> Any:
        """The object for a name that stands as a value: a function or type, never called here."""
        if name not in self._values:
            trust = self.trust(name)
            if trust != k.TRUST_NAME and not (trust == k.TRUST_NEW_DICT and name in _CLASS_VALUES):
                raise RebuildError(f"{name} may not stand as a value")
            method = _METHODS_OF_STR.get(name.name) if name.module == "builtins" else None
            self._values[name] = method or import_name(name)
        return self._values[name]

    def new_class(self, name: Name) -> type:
        """The class for a name of which the policy lets instances be made."""
        if self.trust(name) not in (k.TRUST_NEW_DICT, k.TRUST_NEW_SETSTATE):
            raise RebuildError(f"{name} may not be instantiated")
        cls = import_name(name)
        if not isinstance(cls, type):
            raise RebuildError(f"{name} is not a class")
        return cls


def import_name(name: Name) -> Any:
    """One attribute of one module, both imported plainly."""
    module_name, attribute = name.canonical
    if _NAME.fullmatch(attribute) is None:
        raise RebuildError(f"not an importable name: {str(name)[:256]!a}")
    module = _module(module_name)
    # Not getattr: a module's __getattr__ may import or compute anything.
    value = vars(module).get(attribute, _MISSING)
    if value is _MISSING:
        raise RebuildError(f"the installed {module_name.split('.')[0]} has no {name}")
    if isinstance(value, ModuleType):
        raise RebuildError(f"{name} is a module")
    return value


def _module(name: str) -> ModuleType:
    if _MODULE.fullmatch(name) is None:
        raise RebuildError(f"not an importable module: {name[:256]!a}")
    if name == "__main__":
        raise RebuildError("a model may not refer to the running program")
    try:
        return importlib.import_module(name)
    except ImportError as error:
        top = name.partition(".")[0]
        advice = f"; pip install {_PROJECTS[top]}" if top in _PROJECTS else ""
        raise RebuildError(f"the model needs {name}: {error}{advice}") from error
