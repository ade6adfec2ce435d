"""Attacks by state: attributes of tensors, modules that call what they hold, sparse and quantized tensors."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from . import opcodes as op
from .case import Case, case
from .torch_tensors import RELU, TENSOR, in_zip
from .torch_write import HOOKS, V2, ordered, parameter, storage, torch_zip, v2

KEYS = (
    "data",
    "grad",
    "requires_grad",
    "__class__",
    "_backward_hooks",
    "shape",
    "add_",
    "numpy",
    "_x",
    "grad_fn",
    "__array_interface__",
    "__torch_function__",
    "is_leaf",
    "detach",
    "__dict__",
    "storage",
    "set_",
    "backward",
)


def attributes(_canary: str) -> Iterator[Case]:
    """State that is set on tensors by setattr, and the trampolines that carry it."""
    tensor = v2(storage())
    with_state = op.global_("torch._utils", "_rebuild_parameter_with_state")
    from_type = op.global_("torch._tensor", "_rebuild_from_type_v2")
    arguments = (storage(), 0, (24,), (1,), False, HOOKS)
    for key in KEYS:
        state = {key: 1}
        yield case(f"torch-attribute-{key}", in_zip(op.call(with_state, tensor, True, HOOKS, state)))
        carried = op.call(from_type, op.Raw(V2), TENSOR, arguments, state)
        yield case(f"torch-from-type-{key}", in_zip(carried))
    for name, value in {
        "list": [1],
        "int": 1,
        "str": "x",
        "key": {1: 1},
        "function": {"f": RELU},
        "tuple": ({}, {}),
    }.items():
        yield case(f"torch-state-{name}", in_zip(op.call(with_state, tensor, True, HOOKS, value)))
    for name, function in {
        "system": op.global_("posix", "system"),
        "load": op.global_("torch", "load"),
        "size": op.global_("torch", "Size"),
        "itself": from_type,
        "none": op.NONE,
        "tensor": op.global_("torch", "Tensor"),
    }.items():
        for cls in (
            TENSOR,
            op.Raw(op.global_("posix", "system")),
            op.Raw(op.global_("torch.nn.modules.linear", "Linear")),
        ):
            carried = op.call(from_type, op.Raw(function), cls, arguments, {})
            if (name, cls) != ("size", TENSOR):
                yield case(f"torch-from-type-{name}-{len(cls)}", in_zip(carried))
    old = op.call(op.global_("torch._tensor", "_rebuild_from_type"), op.Raw(V2), TENSOR, arguments, {})
    yield case("torch-from-type-1", in_zip(old))
    for name, thing in {
        "none": op.NONE,
        "int": op.value(1),
        "list": op.value([]),
        "storage": storage(),
    }.items():
        yield case(f"torch-parameter-of-{name}", in_zip(parameter(thing)))
    twice = parameter(parameter(tensor))
    yield case("torch-parameter-of-parameter", in_zip(twice))
    for name in ("UninitializedParameter", "UninitializedBuffer"):
        made = op.new(op.global_("torch.nn.parameter", name))
        yield case(f"torch-{name}", torch_zip(made))
    wrapper = op.call(
        op.global_("torch._utils", "_rebuild_wrapper_subclass"),
        TENSOR,
        op.Raw(op.global_("torch", "float32")),
        (2,),
        (1,),
        0,
        op.Raw(op.global_("torch", "strided")),
        "cpu",
        False,
    )
    yield case("torch-wrapper", torch_zip(wrapper))


# Sparse and quantized tensors, by the factories that files name.


def longs(*values: int, shape: tuple[int, ...] | None = None, key: str = "1") -> tuple[op.Raw, bytes]:
    """A tensor of int64 and its bytes."""
    shape = shape or (len(values),)
    strides = tuple(int(shape[-1]) ** (len(shape) - 1 - i) for i in range(len(shape)))
    held = storage("LongStorage", key, len(values))
    return v2(held, 0, shape, strides), struct.pack(f"<{len(values)}q", *values)


VALUES = v2(storage("FloatStorage", "0", 24), 0, (3,), (1,))
FLOATS = struct.pack("<24f", *range(24))


def layout(name: str) -> op.Raw:
    return op.call(op.global_("torch.serialization", "_get_layout"), f"torch.{name}")


def coo(rows: tuple[int, ...], columns: tuple[int, ...], size: Any = (3, 3), *coalesced: object) -> bytes:
    count = len(rows)
    indices, data = longs(*rows, *columns, shape=(2, count) if count else (2, 0))
    values = v2(storage("FloatStorage", "0", 24), 0, (count,), (1,))
    parts = (indices, values, size, *coalesced)
    made = op.call(op.global_("torch._utils", "_rebuild_sparse_tensor"), layout("sparse_coo"), parts)
    return torch_zip(made, {"0": FLOATS, "1": data})


def compressed(
    name: str,
    pointers: tuple[int, ...],
    plain: tuple[int, ...],
    size: Any = (3, 3),
    values: op.Raw | None = None,
) -> bytes:
    first, data = longs(*pointers)
    second, more = longs(*plain, key="2")
    held = values or v2(storage("FloatStorage", "0", 24), 0, (len(plain),), (1,))
    made = op.call(
        op.global_("torch._utils", "_rebuild_sparse_tensor"), layout(name), (first, second, held, size)
    )
    return torch_zip(made, {"0": FLOATS, "1": data, "2": more})


def controls() -> Iterator[tuple[str, bytes]]:
    yield "coo", coo((0, 1, 2), (2, 0, 1))
    yield "coo-coalesced", coo((0, 1, 2), (2, 0, 1), (3, 3), True)
    yield "csr", compressed("sparse_csr", (0, 1, 1, 2), (2, 0))
    yield "csc", compressed("sparse_csc", (0, 1, 1, 2), (2, 0))
    yield "qtensor", qtensor()


def sparse(_canary: str) -> Iterator[Case]:
    for index in (3, -1, 2**40, -(2**40), 2**62, 4):
        for flag in ((), (False,), (True,)):
            yield case(f"torch-coo-{index}-{flag}", coo((0, 1, index), (2, 0, 1), (3, 3), *flag))
            yield case(f"torch-coo-column-{index}-{flag}", coo((0, 1, 2), (2, 0, index), (3, 3), *flag))
    for rows, columns in (((1, 0), (0, 1)), ((0, 0), (1, 1)), ((0, 0), (1, 0))):
        yield case(f"torch-coo-not-coalesced-{rows}{columns}", coo(rows, columns, (3, 3), True))
    for size in ((3,), (3, 3, 3), (-3, 3), (0, 0), (2**62, 2**62, 2), "ab", None, 9, (3, True), (3.0, 3)):
        yield case(f"torch-coo-size-{size}", coo((0, 1, 2), (2, 0, 1), size))
    for flag in (1, None, "x", []):
        if flag is not None:
            yield case(f"torch-coo-flag-{flag}", coo((0, 1, 2), (2, 0, 1), (3, 3), flag))
    wrong = {
        "falls": ((0, 2, 1, 2), (2, 0)),
        "past": ((0, 1, 1, 9), (2, 0)),
        "short": ((0, 1, 2), (2, 0)),
        "first": ((1, 1, 1, 2), (2, 0)),
        "wide": ((0, 1, 1, 2), (3, 0)),
        "negative": ((0, 1, 1, 2), (-1, 0)),
        "huge": ((0, 1, 1, 2), (2**40, 0)),
        "unsorted": ((0, 2, 2, 2), (1, 0)),
        "twice": ((0, 2, 2, 2), (1, 1)),
        "negative-pointer": ((0, -1, 1, 2), (0, 1)),
        "long": ((0, 1, 1, 1, 2), (2, 0)),
        "empty": ((), (2, 0)),
        "huge-pointer": ((0, 2**62, 2**62, 2), (2, 0)),
        "less": ((0, 1, 1, 1), (2, 0)),
    }
    for name in ("sparse_csr", "sparse_csc"):
        for what, (pointers, plain) in wrong.items():
            yield case(f"torch-{name}-{what}", compressed(name, pointers, plain))
    for name in ("sparse_bsr", "sparse_bsc"):
        for what, shape in {"zero": (2, 0, 2), "uneven": (2, 2, 2), "flat": (2,), "both": (2, 0, 0)}.items():
            values = v2(storage("FloatStorage", "0", 24), 0, shape, tuple(1 for _ in shape))
            yield case(f"torch-{name}-block-{what}", compressed(name, (0, 1, 1, 2), (2, 0), (3, 3), values))
    for name in ("strided", "jagged", "_mkldnn", "load", "nonesuch"):
        yield case(f"torch-sparse-layout-{name}", compressed(name, (0, 1, 1, 2), (2, 0)))
    rebuild = op.global_("torch._utils", "_rebuild_sparse_tensor")
    for name, parts in {
        "none": None,
        "empty": (),
        "values": (VALUES,),
        "function": (RELU, RELU, (3, 3)),
    }.items():
        yield case(f"torch-sparse-parts-{name}", in_zip(op.call(rebuild, layout("sparse_coo"), parts)))
    for function in ("_rebuild_nested_tensor", "_rebuild_wrapper_subclass"):
        yield case(f"torch-{function}", in_zip(op.call(op.global_("torch._utils", function), VALUES, VALUES)))


SCHEME = op.Raw(op.global_("torch", "per_tensor_affine"))
CHANNELS = op.Raw(op.global_("torch", "per_channel_affine"))


def qtensor(
    view: tuple[Any, Any, Any] = (0, (24,), (1,)),
    params: Any = (SCHEME, 0.5, 3),
    cls: str = "QInt8Storage",
    grad: object = False,
    hooks: object = HOOKS,
) -> bytes:
    name = op.global_("torch._utils", "_rebuild_qtensor")
    made = op.call(name, storage(cls), *view, params, grad, hooks)
    return torch_zip(made, {"0": bytes(24 * (4 if cls == "QInt32Storage" else 1))})


def quantized(_canary: str) -> Iterator[Case]:
    for view in ((0, (25,), (1,)), (24, (1,), (1,)), (0, (2,), (24,)), (0, (-1,), (1,)), (0, (2**61,), (1,))):
        for cls in ("QInt8Storage", "QUInt8Storage", "QInt32Storage"):
            yield case(f"torch-q-{cls}-{view}", qtensor(view, cls=cls))
    nan, infinity = float("nan"), float("inf")
    for scale in (0.0, -1.0, nan, infinity, "x", None, True, RELU):
        yield case(f"torch-q-scale-{str(scale)[:9]!r}", qtensor(params=(SCHEME, scale, 0)))
    for zero in (128, -129, 2**40, 1.5, "x", None, True):
        yield case(f"torch-q-zero-{zero}", qtensor(params=(SCHEME, 0.5, zero)))
    for cls in ("QUInt4x2Storage", "QUInt2x4Storage", "FloatStorage", "CharStorage", "UntypedStorage"):
        yield case(f"torch-q-class-{cls}", qtensor(cls=cls))
    for name in ("per_tensor_symmetric", "per_channel_symmetric", "per_channel_affine_float_qparams", "load"):
        yield case(f"torch-q-{name}", qtensor(params=(op.Raw(op.global_("torch", name)), 0.5, 3)))
    for params in (
        (),
        None,
        (SCHEME,),
        (SCHEME, 0.5),
        (SCHEME, 0.5, 3, 4),
        (CHANNELS, 0.5, 3),
        "abc",
        (CHANNELS, VALUES, VALUES, 0),
    ):
        yield case(f"torch-q-params-{str(params)[:20]!r}", qtensor(params=params))
    for grad in (True, 1, None):
        yield case(f"torch-q-grad-{grad}", qtensor(grad=grad))
    yield case("torch-q-hooks", qtensor(hooks=ordered(op.value(0), RELU)))
    for scales, zeros, axis in (
        ((1,), (2,), 0),
        ((1, 1), (1, 2), 1),
        ((1, 1), (1, 2), 2),
        ((1, 1), (1, 2), -1),
        ((1, 1), (1,), 0),
    ):
        first, data = longs(*scales)
        second, more = longs(*zeros, key="2")
        name = op.global_("torch._utils", "_rebuild_qtensor")
        made = op.call(
            name, storage("QInt8Storage"), 0, (2, 3), (3, 1), (CHANNELS, first, second, axis), False, HOOKS
        )
        files = {"0": bytes(24), "1": data, "2": more}
        yield case(f"torch-q-channels-{scales}{zeros}{axis}", torch_zip(made, files))


BUILDERS = (attributes, sparse, quantized)
