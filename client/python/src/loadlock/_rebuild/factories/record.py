"""The record that stands for a native model: plain values and columns, proven by the daemon."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from loadlock._rebuild.factories.call import Call, is_int


def _is_str(value: Any) -> bool:
    return type(value) is str


class Record:
    """Reads a record, and looks once more at types and lengths."""

    def __init__(self, call: Call, value: Any) -> None:
        if type(value) is not dict:
            raise call.fail("its native model is no record")
        self._call = call
        self._values = value

    def fail(self, why: str) -> Exception:
        """The error to raise when the record is not as its writer knows it."""
        return self._call.fail(f"its native model: {why}")

    def get(self, key: str) -> Any:
        """The value of a key that must be there."""
        if key not in self._values:
            raise self.fail(f"{key} is missing")
        return self._values[key]

    def integer(self, key: str) -> int:
        """An int."""
        value = self.get(key)
        if not is_int(value):
            raise self.fail(key)
        return value

    def text(self, key: str) -> str:
        """A str."""
        value = self.get(key)
        if type(value) is not str:
            raise self.fail(key)
        return value

    def list_of(self, key: str, kind: type[Any], count: int | None = None) -> list[Any]:
        """A list of values of exactly one type."""
        value = self.get(key)
        if type(value) is not list or any(type(each) is not kind for each in value):
            raise self.fail(key)
        if count is not None and len(value) != count:
            raise self.fail(f"length of {key}")
        return value

    def strings(self, value: Any) -> dict[str, str]:
        """A dict of str to str."""
        if type(value) is not dict or not all(map(_is_str, (*value, *value.values()))):
            raise self.fail("a dict of strings")
        return value

    def column(self, key: str, dtype: str, count: int | None = None) -> npt.NDArray[Any]:
        """A vector."""
        value = self.get(key)
        if type(value) is not np.ndarray or value.dtype != np.dtype(dtype) or value.ndim != 1:
            raise self.fail(key)
        if count is not None and len(value) != count:
            raise self.fail(f"length of {key}")
        return value


def check_keys(call: Call, cls: type[Any], state: dict[str, Any]) -> None:
    """No key of the state changes what the instance is."""
    for key in state:
        if key.startswith("__") or any(key in vars(base) for base in cls.__mro__):
            raise call.fail(f"state key {key[:128]!a}")
