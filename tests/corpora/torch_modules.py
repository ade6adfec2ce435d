"""Attacks by modules of torch.nn and by the state of optimizers, in torch's archives."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

from . import opcodes as op
from .case import Case, case
from .torch_tensors import RELU, in_zip
from .torch_write import ordered, parameter, storage, torch_zip, v2

FLOATS = struct.pack("<24f", *range(24))
HOOK_KEYS = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_pre_hooks",
    "_forward_hooks_always_called",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


def weight(sizes: tuple[int, ...], offset: int = 0) -> op.Raw:
    strides = tuple(_product(sizes[i + 1 :]) for i in range(len(sizes)))
    return parameter(v2(storage(), offset, sizes, strides))


def _product(sizes: tuple[int, ...]) -> int:
    made = 1
    for size in sizes:
        made *= size
    return made


def named(**items: Any) -> op.Raw:
    return ordered(*(op.value(part) for pair in items.items() for part in pair))


def module(cls: str, state: Any, where: str = "torch.nn.modules") -> op.Raw:
    place, _, name = cls.rpartition(".")
    return op.instance(f"{where}.{place}", name, state)


def linear_state(**changes: Any) -> dict[Any, Any]:
    state: dict[Any, Any] = {
        "training": True,
        "_parameters": named(weight=weight((2, 3)), bias=weight((2,), 6)),
        "_buffers": ordered(),
        **{key: ordered() for key in HOOK_KEYS[1:3]},
        "_modules": ordered(),
        "in_features": 3,
        "out_features": 2,
    }
    return {**state, **changes}


def linear(**changes: Any) -> op.Raw:
    return module("linear.Linear", linear_state(**changes))


def controls() -> Iterator[tuple[str, bytes]]:
    yield "linear", in_zip(linear())
    yield "sequential", in_zip(sequential(named(a=linear())))
    yield "lstm", in_zip(lstm())
    for fused in (None, False):
        yield f"optimizer-{fused}", in_zip(op.Raw(op.value(optimizer_state(fused))))
    for step in ("foreach", "capturable"):
        yield f"optimizer-{step}", in_zip(op.Raw(op.value(optimizer_state(None, **{step: True}))))


def sequential(children: Any) -> op.Raw:
    return module("container.Sequential", {**linear_state(_parameters=ordered()), "_modules": children})


def keys(_canary: str) -> Iterator[Case]:
    """Keys of a module's dict that are called from there, and hooks."""
    for key in (
        "forward",
        "_call_impl",
        "_compiled_call_impl",
        "__call__",
        "state_dict",
        "_apply",
        "train",
        "eval",
        "__class__",
        "__reduce_ex__",
        "__getattr__",
        "_save_to_state_dict",
        "_load_from_state_dict",
        "extra_repr",
        "_version",
        "to",
        "parameters",
        "__dict__",
        "__array_interface__",
        "__setstate__",
        "_wrapped_call_impl",
        "register_buffer",
        "half",
    ):
        for what, value in {"function": RELU, "int": 1, "tensor": v2(storage())}.items():
            yield case(f"torch-module-key-{key}-{what}", in_zip(linear(**{key: value})))
    for key in HOOK_KEYS:
        for what, value in {
            "function": ordered(op.value(0), RELU),
            "plain": ordered(op.value(0), op.value(1)),
            "list": [RELU],
            "int": 1,
            "tensor": v2(storage()),
            "str": "x",
        }.items():
            yield case(f"torch-module-{key}-{what}", in_zip(linear(**{key: value})))
    for what, state in {"int": 1, "list": [], "tuple": ({}, {}), "str": "x", "tensor": v2(storage())}.items():
        yield case(f"torch-module-state-{what}", in_zip(module("linear.Linear", state)))
    yield case("torch-module-key-int", in_zip(module("linear.Linear", {**linear_state(), 1: 1})))
    yield case("torch-module-key-bytes", in_zip(module("linear.Linear", {**linear_state(), b"x": 1})))
    for what, value in {
        "function": RELU,
        "class": op.Raw(op.global_("torch", "Tensor")),
        "module": linear(),
    }.items():
        if what != "module":
            yield case(f"torch-module-value-{what}", in_zip(linear(extra=value)))


