"""Sends the loading functions of existing code through the daemon, for as long as a block lasts.

What is replaced are attributes of modules. Nothing here calls what it replaces.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from loadlock._errors import Error

if TYPE_CHECKING:
    from types import ModuleType

    from loadlock._client import Client

# Modules that are looked for, in this order, and those of their parts where users find functions.
MODULES = ("pickle", "joblib", "skops", "torch")
_PLACES = {
    "pickle": ("pickle",),
    "joblib": ("joblib", "joblib.numpy_pickle"),
    "skops": ("skops.io",),
    "torch": ("torch", "torch.serialization"),
}
_FILE_FUNCTION, _BYTES_FUNCTION = "load", "loads"


def _is_pickle(kind: str) -> bool:
    return kind == "pickle"


def _is_joblib(kind: str) -> bool:
    return kind.partition("+")[0] in ("joblib", "pickle")


def _is_skops(kind: str) -> bool:
    return kind == "skops"


def _is_torch(kind: str) -> bool:
    return kind.startswith("torch")


def _only(function: str, arguments: dict[str, Any], allowed: dict[str, tuple[Any, ...]]) -> None:
    """Refuses whatever would give something else than the plain call."""
    for name, value in arguments.items():
        if name not in allowed:
            raise TypeError(f"{function}() through loadlock takes no argument {name!r}")
        if not any(value is good or value == good for good in allowed[name]):
            raise TypeError(
                f"{function}(..., {name}=...) through loadlock takes {allowed[name][0]!r} only: "
                "anything else changes what the file means"
            )


def _content(file: Any, function: str) -> bytes:
    """All that is left of an open file. Its position is the end then."""
    read = getattr(file, "read", None)
    if read is None:
        raise TypeError(f"{function}() through loadlock takes an open binary file")
    data = read()
    if not isinstance(data, bytes):
        raise TypeError(f"{function}() through loadlock takes a file that is opened with 'rb'")
    return data


def _source(file: Any, function: str) -> str | bytes:
    """A path as it is, by which the daemon opens the file; anything open by its content."""
    if isinstance(file, str | os.PathLike):
        path = os.fspath(file)
        if isinstance(path, str):
            return path
        raise TypeError(f"{function}() through loadlock takes a path that is a str")
    return _content(file, function)


def _bytes_of(data: Any, function: str) -> bytes | memoryview:
    try:
        view = memoryview(data)
    except TypeError:
        raise TypeError(f"{function}() through loadlock takes a bytes-like object") from None
    return view.cast("B") if view.contiguous else view.tobytes()


class Functions:
    """What stands in for the functions, by module."""

    def __init__(self, client: Client, policy: str) -> None:
        self._client = client
        self._policy = policy

    def of(self, module: str) -> dict[str, Callable[..., Any]]:
        """The functions for a module of MODULES, by attribute."""
        made: dict[str, dict[str, Callable[..., Any]]] = {
            "pickle": {_FILE_FUNCTION: self._pickle_file, _BYTES_FUNCTION: self._pickle_bytes},
            "joblib": {_FILE_FUNCTION: self._joblib_file},
            "skops": {_FILE_FUNCTION: self._skops_file, _BYTES_FUNCTION: self._skops_bytes},
            "torch": {_FILE_FUNCTION: self._torch_file},
        }
        return made[module]

    def _load(self, source: Any, expected: Callable[[str], bool], **options: Any) -> Any:
        return self._client.load_from(source, expected, policy=self._policy, **options)

    def _pickle_file(self, file: Any, /, **arguments: Any) -> Any:
        """pickle.load through loadlock."""
        _only("pickle.load", arguments, _PICKLE_ARGUMENTS)
        return self._load(_content(file, "pickle.load"), _is_pickle)

    def _pickle_bytes(self, data: Any, /, **arguments: Any) -> Any:
        """pickle.loads through loadlock."""
        _only("pickle.loads", arguments, _PICKLE_ARGUMENTS)
        return self._load(_bytes_of(data, "pickle.loads"), _is_pickle)

    def _joblib_file(
        self, filename: Any, mmap_mode: Any = None, ensure_native_byte_order: Any = "auto"
    ) -> Any:
        """joblib.load through loadlock."""
        given = {"mmap_mode": mmap_mode, "ensure_native_byte_order": ensure_native_byte_order}
        _only("joblib.load", given, {"mmap_mode": (None,), "ensure_native_byte_order": ("auto",)})
        return self._load(_source(filename, "joblib.load"), _is_joblib)

    def _skops_file(self, file: Any, trusted: Sequence[str] | None = None) -> Any:
        """skops.io.load through loadlock. The policy decides, so `trusted` lets nothing more in."""
        _check_trusted(trusted)
        return self._load(_source(file, "skops.io.load"), _is_skops)

    def _skops_bytes(self, data: Any, trusted: Sequence[str] | None = None) -> Any:
        """skops.io.loads through loadlock."""
        _check_trusted(trusted)
        return self._load(_bytes_of(data, "skops.io.loads"), _is_skops)

    def _torch_file(
        self,
        f: Any,
        map_location: Any = None,
        pickle_module: Any = None,
        *,
        weights_only: bool | None = None,
        mmap: bool | None = None,
        **arguments: Any,
    ) -> Any:
        """torch.load through loadlock; `weights_only` or not, nothing runs."""
        if weights_only not in (None, True, False):
            raise TypeError("torch.load(..., weights_only=...) takes True, False or None")
        given = {"pickle_module": pickle_module, "mmap": mmap, **arguments}
        _only("torch.load", given, {"pickle_module": (None,), "mmap": (None, False)})
        if callable(map_location) or isinstance(map_location, dict):
            raise TypeError("torch.load(..., map_location=...) through loadlock takes one device")
        source = _source(f, "torch.load")
        return self._load(source, _is_torch, tensors="torch", device=map_location)


_PICKLE_ARGUMENTS: dict[str, tuple[Any, ...]] = {
    "fix_imports": (True,),
    "encoding": ("ASCII",),
    "errors": ("strict",),
    "buffers": (None, ()),
}


def _check_trusted(trusted: Any) -> None:
    if trusted is None or (isinstance(trusted, Sequence) and not isinstance(trusted, str)):
        return
    raise TypeError("trusted= takes a list of names, or None; through loadlock the policy decides")


class _Replaced:
    """What the blocks that are open now have replaced. One for the process, under a lock."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.depth = 0
        self.settings: tuple[Any, ...] = ()
        # Module, attribute, what stood there, what stands there.
        self.replaced: list[tuple[ModuleType, str, Any, Any]] = []

    def enter(
        self, settings: tuple[Any, ...], functions: Functions, modules: Sequence[str]
    ) -> None:
        """Replaces, unless another block has done so with the same settings."""
        with self.lock:
            if self.depth and settings != self.settings:
                raise Error(
                    "another shim with other settings is open in this process", reason="SHIM_OPEN"
                )
            if not self.depth:
                self._replace(functions, modules)
                self.settings = settings
            self.depth += 1

    def _replace(self, functions: Functions, modules: Sequence[str]) -> None:
        places = [
            (importlib.import_module(place), attribute, function)
            for module in modules
            for place in _PLACES[module]
            for attribute, function in functions.of(module).items()
        ]
        # From here on nothing fails: all of them are replaced, or none.
        for module, attribute, function in places:
            attributes = vars(module)
            self.replaced.append((module, attribute, attributes[attribute], function))
            attributes[attribute] = function

    def leave(self) -> None:
        """Puts everything back when the last block ends."""
        with self.lock:
            self.depth -= 1
            if self.depth:
                return
            for module, attribute, before, ours in reversed(self.replaced):
                # What somebody else put there meanwhile is theirs to take away.
                if vars(module).get(attribute) is ours:
                    vars(module)[attribute] = before
            self.replaced.clear()


_REPLACED = _Replaced()


@contextmanager
def shim(
    client: Client, settings: tuple[Any, ...], modules: Sequence[str] | None
) -> Iterator[None]:
    """See loadlock.shim."""
    chosen = MODULES if modules is None else tuple(modules)
    unknown = [name for name in chosen if name not in MODULES]
    if unknown:
        raise ValueError(f"modules: {unknown[0]!r} is none of {', '.join(MODULES)}")
    installed = [name for name in chosen if importlib.util.find_spec(name) is not None]
    _REPLACED.enter((*settings, tuple(installed)), Functions(client, settings[0]), installed)
    try:
        yield
    finally:
        _REPLACED.leave()
