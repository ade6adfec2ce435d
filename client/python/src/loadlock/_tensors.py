"""Dicts of tensors: a file's tensors by name, each made when it is asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any

import numpy as np

from loadlock._errors import RebuildError
from loadlock._rebuild import Builder, TensorOptions
from loadlock._rebuild import kinds as k
from loadlock._rebuild.tensors.with_torch import library

if TYPE_CHECKING:
    from typing_extensions import Self

    from loadlock._rebuild import Buffers, Columns

_DICTS = (k.DICT, k.DICT_STR, k.ORDERED_DICT)
# What a module keeps in its state dict beside tensors.
_EXTRA = "_extra_state"


class TensorFile:
    """The tensors of a vetted file, by name. Usable as a context manager.

        with loadlock.open("model.safetensors") as file:
            for name in file.keys():
                weight = file.tensor(name)
                first = file.slice(name)[:10]

    Where the daemon hands over a descriptor, nothing is read before an element is used; tensors
    that share memory in the file share it here.
    """

    def __init__(
        self,
        columns: Columns,
        buffers: Buffers,
        trusts: Mapping[tuple[str, str], int],
        options: TensorOptions,
        key: str | None,
    ) -> None:
        self._options = options
        self._builder: Builder | None = Builder(columns, buffers, trusts, options)
        self._nodes = tensor_nodes(columns, key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file; tensors that were taken from it stay."""
        self._builder = None

    def __len__(self) -> int:
        return len(self._nodes)

    def __iter__(self) -> Iterator[str]:
        return iter(self._nodes)

    def __contains__(self, name: object) -> bool:
        return name in self._nodes

    def keys(self) -> list[str]:
        """Names of the tensors, in the file's order."""
        return list(self._nodes)

    def tensor(self, name: str) -> Any:
        """One tensor; the same one at every call.

        Raises:
            KeyError: There is none of that name.
            RebuildError: It cannot be had with what is installed here, or the file is closed.
        """
        node = self._nodes[name]
        if self._builder is None:
            raise RebuildError("the file is closed")
        return as_tensor(self._builder.value(node), self._options)

    def slice(self, name: str) -> TensorSlice:
        """A tensor of which only the indexed part is taken.

        Raises:
            As tensor.
        """
        return TensorSlice(self.tensor(name))


class TensorSlice:
    """Takes parts of a tensor, which are copies: they keep nothing else of the file in memory.

    Attributes:
        shape: Of the whole tensor.
        dtype: Of its elements.
    """

    def __init__(self, whole: Any) -> None:
        self._whole = whole
        self.shape: tuple[int, ...] = tuple(whole.shape)
        self.dtype = whole.dtype

    def __getitem__(self, index: Any) -> Any:
        part = self._whole[index]
        return part.copy() if isinstance(part, (np.ndarray, np.generic)) else part.clone()


def tensor_nodes(columns: Columns, key: str | None) -> dict[str, int]:
    """The nodes of the tensors that the dict at the root, or at the key in it, holds.

    Raises:
        RebuildError: There is no such dict, or it holds something else.
    """
    root = dict_entries(columns, columns.root)
    if key is not None and root is not None:
        root = dict_entries(columns, root[key]) if key in root else None
    if root is None:
        where = "the file's root" if key is None else f"what is at {key[:128]!a}"
        raise RebuildError(f"{where} is no dict with names for keys")
    found: dict[str, int] = {}
    for name, node in root.items():
        if columns.kinds[node] in k.TENSORS or columns.kinds[node] == k.NDARRAY:
            found[name] = node
        elif not name.endswith(_EXTRA):
            raise RebuildError(_other(name, [n for n in root if _holds_tensors(columns, root[n])]))
    return found


def dict_entries(columns: Columns, node: int) -> dict[str, int] | None:
    """Keys and nodes of a dict; None if the node is none or has other keys than str."""
    start = columns.starts[node]
    operands = columns.operands[start : start + columns.counts[node]]
    kind = columns.kinds[node]
    if kind == k.STATE_DICT:
        # The first is its metadata.
        operands = operands[1:]
    elif kind not in _DICTS:
        return None
    if len(operands) % 2:
        return None
    half = len(operands) // 2
    if kind == k.DICT_STR:
        names, nodes = operands[:half], operands[half:]
    elif any(columns.kinds[key] != k.STR for key in operands[0::2]):
        return None
    else:
        names, nodes = [columns.operands[columns.starts[s]] for s in operands[0::2]], operands[1::2]
    return dict(zip((columns.strings[name] for name in names), nodes, strict=True))


def _holds_tensors(columns: Columns, node: int) -> bool:
    entries = dict_entries(columns, node)
    return bool(entries) and all(
        columns.kinds[each] in k.TENSORS or columns.kinds[each] == k.NDARRAY
        for each in (entries or {}).values()
    )


def _other(name: str, keys: list[str]) -> str:
    advice = ", ".join(ascii(each[:128]) for each in keys[:8])
    return f"the entry {name[:128]!a} is no tensor" + (
        f"; these hold a dict of tensors, for key=: {advice}" if keys else ""
    )


def state_dict(root: Any, options: TensorOptions, key: str | None) -> Any:
    """A rebuilt dict of tensors, its arrays made tensors; of a module its state dict.

    Raises:
        RebuildError: It is none.
    """
    if key is not None:
        if not isinstance(root, dict) or key not in root:
            raise RebuildError(f"the file's root has no {key[:128]!a}")
        root = root[key]
    if not isinstance(root, dict):
        torch = library()
        if torch is None or not isinstance(root, torch.nn.Module):
            raise RebuildError("this is no dict of tensors and no module")
        return root.state_dict()
    for name, value in root.items():
        if type(name) is not str:
            raise RebuildError("the dict has keys that are no names")
        if _is_tensor(value):
            root[name] = as_tensor(value, options)
        elif not name.endswith(_EXTRA):
            dicts = [n for n, v in root.items() if type(n) is str and _is_dict_of_tensors(v)]
            raise RebuildError(_other(name, dicts))
    return root


def _is_tensor(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return True
    torch = library()
    return torch is not None and isinstance(value, torch.Tensor)


def _is_dict_of_tensors(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_is_tensor, value.values()))


def as_tensor(value: Any, options: TensorOptions) -> Any:
    """An array as a tensor over the same memory, if tensors are wanted; others as they are.

    Raises:
        RebuildError: torch has no such dtype, or is wanted and not installed.
    """
    torch = None if options.kind == "numpy" else library()
    if not isinstance(value, np.ndarray) or (torch is None and options.kind != "torch"):
        return value
    if torch is None:
        raise RebuildError("tensors need torch: pip install torch")
    try:
        made = torch.from_numpy(value)
    except TypeError as error:
        raise RebuildError(f"torch {torch.__version__} has no dtype for {value.dtype}") from error
    return made if options.device is None else made.to(options.device)