def members(_canary: str) -> Iterator[Case]:
    for what, children in {
        "function": named(a=RELU),
        "tensor": named(a=v2(storage())),
        "int": named(a=1),
        "list": [linear()],
        "dot": ordered(op.value("a.b"), linear()),
        "class-attribute": named(forward=linear()),
        "str": "x",
        "int-key": ordered(op.value(1), linear()),
        "plain-object": named(a=op.instance("argparse", "Namespace", {})),
    }.items():
        yield case(f"torch-module-children-{what}", in_zip(sequential(children)))
    for what, parameters in {
        "int": named(weight=1),
        "function": named(weight=RELU),
        "module": named(weight=linear()),
        "list": [1],
        "class-attribute": named(_call_impl=weight((2,))),
        "dot": ordered(op.value("a.b"), weight((2,))),
        "int-key": ordered(op.value(0), weight((2,))),
        "storage": named(weight=storage()),
    }.items():
        yield case(f"torch-module-parameters-{what}", in_zip(linear(_parameters=parameters)))
        yield case(f"torch-module-buffers-{what}", in_zip(linear(_buffers=parameters)))
    for what, value in {"list": [1], "of-int": op.Raw(op.EMPTY_SET), "str": "x"}.items():
        if what != "of-int":
            yield case(f"torch-module-persistent-{what}", in_zip(linear(_non_persistent_buffers_set=value)))
    name = op.global_("torch.nn.modules.container", "Sequential")
    cycle = (
        op.new(name)
        + op.binput(9)
        + op.value(linear_state(_parameters=ordered(), _modules=named(a=op.Raw(op.binget(9)))))
        + op.BUILD
    )
    yield case("torch-module-cycle", in_zip(op.Raw(cycle)))
    for name_of in (
        "module.Module",
        "lazy.LazyModuleMixin",
        "module._WrappedHook",
        "loss.TripletMarginWithDistanceLoss",
        "linear.LazyLinear",
        "linear.nonesuch",
        "container.Container",
    ):
        yield case(f"torch-module-{name_of}", in_zip(module(name_of, linear_state())))
    for where, name_of in (
        ("torch.ao.nn.quantized.modules", "linear.Linear"),
        ("torch.nn.quantized.dynamic.modules", "linear.Linear"),
        ("torch.nn.utils", "prune.L1Unstructured"),
        ("torch.nn.utils", "weight_norm.WeightNorm"),
        ("torch.nn.parallel", "distributed.DistributedDataParallel"),
        ("torch.jit", "_script.ScriptModule"),
        ("torch.fx", "graph_module.GraphModule"),
        ("torch", "_C.ScriptObject"),
        ("__main__", "x.Net"),
        ("torch.optim", "lr_scheduler.LambdaLR"),
        ("torch.optim", "lbfgs.LBFGS"),
        ("torch.cuda", "amp.GradScaler"),
    ):
        yield case(f"torch-module-{where}.{name_of}", in_zip(module(name_of, linear_state(), where)))


def lstm(**changes: Any) -> op.Raw:
    """One layer of input and hidden size 1: gates 4."""
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    weights = [weight((4, 1)), weight((4, 1), 4), weight((4,), 8), weight((4,), 12)]
    put = b"".join(
        op.value(n) + w + op.binput(20 + i) for i, (n, w) in enumerate(zip(names, weights, strict=True))
    )
    parameters = op.Raw(op.call(op.global_("collections", "OrderedDict")) + op.MARK + put + op.SETITEMS)
    flat = [op.Raw(op.binget(20 + i)) for i in range(4)]
    state = {
        **linear_state(_parameters=parameters),
        "mode": "LSTM",
        "input_size": 1,
        "hidden_size": 1,
        "num_layers": 1,
        "bias": True,
        "batch_first": False,
        "dropout": 0.0,
        "bidirectional": False,
        "proj_size": 0,
        "_flat_weights_names": list(names),
        "_all_weights": [list(names)],
        "_flat_weights": flat,
    }
    del state["in_features"], state["out_features"]
    return module("rnn.LSTM", {**state, **changes})


