"""Tensors as torch's own, by constructors that check: as_strided over frombuffer, never set_."""

from __future__ import annotations

import importlib
import math
from typing import Any

from loadlock._errors import RebuildError
from loadlock._rebuild.tensors.dtypes import Element
from loadlock._rebuild.tensors.layout import Layout
from loadlock._rebuild.tensors.storage import Block

LAYOUTS = ("sparse_coo", "sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc")
_DEVICES = ("cpu", "cuda", "mps", "meta", "xpu")
_MAX_DEVICE = 127
# What torch.nn.Buffer sets on a plain tensor.
_IS_BUFFER = "_is_buffer"


def library() -> Any:
    """The module torch, or None if it is not installed."""
    try:
        return importlib.import_module("torch")
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        return None


class TorchTensors:
    """Makes tensors; those of one storage share its memory.

    Args:
        torch: The module.
        device: Where storages are moved to; None leaves them where they are.
    """

    def __init__(self, torch: Any, device: Any) -> None:
        self._torch = torch
        self._device = device
        # Storages as other element types, and as quantized ones; by what they are made of.
        self._views: dict[tuple[Any, ...], Any] = {}
        release = torch.__version__.partition("+")[0].split(".")[:2]
        self._old = tuple(map(int, release)) < (2, 0)

    def dtype(self, name: str) -> Any:
        """The object that torch has for an element type."""
        found = vars(self._torch).get(name)
        if not isinstance(found, self._torch.dtype):
            raise RebuildError(f"torch {self._torch.__version__} has no {name}; a newer one may")
        return found

    def base(self, block: Block) -> Any:
        """A storage as a vector of its (plain) elements."""
        dtype = self.dtype(block.element.plain)
        count = block.size // block.element.size
        if block.memory is None:
            return self._torch.empty(count, dtype=dtype, device="meta")
        if count == 0:
            made = self._torch.empty(0, dtype=dtype)
        else:
            made = self._torch.frombuffer(
                block.memory, dtype=dtype, count=count, offset=block.offset
            )
        return made if self._device is None else made.to(self._device)

    def strided(
        self, base: Any, block: Block, element: Element, layout: Layout, *, conj: bool, neg: bool
    ) -> Any:
        """A view of the storage that torch does not take for one: it has a version of its own."""
        if element.quantized:
            raise RebuildError(f"malformed graph: a plain tensor of {element.name}")
        if (conj and not element.is_complex) or (neg and element.name == "bool"):
            raise RebuildError("malformed graph: flags of a tensor")
        vector = self._as(base, block, element)
        view = vector.as_strided(layout.sizes, layout.strides, layout.offset)
        view = view.conj() if conj else view
        return (self._torch._neg_view(view) if neg else view).data

    def finish(self, tensor: Any, *, requires_grad: bool) -> Any:
        """The tensor; torch refuses gradients of integers."""
        return tensor.requires_grad_(True) if requires_grad else tensor

    def parameter(self, tensor: Any, *, requires_grad: bool) -> Any:
        """A Parameter that shares the tensor's memory."""
        return self._torch.nn.Parameter(tensor, requires_grad=requires_grad)

    def with_state(self, tensor: Any, state: dict[str, Any]) -> Any:
        """The same memory as a tensor of its own, or the Parameter itself, with attributes."""
        parameter = self._torch.nn.Parameter
        if type(tensor) is not parameter:
            tensor = self.finish(tensor.data, requires_grad=tensor.requires_grad)
        for key, value in state.items():
            if key == _IS_BUFFER and type(value) is bool:
                continue
            if type(key) is not str or key.startswith("_"):
                raise RebuildError(f"attribute {str(key)[:128]!a} of a tensor is reserved")
            if any(key in vars(base) for base in parameter.__mro__):
                raise RebuildError(f"attribute {key[:128]!a} would hide what a tensor defines")
        vars(tensor).update(state)
        return tensor

    def size(self, sizes: tuple[int, ...]) -> Any:
        """torch.Size."""
        return self._torch.Size(sizes)

    def device(self, kind: str, index: int | None) -> Any:
        """torch.device, which touches no device."""
        if kind not in _DEVICES or (index is not None and index > _MAX_DEVICE):
            raise RebuildError("malformed graph: a device")
        return self._torch.device(kind) if index is None else self._torch.device(kind, index)

    def storage(self, base: Any, block: Block) -> Any:
        """The storage itself: untyped if its elements are bytes."""
        if block.element.quantized:
            raise RebuildError("a storage of quantized elements stands for nothing")
        if block.element.name == "uint8":
            return base.storage().untyped() if self._old else base.untyped_storage()
        return base.storage() if self._old else base._typed_storage()

    def sparse(
        self, layout: str, sizes: tuple[int, ...], parts: list[Any], *, coalesced: bool
    ) -> Any:
        """A sparse tensor over its indices and values; torch checks the indices."""
        if layout not in LAYOUTS:
            raise RebuildError(f"unknown layout {layout[:64]!a}")
        # The public constructors of old releases always check.
        checks = {} if self._old else {"check_invariants": True}
        torch = self._torch
        if layout != "sparse_coo":
            compressed, plain, values = parts
            return torch.sparse_compressed_tensor(
                compressed, plain, values, sizes, layout=vars(torch)[layout], **checks
            )
        indices, values = parts
        made = torch.sparse_coo_tensor(indices, values, sizes, **checks)
        if coalesced:
            if not self._rise(indices):
                raise RebuildError("a tensor says that it is coalesced and is not")
            made._coalesced_(True)
        return made

    def _rise(self, indices: Any) -> bool:
        """Whether every column of indices is greater than the one before it."""
        if indices.is_meta:
            return False
        torch = self._torch
        before, after = indices[:, :-1], indices[:, 1:]
        equal = torch.ones(before.shape[1:], dtype=torch.bool, device=indices.device)
        greater = ~equal
        for row in range(indices.shape[0]):
            greater |= equal & (after[row] > before[row])
            equal &= after[row] == before[row]
        return bool(greater.all())

    def quantized(
        self, base: Any, block: Block, element: Element, layout: Layout, scale: float, zero: int
    ) -> Any:
        """Per tensor: the whole storage with its scale, of which the tensor is a view."""
        self._check_scale(element, [scale], [zero])
        key = (id(base), element.name, scale, zero)
        if key not in self._views:
            vector = self._as(base, block, element)
            made = self._torch._make_per_tensor_quantized_tensor(vector, scale, zero)
            self._views[key] = made
        return self._views[key].as_strided(layout.sizes, layout.strides, layout.offset)

    def channel_quantized(
        self,
        base: Any,
        block: Block,
        element: Element,
        layout: Layout,
        channels: tuple[Any, Any, int],
    ) -> Any:
        """Per channel; torch keeps the memory format but no other strides of such tensors."""
        scales, zeros, axis = channels
        torch = self._torch
        if not 0 <= axis < len(layout.sizes):
            raise RebuildError("a quantized tensor: its axis")
        for part, dtype in ((scales, torch.float64), (zeros, torch.int64)):
            if part.dtype != dtype or tuple(part.shape) != (layout.sizes[axis],):
                raise RebuildError("a quantized tensor: its scales or zero points")
        self._check_scale(element, scales.tolist(), zeros.tolist())
        vector = self._as(base, block, element)
        view = vector.as_strided(layout.sizes, layout.strides, layout.offset)
        return torch._make_per_channel_quantized_tensor(view, scales, zeros, axis)

    def _check_scale(self, element: Element, scales: list[float], zeros: list[int]) -> None:
        if not element.quantized:
            raise RebuildError(f"malformed graph: a quantized tensor of {element.name}")
        span = self._torch.iinfo(self.dtype(element.plain))
        if not all(math.isfinite(scale) and scale > 0 for scale in scales):
            raise RebuildError("a quantized tensor: its scale is not a positive number")
        if not all(span.min <= zero <= span.max for zero in zeros):
            raise RebuildError("a quantized tensor: its zero point is out of range")

    def _as(self, base: Any, block: Block, element: Element) -> Any:
        """The storage's bytes as elements of another type; what is less than one is left out."""
        if element.plain == block.element.plain:
            return base
        key = (id(base), element.plain)
        if key not in self._views:
            octets = base.view(self._torch.uint8)
            whole = block.size - block.size % element.size
            self._views[key] = octets[:whole].view(self.dtype(element.plain))
        return self._views[key]
