"""Tensors as numpy's arrays: plain ones, of element types that numpy has."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np

from loadlock._errors import RebuildError
from loadlock._rebuild.tensors.dtypes import Element
from loadlock._rebuild.tensors.layout import Layout
from loadlock._rebuild.tensors.storage import Block


class NumpyTensors:
    """Makes arrays; those of one storage share its memory.

    Args:
        hint: What to do where an array cannot be had, for messages.
    """

    def __init__(self, hint: str) -> None:
        self._hint = hint

    def base(self, block: Block) -> Any:
        """All bytes of a storage, writable."""
        if block.memory is None:
            self._fail("a tensor on the meta device")
        return np.ndarray((block.size,), "u1", block.memory, block.offset)

    def strided(
        self, base: Any, block: Block, element: Element, layout: Layout, *, conj: bool, neg: bool
    ) -> Any:
        """A view, but for the conjugate and the negative bit, whose work is done here."""
        del block
        if not element.typestr:
            self._fail(f"a tensor of {element.name}")
        view = strided(base, np.dtype(element.typestr), layout)
        view = view.conj() if conj else view
        return np.negative(view) if neg else view

    def finish(self, tensor: Any, *, requires_grad: bool) -> Any:
        """Gradients are torch's."""
        del requires_grad
        return tensor

    def parameter(self, tensor: Any, *, requires_grad: bool) -> Any:
        """A parameter is its values."""
        del requires_grad
        return tensor

    def with_state(self, tensor: Any, state: dict[str, Any]) -> Any:
        """Arrays have no attributes of their own."""
        if state:
            self._fail("a tensor with attributes")
        return tensor

    def size(self, sizes: tuple[int, ...]) -> Any:
        """A tuple, as numpy has shapes."""
        return sizes

    def sparse(self, *_: Any, **__: Any) -> NoReturn:
        """There are none."""
        self._fail("a sparse tensor")

    def quantized(self, *_: Any, **__: Any) -> NoReturn:
        """There are none."""
        self._fail("a quantized tensor")

    def channel_quantized(self, *_: Any, **__: Any) -> NoReturn:
        """There are none."""
        self._fail("a quantized tensor")

    def storage(self, *_: Any) -> NoReturn:
        """There are none."""
        self._fail("a storage")

    def device(self, *_: Any) -> NoReturn:
        """There are none."""
        self._fail("a device")

    def _fail(self, what: str) -> NoReturn:
        raise RebuildError(f"the model holds {what}, which numpy has not; {self._hint}")


def strided(base: Any, dtype: np.dtype[Any], layout: Layout) -> Any:
    """A view of bytes; numpy refuses one that leaves them."""
    if layout.count == 0:
        return np.empty(layout.sizes, dtype)
    size = dtype.itemsize
    strides = tuple(stride * size for stride in layout.strides)
    return np.ndarray(layout.sizes, dtype, base, layout.offset * size, strides)
