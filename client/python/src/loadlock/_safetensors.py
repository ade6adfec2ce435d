"""Writes the tensors of a vetted graph as safetensors, from their bytes: no torch is needed.

https://huggingface.co/docs/safetensors/index#format
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from loadlock._errors import Error, RebuildError
from loadlock._rebuild import Builder
from loadlock._rebuild import kinds as k
from loadlock._rebuild.tensors.dtypes import ELEMENTS, Element, element
from loadlock._rebuild.tensors.layout import MAX_RANK, Layout
from loadlock._rebuild.tensors.storage import Block, Blocks
from loadlock._rebuild.tensors.with_numpy import strided
from loadlock._tensors import dict_entries

if TYPE_CHECKING:
    from loadlock._rebuild import Buffers, Columns

    Array: TypeAlias = np.ndarray[Any, Any]

_TYPES = {e.typestr: e.safetensors for e in ELEMENTS.values() if e.typestr and e.safetensors}
_CONJ, _NEG = 2, 4
# Bytes that are gathered at once of a tensor that is not contiguous.
_CHUNK = 4 << 20
# Where torch's trainers put the weights in their checkpoints, as safetensors' own converter has it.
_CHECKPOINT = "state_dict"
# The packed pairs count twice there.
_PAIRS = "F4"


class NotExpressible(Error):  # noqa: N818  (as Refused)
    """The model holds something that the other format has no place for; the message names it."""

    def __init__(self, message: str) -> None:
        super().__init__(message, reason="NOT_EXPRESSIBLE")


@dataclass(frozen=True, slots=True)
class _Tensor:
    """One tensor as bytes to write.

    Attributes:
        type: The format's name of its elements.
        shape: As the format has it.
        array: Its elements, as unsigned integers where numpy has no such type.
        memory: Identity of its storage and the bytes of it that it reaches over; None if nothing
            else can share it.
        same: What is equal for tensors of the same elements in the same memory.
    """

    type: str
    shape: list[int]
    array: Array
    memory: tuple[int, int, int] | None = None
    same: tuple[Any, ...] = ()
    conj: bool = False
    neg: bool = False

    @property
    def item_size(self) -> int:
        return int(self.array.dtype.itemsize)

    @property
    def nbytes(self) -> int:
        return int(self.array.size) * self.item_size

    def chunks(self) -> Iterator[bytes]:
        """Its elements' bytes in row-major order, a bounded piece at a time."""
        for piece in _pieces(self.array):
            made = piece.conj() if self.conj else piece
            yield (np.negative(made) if self.neg else made).tobytes()