def optimizer_state(fused: object, **steps: object) -> dict[str, Any]:
    """As torch.optim.Adam's state_dict gives it."""
    moment = {"step": v2(storage(), 0, (), ()), "exp_avg": v2(storage(), 0, (1,), (1,))}
    group = {"lr": 0.1, "betas": (0.9, 0.999), "params": [0], "fused": fused, **steps}
    return {"state": {0: moment}, "param_groups": [group]}


def native(_canary: str) -> Iterator[Case]:
    """What native code trusts: the crash table's modules, and the states of fused optimizers."""
    for change in (
        {"hidden_size": 2},
        {"hidden_size": 0},
        {"hidden_size": -1},
        {"hidden_size": 2**40},
        {"input_size": 2},
        {"input_size": 0},
        {"num_layers": 2},
        {"num_layers": 0},
        {"proj_size": 1},
        {"proj_size": -1},
        {"mode": "GRU"},
        {"mode": "RNN_TANH"},
        {"mode": 1},
        {"bidirectional": True},
        {"bidirectional": 1},
        {"bias": False},
        {"hidden_size": True},
        {"hidden_size": 1.0},
        {"_flat_weights": []},
        {"_flat_weights": [weight((4, 1))] * 4},
        {"_flat_weights_names": []},
        {"_all_weights": []},
        {"_flat_weights": [1, 2, 3, 4]},
        {"_flat_weights_names": ["weight_ih_l0"] * 4},
        {"_flat_weights": RELU},
        {"hidden_size": "1"},
    ):
        ((key, value),) = change.items()
        yield case(f"torch-lstm-{key}-{str(value)[:12]!r}", in_zip(lstm(**change)))
    for name, state in {
        "loss.MultiMarginLoss": {"weight": v2(storage()), "p": 1, "margin": 1.0},
        "loss.MultiMarginLoss-buffer": {"_buffers": named(weight=v2(storage())), "p": 1},
        "pooling.FractionalMaxPool2d": {"_random_samples": v2(storage()), "kernel_size": 2},
        "pooling.FractionalMaxPool3d": {"_buffers": named(_random_samples=v2(storage()))},
        "activation.MultiheadAttention": {"num_heads": 0, "embed_dim": 4, "head_dim": 2},
        "transformer.TransformerEncoderLayer": {"activation": op.Raw(op.global_("torch", "load"))},
        "conv.Conv2d": {"padding_mode": RELU},
        "container.ModuleList": {"_modules": named(a=RELU)},
    }.items():
        cls = name.partition("-")[0]
        yield case(
            f"torch-native-{name}", in_zip(module(cls, {**linear_state(_parameters=ordered()), **state}))
        )
    for fused in (True, 1, "yes"):
        state = optimizer_state(fused)
        yield case(f"torch-fused-{fused}", in_zip(op.Raw(op.value(state))))
        inside = {"model": {"w": v2(storage())}, "optimizer": state}
        yield case(f"torch-fused-inside-{fused}", in_zip(op.Raw(op.value(inside))))
        both = optimizer_state(fused, foreach=True, capturable=True)
        yield case(f"torch-fused-foreach-{fused}", in_zip(op.Raw(op.value(both))))
    for step in ("foreach", "capturable"):
        for value in (1, "yes", [True], RELU):
            state = optimizer_state(None, **{step: value})
            yield case(f"torch-{step}-{str(value)[:8]}", in_zip(op.Raw(op.value(state))))
    silu = op.Raw(op.global_("torch.nn.functional", "silu"))
    yield case("torch-silu-elsewhere", in_zip(linear(in_features=silu)))
    yield case("torch-silu-alone", in_zip(silu))
    yield case("torch-generator", torch_zip(op.new(op.global_("torch._C", "Generator"))))


BUILDERS = (keys, members, native)
