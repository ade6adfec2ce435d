"""Instances: a class made bare, then its state written into `__dict__`."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from loadlock._errors import RebuildError
from loadlock._rebuild import kinds as k
from loadlock._rebuild.names import Name, Names

# Protocols of Python, numpy and IPython that look into an instance's dict: an
# `__array_interface__` there views any address.
_FORBIDDEN_PREFIXES = ("__", "_doc_link", "_html_repr", "_repr_", "_skl_callbacks")
# Class attributes that are the default of a parameter of the same name; the instance's value
# is a bool as well (Lars.positive, which LassoLars sets).
_BOOL_PARAMETERS = frozenset({"positive"})
_SKLEARN_VERSION = "_sklearn_version"


class InstanceClass:
    """How instances of one class are made; checks each key of their states once.

    Attributes:
        whole_state: What a state holds must be whole before it is written.
    """

    whole_state = False

    def __init__(self, name: Name, names: Names) -> None:
        self.name = name
        self.cls = names.new_class(name)
        self.runs_setstate = names.trust(name) == k.TRUST_NEW_SETSTATE
        # Everything an instance finds on its class; read from the dicts, so that no descriptor
        # and no metaclass has a say.
        self._attributes = {key: value for c in reversed(self.cls.__mro__)
                            for key, value in vars(c).items()}  # fmt: skip
        self._checked: set[str] = set()
        # BaseEstimator.__setstate__ takes this key out and compares it.
        self._has_version = name.module.partition(".")[0] == "sklearn"

    def new(self) -> Any:
        """An instance without state. No __new__ but object's runs, and no __init__."""
        try:
            instance: Any = object.__new__(self.cls)
        except TypeError as error:
            raise RebuildError(f"{self.name} has no bare instances: {error}") from error
        if type(getattr(instance, "__dict__", None)) is not dict:
            raise RebuildError(f"instances of {self.name} have no __dict__")
        return instance

    def write(self, instance: Any, state: dict[str, Any]) -> str | None:
        """Sets the state; returns the version of scikit-learn that the state names, if any.

        Raises:
            RebuildError: a key that would change what the instance *is*.
        """
        if not state.keys() <= self._checked:
            self._check(state)
        if self.runs_setstate:
            # scikit-learn's own looks at the version.
            self.cls.__setstate__(instance, dict(state))  # type: ignore[attr-defined]
            return None
        version = None
        if self._has_version and _SKLEARN_VERSION in state:
            state = dict(state)
            version = state.pop(_SKLEARN_VERSION)
        instance.__dict__.update(state)
        return version if type(version) is str else None

    def _check(self, state: dict[str, Any]) -> None:
        for key, value in state.items():
            if key in self._checked:
                continue
            if type(key) is not str:
                raise RebuildError(f"state of {self.name}: a key that is not a str")
            if key.startswith(_FORBIDDEN_PREFIXES):
                raise RebuildError(f"state of {self.name}: key {key[:128]!a} is reserved")
            if key not in self._attributes:
                self._checked.add(key)
            elif not self._is_parameter(key, value):
                raise RebuildError(
                    f"state of {self.name}: key {key[:128]!a} would hide what the class defines"
                )

    def _is_parameter(self, key: str, value: Any) -> bool:
        return (
            key in _BOOL_PARAMETERS and type(self._attributes[key]) is bool and type(value) is bool
        )


class VersionNote:
    """Warns once a load, as scikit-learn would, that a model is of another version."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def see(self, class_name: str, version: str) -> None:
        """Notes the version of one estimator."""
        self._seen.setdefault(version, class_name)

    def warn(self) -> None:
        """Warns if a version is not the installed one."""
        sklearn = sys.modules.get("sklearn")
        installed = getattr(sklearn, "__version__", None)
        for version, class_name in self._seen.items():
            if installed is not None and version != installed:
                _warn(class_name, version[:64], installed)


def _warn(class_name: str, version: str, installed: str) -> None:
    exceptions = sys.modules.get("sklearn.exceptions")
    kind = getattr(exceptions, "InconsistentVersionWarning", None)
    if kind is None:
        warnings.warn(
            f"{class_name} is from scikit-learn {version}, {installed} is installed; "
            "results may be invalid",
            UserWarning,
            stacklevel=2,
        )
        return
    warnings.warn(
        kind(
            estimator_name=class_name,
            current_sklearn_version=installed,
            original_sklearn_version=version,
        ),
        stacklevel=2,
    )