def safetensors_chunks(
    columns: Columns,
    buffers: Buffers,
    trusts: Mapping[tuple[str, str], int],
    key: str | None,
) -> Iterator[bytes]:
    """The file, piece by piece; nothing is yielded before all is known to fit.

    Of names that stand for the same elements of one storage the first is kept, and the metadata
    says which name stands for the others, as safetensors' own converter does.

    Raises:
        NotExpressible: It is no dict of plain tensors, or tensors share a part of their memory.
    """
    tensors = _Reader(columns, buffers, trusts).read(key)
    metadata = _drop_shared(tensors)
    header: dict[str, Any] = {"__metadata__": metadata} if metadata else {}
    # The largest elements first, so that all are aligned.
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].item_size, item[0]))
    offset = 0
    for name, tensor in ordered:
        end = offset + tensor.nbytes
        header[name] = {"dtype": tensor.type, "shape": tensor.shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    yield struct.pack("<Q", len(text)) + text
    for _, tensor in ordered:
        yield from tensor.chunks()


class _Reader:
    """Finds the tensors of a graph."""

    def __init__(
        self, columns: Columns, buffers: Buffers, trusts: Mapping[tuple[str, str], int]
    ) -> None:
        self._columns = columns
        self._builder = Builder(columns, buffers, trusts)
        self._blocks = Blocks(columns, buffers.locate(columns))

    def read(self, key: str | None) -> dict[str, _Tensor]:
        """Those of the dict at the root, or at the key in it."""
        columns = self._columns
        entries = dict_entries(columns, columns.root)
        if key is None and entries is not None and _CHECKPOINT in entries:
            inner = dict_entries(columns, entries[_CHECKPOINT])
            entries = entries if inner is None else inner
        elif key is not None:
            found = None if entries is None else entries.get(key)
            entries = None if found is None else dict_entries(columns, found)
        if entries is None:
            raise NotExpressible(
                "safetensors holds a dict of arrays with str for keys, and "
                f"{'this' if key is None else repr(key)[:80]} is {self._kind(columns.root)}"
            )
        return {name: self._tensor(name, node) for name, node in entries.items()}

    def _tensor(self, name: str, node: int) -> _Tensor:
        if name == "__metadata__":
            raise NotExpressible("safetensors has a meaning of its own for '__metadata__'")
        columns = self._columns
        kind = columns.kinds[node]
        if kind in (k.PARAMETER, k.TENSOR_WITH_STATE):
            node = columns.operands[columns.starts[node]]
            kind = columns.kinds[node]
        if kind == k.TENSOR:
            return self._strided(name, node)
        if kind == k.NDARRAY:
            array = self._builder.value(node)
            typestr = array.dtype.newbyteorder("<").str
            if typestr not in _TYPES:
                raise _no_type(name, array.dtype)
            little = array if array.dtype.str == typestr else array.astype(typestr)
            return _Tensor(_TYPES[typestr], list(array.shape), little)
        raise NotExpressible(f"safetensors holds arrays, and {name!r:.80} is {self._kind(node)}")

    def _strided(self, name: str, node: int) -> _Tensor:
        columns = self._columns
        start = columns.starts[node]
        storage, dtype, flags, rank, first = columns.operands[start : start + 5]
        kind, block = element(columns.strings[dtype]), self._blocks.of(storage)
        if rank > MAX_RANK:
            raise RebuildError("malformed graph: rank of a tensor")
        layout = Layout.of(columns.ints[first : first + 1 + 2 * rank])
        layout.check(kind, block.size)
        if block.memory is None:
            raise NotExpressible(f"{name!r:.80} is on the meta device, which has no bytes")
        if not kind.safetensors or (kind.safetensors == _PAIRS and not layout.sizes):
            raise _no_type(name, kind.name)
        if flags & _NEG and not kind.typestr:
            raise NotExpressible(f"{name!r:.80} is a lazy negative of {kind.name}")
        shape = list(layout.sizes)
        if kind.safetensors == _PAIRS:
            shape[-1] *= 2
        reach = (layout.offset * kind.size, layout.end() * kind.size)
        return _Tensor(
            kind.safetensors,
            shape,
            _array(block, kind, layout),
            None if layout.count == 0 else (storage, *reach),
            (kind.name, layout, flags & (_CONJ | _NEG)),
            bool(flags & _CONJ),
            bool(flags & _NEG),
        )

    def _kind(self, node: int) -> str:
        if self._columns.kinds[node] in k.TENSORS:
            return "no plain tensor"
        try:
            value = self._builder.value(node)
        except RebuildError:
            return "something else, of a library that is not installed"
        return f"a {type(value).__module__}.{type(value).__qualname__}"


def _array(block: Block, kind: Element, layout: Layout) -> Array:
    octets: Array = np.ndarray((block.size,), "u1", block.memory, block.offset)
    made: Array = strided(octets, np.dtype(kind.typestr or f"<u{kind.size}"), layout)
    return made


def _pieces(array: Array) -> Iterator[Array]:
    if array.size * array.dtype.itemsize <= _CHUNK or array.ndim == 0:
        yield array
    elif array.ndim == 1:
        step = _CHUNK // array.dtype.itemsize
        for begin in range(0, len(array), step):
            yield array[begin : begin + step]
    else:
        for part in array:
            yield from _pieces(part)


def _drop_shared(tensors: dict[str, _Tensor]) -> dict[str, str]:
    """Takes all but one of equal names out; the metadata to write."""
    if not any(tensor.same for tensor in tensors.values()):
        return {}
    metadata = {"format": "pt"}
    kept: dict[tuple[Any, ...], str] = {}
    for name in sorted(tensors):
        memory = tensors[name].memory
        if memory is None:
            continue
        first = kept.setdefault((memory[0], *tensors[name].same), name)
        if first != name:
            if name in metadata:
                raise NotExpressible(f"metadata has a meaning of its own for {name!r}")
            metadata[name] = first
            del tensors[name]
    _refuse_overlap(tensors)
    return metadata


def _refuse_overlap(tensors: dict[str, _Tensor]) -> None:
    spans = sorted((t.memory, name) for name, t in tensors.items() if t.memory is not None)
    last_storage, last_end, last_name = -1, 0, ""
    for (storage, begin, end), name in spans:
        if storage == last_storage and begin < last_end:
            one, other = sorted((last_name, name))
            raise NotExpressible(
                f"{one!r:.80} and {other!r:.80} share a part of their memory, "
                "which safetensors cannot say; clone one of them"
            )
        if storage != last_storage or end > last_end:
            last_storage, last_end, last_name = storage, end, name


def _no_type(name: str, dtype: object) -> NotExpressible:
    return NotExpressible(f"safetensors has no type for {name!r:.80}, of dtype {dtype}")
