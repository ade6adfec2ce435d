"""Instances of torch's modules and optimizers, whose dicts hold more than their state says."""

from __future__ import annotations

import sys
from typing import Any

from loadlock._errors import RebuildError
from loadlock._rebuild.names import Name, Names
from loadlock._rebuild.state import InstanceClass

_CHILDREN, _PARAMETERS, _BUFFERS = "_modules", "_parameters", "_buffers"


def instance_class(name: Name, names: Names) -> InstanceClass:
    """How instances of that name's class are made."""
    plain = InstanceClass(name, names)
    torch = sys.modules.get("torch")
    if torch is None:
        return plain
    if _is_kind_of(plain.cls, torch, "nn", "Module"):
        return ModuleClass(name, names, torch)
    is_optimizer = _is_kind_of(plain.cls, torch, "optim", "Optimizer")
    return HookedClass(name, names) if is_optimizer else plain


def _is_kind_of(cls: type, torch: Any, part: str, name: str) -> bool:
    base = getattr(getattr(torch, part, None), name, None)
    return isinstance(base, type) and issubclass(cls, base)


class HookedClass(InstanceClass):
    """A class whose instances keep hooks: those are callables, so states have none."""

    whole_state = True

    def write(self, instance: Any, state: dict[str, Any]) -> str | None:
        """Sets the state, but for empty dicts of hooks.

        Raises:
            RebuildError: A hook, or a key that the class defines.
        """
        kept = {key: value for key, value in state.items() if not _is_hooks(key)}
        for key in state.keys() - kept.keys():
            if not isinstance(state[key], dict) or state[key]:
                raise RebuildError(f"state of {self.name}: {key[:128]!a} would be called")
        return super().write(instance, kept)


class ModuleClass(HookedClass):
    """A class of torch.nn: instances get fresh dicts of hooks.

    What else an instance of the installed release needs it has from torch's own base class.
    """

    def __init__(self, name: Name, names: Names, torch: Any) -> None:
        super().__init__(name, names)
        self._torch = torch
        self._whole = names.whole

    def new(self) -> Any:
        """An instance with what torch gives every module."""
        instance = super().new()
        vars(instance).update(vars(self._torch.nn.Module()))
        return instance

    def write(self, instance: Any, state: dict[str, Any]) -> str | None:
        """Sets the state, but for empty dicts of hooks.

        Raises:
            RebuildError: As for all with hooks; a child, parameter or buffer that is none.
        """
        parameter, tensor = self._torch.nn.Parameter, self._torch.Tensor
        self._check_members(state, _CHILDREN, self._torch.nn.Module)
        self._check_members(state, _PARAMETERS, tensor)
        self._check_members(state, _BUFFERS, tensor)
        children = state.get(_CHILDREN, {}).values()
        if any(child is not None and id(child) not in self._whole for child in children):
            # Its state is still to come, so this module is a part of it.
            raise RebuildError(f"state of {self.name}: a module that holds itself")
        version = super().write(instance, state)
        self._check_weights(vars(instance), parameter)
        self._whole.add(id(instance))
        return version

    def _check_members(self, state: dict[str, Any], key: str, kind: type) -> None:
        members = state.get(key, {})
        if not isinstance(members, dict):
            raise RebuildError(f"state of {self.name}: {key} is not a dict")
        for name, member in members.items():
            if type(name) is not str or "." in name or name in self._attributes:
                raise RebuildError(f"state of {self.name}: a name in {key}")
            if member is not None and not isinstance(member, kind):
                raise RebuildError(f"state of {self.name}: {key}[{name[:128]!a}] is none of these")

    def _check_weights(self, made: dict[str, Any], parameter: type) -> None:
        """A recurrent module's flat weights are its parameters: native code trusts their shapes."""
        weights, names = made.get("_flat_weights"), made.get("_flat_weights_names")
        if weights is None and names is None:
            return
        if not isinstance(weights, list) or not isinstance(names, list):
            raise RebuildError(f"state of {self.name}: _flat_weights")
        if len(weights) != len(names):
            raise RebuildError(f"state of {self.name}: _flat_weights")
        for weight, name in zip(weights, names, strict=True):
            if not isinstance(weight, parameter) or made[_PARAMETERS].get(name) is not weight:
                raise RebuildError(f"state of {self.name}: _flat_weights are not its parameters")


def _is_hooks(key: Any) -> bool:
    return type(key) is str and key.startswith("_") and "hooks" in key
