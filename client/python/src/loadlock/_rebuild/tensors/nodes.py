"""Handlers of the nodes that stand for torch's values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from loadlock._errors import RebuildError
from loadlock._rebuild import kinds as k
from loadlock._rebuild import leaves
from loadlock._rebuild.tensors import dtypes
from loadlock._rebuild.tensors.layout import MAX_RANK, Layout
from loadlock._rebuild.tensors.storage import Blocks
from loadlock._rebuild.tensors.with_numpy import NumpyTensors
from loadlock._rebuild.tensors.with_torch import TorchTensors, library
from loadlock._rebuild.walker import FILLED, Walker

if TYPE_CHECKING:
    from loadlock._rebuild.buffers import Located
    from loadlock._rebuild.tensors.options import TensorOptions

    Maker: TypeAlias = TorchTensors | NumpyTensors

# Flags of a TENSOR and of a SPARSE_TENSOR.
_REQUIRES_GRAD, _CONJ, _NEG, _COALESCED = 1, 2, 4, 8
_STATES = (k.DICT, k.DICT_STR, k.DICT_STR_INT, k.DICT_STR_FLOAT, k.ORDERED_DICT)


class TensorNodes:
    """Handlers of storages, tensors of every kind, parameters, sizes and devices."""

    def __init__(self, walker: Walker, located: Located, options: TensorOptions) -> None:
        self._walker = walker
        self._blocks = Blocks(walker.columns, located)
        self._options = options
        self._made_by: Maker | None = None
        self._bases: dict[int, Any] = {}
        for kind, enter in (
            (k.STORAGE, self._enter_storage),
            (k.TENSOR, self._enter_tensor),
            (k.QUANTIZED_TENSOR, self._enter_quantized),
            (k.TORCH_SIZE, self._enter_size),
            (k.TORCH_DEVICE, self._enter_device),
        ):
            walker.handle(kind, enter)
        for kind, enter, leave in (
            (k.SPARSE_TENSOR, self._enter_sparse, self._leave_sparse),
            (k.CHANNEL_QUANTIZED_TENSOR, self._enter_channels, self._leave_channels),
            (k.PARAMETER, self._enter_parameter, self._leave_parameter),
            (k.TENSOR_WITH_STATE, self._enter_with_state, self._leave_with_state),
        ):
            walker.handle(kind, enter, leave)

    @property
    def _make(self) -> Maker:
        """What makes tensors; torch is imported here, at the first need."""
        if self._made_by is None:
            kind = self._options.kind
            torch = None if kind == "numpy" else library()
            if torch is not None:
                self._made_by = TorchTensors(torch, self._options.device)
            elif kind == "torch" or self._options.device is not None:
                raise RebuildError("the model's tensors need torch: pip install torch")
            else:
                self._made_by = NumpyTensors(
                    'leave out tensors="numpy"' if kind == "numpy" else "pip install torch"
                )
        return self._made_by

    def _base(self, storage: int) -> Any:
        block = self._blocks.of(storage)
        if storage not in self._bases:
            self._bases[storage] = self._make.base(block)
        return self._bases[storage]

    def _layout(self, storage: int, name: int, rank: int, first: int) -> tuple[Any, Layout]:
        """Element type and layout, proven to lie in the storage."""
        columns = self._walker.columns
        block, element = self._blocks.of(storage), dtypes.element(columns.strings[name])
        if rank > MAX_RANK:
            raise RebuildError("malformed graph: rank of a tensor")
        layout = Layout.of(leaves.run_of(columns.ints, first, 1 + 2 * rank))
        layout.check(element, block.size)
        return element, layout

    def _enter_storage(self, node: int) -> None:
        value = self._make.storage(self._base(node), self._blocks.of(node))
        self._walker.done(node, value)

    def _enter_tensor(self, node: int) -> None:
        storage, name, flags, rank, first = self._walker.operands(node)
        element, layout = self._layout(storage, name, rank, first)
        if flags & ~(_REQUIRES_GRAD | _CONJ | _NEG):
            raise RebuildError("malformed graph: flags of a tensor")
        made = self._make.strided(
            self._base(storage),
            self._blocks.of(storage),
            element,
            layout,
            conj=bool(flags & _CONJ),
            neg=bool(flags & _NEG),
        )
        grad = bool(flags & _REQUIRES_GRAD)
        self._walker.done(node, self._make.finish(made, requires_grad=grad))

    def _enter_sparse(self, node: int) -> None:
        parts = self._walker.operands(node)[4:]
        self._only(parts, (k.TENSOR,))
        self._walker.after(node, parts)

    def _leave_sparse(self, node: int) -> None:
        columns = self._walker.columns
        layout, flags, rank, first, *parts = self._walker.operands(node)
        if rank > MAX_RANK or flags & ~(_REQUIRES_GRAD | _COALESCED):
            raise RebuildError("malformed graph: a sparse tensor")
        name = columns.strings[layout]
        if len(parts) != (2 if name == "sparse_coo" else 3):
            raise RebuildError("malformed graph: parts of a sparse tensor")
        made = self._make.sparse(
            name,
            self._sizes(first, rank),
            self._walker.taken(parts, FILLED),
            coalesced=bool(flags & _COALESCED),
        )
        grad = bool(flags & _REQUIRES_GRAD)
        self._walker.done(node, self._make.finish(made, requires_grad=grad))

    def _sizes(self, first: int, rank: int) -> tuple[int, ...]:
        sizes = tuple(leaves.run_of(self._walker.columns.ints, first, rank))
        if sizes and min(sizes) < 0:
            raise RebuildError("malformed graph: a negative size")
        return sizes

    def _enter_quantized(self, node: int) -> None:
        columns = self._walker.columns
        storage, name, rank, first, scale, zero = self._walker.operands(node)
        element, layout = self._layout(storage, name, rank, first)
        made = self._make.quantized(
            self._base(storage),
            self._blocks.of(storage),
            element,
            layout,
            columns.floats[scale],
            columns.ints[zero],
        )
        self._walker.done(node, made)

    def _enter_channels(self, node: int) -> None:
        parts = self._walker.operands(node)[4:6]
        self._only(parts, (k.TENSOR,))
        self._walker.after(node, parts)

    def _leave_channels(self, node: int) -> None:
        storage, name, rank, first, *parts, axis = self._walker.operands(node)
        element, layout = self._layout(storage, name, rank, first)
        scales, zeros = self._walker.taken(parts, FILLED)
        made = self._make.channel_quantized(
            self._base(storage),
            self._blocks.of(storage),
            element,
            layout,
            (scales, zeros, self._walker.columns.ints[axis]),
        )
        self._walker.done(node, made)

    def _enter_parameter(self, node: int) -> None:
        tensor, _, state = self._walker.operands(node)
        self._only([tensor], k.TENSORS - {k.PARAMETER, k.TENSOR_WITH_STATE})
        self._walker.after(node, [tensor, *self._state(state)])

    def _leave_parameter(self, node: int) -> None:
        tensor, requires_grad, state = self._walker.operands(node)
        if requires_grad not in (0, 1):
            raise RebuildError("malformed graph: a parameter")
        data, *rest = self._walker.taken([tensor, *self._state(state)], FILLED)
        made = self._make.parameter(data, requires_grad=bool(requires_grad))
        self._walker.done(node, self._make.with_state(made, rest[0]) if rest else made)

    def _enter_with_state(self, node: int) -> None:
        tensor, state = self._walker.operands(node)
        self._only([tensor], k.TENSORS - {k.PARAMETER, k.TENSOR_WITH_STATE})
        self._walker.after(node, [tensor, *self._state(state)])

    def _leave_with_state(self, node: int) -> None:
        tensor, state = self._walker.taken(self._walker.operands(node), FILLED)
        self._walker.done(node, self._make.with_state(tensor, state))

    def _state(self, node: int) -> list[int]:
        if node == k.ABSENT:
            return []
        self._only([node], _STATES)
        return [node]

    def _only(self, nodes: list[int], kinds: frozenset[int] | tuple[int, ...]) -> None:
        if any(self._walker.columns.kinds[node] not in kinds for node in nodes):
            raise RebuildError("malformed graph: a part of a tensor of the wrong kind")

    def _enter_size(self, node: int) -> None:
        first, rank = self._walker.operands(node)
        if rank > MAX_RANK:
            raise RebuildError("malformed graph: a size")
        self._walker.done(node, self._make.size(self._sizes(first, rank)))

    def _enter_device(self, node: int) -> None:
        kind, index = self._walker.operands(node)
        number = None if index == k.ABSENT else index
        name = self._walker.columns.strings[kind]
        self._walker.done(node, self._make.device(name, number))
