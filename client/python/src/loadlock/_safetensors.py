"""Writes the tensors of a vetted graph as safetensors, from their bytes: no torch is needed.

https://huggingface.co/docs/safetensors/index#format

Whatever the size of a file, a few MiB of it are in memory at a time, but for tensors whose values
are not the bytes of the file: parts of an array of objects, say.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from loadlock._errors import Error, RebuildError
from loadlock._rebuild import Builder, OnlyRead
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
# Which library's tensors they are, in the metadata.
_FORMAT = "format"
# Bytes that are read before what they took is let go of.
_RELEASED = 8 << 20
_PAGE = 4096
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

    def chunks(self) -> Iterator[tuple[bytes, int]]:
        """Its elements' bytes in row-major order, a bounded piece at a time, and what each read."""
        for piece in _pieces(self.array):
            made = piece.conj() if self.conj else piece
            made = np.negative(made) if self.neg else made
            little = made.dtype.newbyteorder("<")
            yield made.astype(little, copy=False).tobytes(), _reach(piece)


@dataclass(frozen=True, slots=True)
class SafetensorsFile:
    """One file to write.

    Attributes:
        tensors: By name.
        metadata: Of the file; left out if empty.
    """

    tensors: dict[str, _Tensor]
    metadata: dict[str, str]
    release: Callable[[], None]

    @property
    def nbytes(self) -> int:
        """Bytes of the tensors, without the header."""
        return sum(tensor.nbytes for tensor in self.tensors.values())

    def chunks(self) -> Iterator[bytes]:
        """The file, a bounded piece at a time."""
        header: dict[str, Any] = {"__metadata__": self.metadata} if self.metadata else {}
        # The largest elements first, so that all are aligned.
        ordered = sorted(self.tensors.items(), key=lambda item: (-item[1].item_size, item[0]))
        offset = 0
        for name, tensor in ordered:
            end = offset + tensor.nbytes
            span = [offset, end]
            header[name] = {"dtype": tensor.type, "shape": tensor.shape, "data_offsets": span}
            offset = end
        text = json.dumps(header, ensure_ascii=False).encode()
        text += b" " * (-len(text) % 8)
        yield struct.pack("<Q", len(text)) + text
        since = 0
        for _, tensor in ordered:
            for chunk, reach in tensor.chunks():
                yield chunk
                since += reach
                if since >= _RELEASED:
                    self.release()
                    since = 0


def safetensors_files(
    columns: Columns,
    buffers: Buffers,
    trusts: Mapping[tuple[str, str], int],
    key: str | None,
    most: int | None = None,
) -> list[SafetensorsFile]:
    """The files to write, at least one; all is known to fit.

    Of names that stand for the same elements of one storage the first is kept, and the metadata
    says which name stands for the others, as safetensors' own converter does.

    Args:
        columns: The graph.
        buffers: Its bytes.
        trusts: Of its names.
        key: Where in it the dict is, if not at its root or at "state_dict".
        most: Bytes of tensors that a file may have, unless one tensor has more; None: any.

    Raises:
        NotExpressible: It is no dict of plain tensors, or tensors share a part of their memory.
    """
    reader = _Reader(columns, OnlyRead(buffers), trusts)
    tensors = reader.read(key)
    order = list(tensors)
    metadata = _drop_shared(tensors)
    groups: list[dict[str, _Tensor]] = [{}]
    size = 0
    for name in order:
        if name not in tensors:
            continue
        if most is not None and groups[-1] and size + tensors[name].nbytes > most:
            groups.append({})
            size = 0
        groups[-1][name] = tensors[name]
        size += tensors[name].nbytes
    return [
        SafetensorsFile(group, _metadata_of(group, metadata), buffers.release) for group in groups
    ]


def _metadata_of(group: dict[str, _Tensor], metadata: dict[str, str]) -> dict[str, str]:
    """What is said of the tensors in one file; a name stands where that is that it stands for."""
    return {name: said for name, said in metadata.items() if name == _FORMAT or said in group}


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
            return _Tensor(_TYPES[typestr], list(array.shape), array)
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
    """Parts in row-major order, of which none is large or takes much memory to read."""
    small = array.nbytes <= _CHUNK and _reach(array) <= _RELEASED
    if small or array.ndim == 0 or array.size == 0:
        yield array
        return
    row = array[0]
    further = max(1, min(abs(array.strides[0]), _reach(row) + _PAGE))
    step = min(_CHUNK // max(1, row.nbytes), _RELEASED // further)
    if step == 0:
        for part in array:
            yield from _pieces(part)
    else:
        for begin in range(0, len(array), step):
            yield array[begin : begin + step]


def _reach(array: Array) -> int:
    """About how many bytes come into memory when it is read: whole pages where it is sparse."""
    reach = int(array.itemsize)
    for size, stride in zip(reversed(array.shape), reversed(array.strides), strict=True):
        if size > 1:
            reach += (size - 1) * min(abs(stride), reach + _PAGE)
    return reach


def _drop_shared(tensors: dict[str, _Tensor]) -> dict[str, str]:
    """Takes all but one of equal names out; the metadata to write."""
    if not any(tensor.same for tensor in tensors.values()):
        return {}
    metadata = {_FORMAT: "pt"}
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
