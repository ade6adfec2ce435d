"""What the installed torch saves: state dicts, views, modules, checkpoints; and how two objects differ."""

from __future__ import annotations

import collections
import io
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(7)


def _checkpoint(make: Callable[[Any], torch.optim.Optimizer]) -> dict[str, Any]:
    model = nn.Linear(4, 3)
    optimizer = make(model.parameters())
    for _ in range(2):
        optimizer.zero_grad()
        model(torch.ones(2, 4)).square().mean().backward()
        optimizer.step()
    return {
        "model_state_dict": model.state_dict(),
        "optimizer_state_dict": optimizer.state_dict(),
        "epoch": 2,
        "loss": 0.25,
        "rng": torch.get_rng_state(),
        "args": {"lr": 1e-3, "betas": (0.9, 0.999)},
    }


def _views() -> dict[str, torch.Tensor]:
    base = torch.arange(24, dtype=torch.float32)
    matrix = base.view(4, 6)
    return {
        "base": base,
        "matrix": matrix,
        "transposed": matrix.t(),
        "row": matrix[1],
        "column": matrix[:, 2],
        "strided": matrix[::2, 1::2],
        "expanded": matrix[:1].expand(3, 6),
        "overlap": base.as_strided((3, 4), (2, 1), 1),
        "diagonal": matrix.diagonal(),
    }


def _attributes() -> nn.Parameter:
    parameter = nn.Parameter(torch.ones(2))
    parameter.sharded = True
    return parameter


MODULES: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (lambda: nn.Linear(4, 3), (2, 4)),
    "mlp": (lambda: nn.Sequential(nn.Linear(4, 8), nn.GELU(), nn.Dropout(0.5), nn.Linear(8, 2)), (3, 4)),
    "conv": (
        lambda: nn.Sequential(
            nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()
        ),
        (2, 3, 8, 8),
    ),
    "upsample": (
        lambda: nn.Sequential(nn.ConvTranspose2d(3, 2, 3), nn.Upsample(scale_factor=2)),
        (1, 3, 4, 4),
    ),
    "norms": (
        lambda: nn.Sequential(nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.PReLU(), nn.Softmax(dim=1)),
        (2, 4),
    ),
    "lstm": (lambda: nn.LSTM(4, 6, 2, bidirectional=True), (3, 2, 4)),
    "lstm-projected": (lambda: nn.LSTM(4, 6, proj_size=3), (3, 2, 4)),
    "gru": (lambda: nn.GRU(4, 6, batch_first=True), (2, 3, 4)),
    "rnn": (lambda: nn.RNN(4, 6, bias=False), (3, 2, 4)),
    "encoder": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), 2),
        (2, 3, 8),
    ),
    "encoder-silu": (
        lambda: nn.TransformerEncoderLayer(8, 2, 16, activation=nn.functional.silu, batch_first=True),
        (2, 3, 8),
    ),
    "data-parallel": (lambda: nn.DataParallel(nn.Linear(2, 2)).module, (2, 2)),
}


def objects() -> Iterator[tuple[str, Any]]:
    """Names and what is saved; modules are apart."""
    net = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.LSTM(3, 2))
    yield "state-dict", net.state_dict()
    yield "plain-dict", dict(net.state_dict())
    yield "half", {name: value.half() for name, value in nn.Linear(4, 3).state_dict().items()}
    yield "bfloat16", {name: value.bfloat16() for name, value in nn.Linear(4, 3).state_dict().items()}
    yield "views", _views()
    yield "view-of-large", torch.arange(4000.0)[10:14]
    for name, make in {
        "adam": torch.optim.Adam,
        "amsgrad": lambda p: torch.optim.AdamW(p, amsgrad=True),
        "momentum": lambda p: torch.optim.SGD(p, 0.1, momentum=0.9),
        "rmsprop": torch.optim.RMSprop,
        "foreach": lambda p: torch.optim.Adam(p, foreach=True),
    }.items():
        yield f"checkpoint-{name}", _checkpoint(make)
    shared = nn.Parameter(torch.randn(3))
    yield "parameters", {"p": shared, "tied": [shared, shared], "frozen": nn.Parameter(torch.ones(2), False)}
    yield "requires-grad", torch.ones(2, requires_grad=True)
    yield "attributes", {"p": _attributes()}
    yield "shapes", [torch.tensor(1.5), torch.empty(0), torch.empty(0, 3), torch.ones(1, 2, 1, 2, 1)]
    yield "channels-last", torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last)
    for dtype in ("float64", "int8", "int16", "int32", "int64", "uint8", "complex64", "complex128"):
        yield f"dtype-{dtype}", torch.arange(6).to(getattr(torch, dtype)).view(2, 3)
    yield "dtype-bool", torch.tensor([True, False])
    yield "conj", {"conj": torch.randn(3, dtype=torch.complex64).conj()}
    yield "neg", torch.randn(3, dtype=torch.complex64).conj().imag
    indices = torch.tensor([[0, 1, 2], [2, 0, 1]])
    coo = torch.sparse_coo_tensor(indices, torch.tensor([3.0, 4.0, 5.0]), (3, 3))
    yield "coo", {"plain": coo, "coalesced": coo.coalesce()}
    yield "csr", coo.to_dense().to_sparse_csr()
    yield "quantized", torch.quantize_per_tensor(torch.randn(2, 3), 0.1, 3, torch.qint8)
    channels = (torch.randn(2, 3), torch.tensor([0.1, 0.2]), torch.tensor([0, 1]), 0, torch.quint8)
    yield "quantized-channels", torch.quantize_per_channel(*channels)
    yield (
        "values",
        {
            "size": torch.Size([1, 2]),
            "device": torch.device("cpu"),
            "cuda": torch.device("cuda:1"),
            "dtype": torch.float16,
            "layout": torch.sparse_coo,
            "none": None,
            "tuple": (1, 2.5, "x"),
            3: [True],
            "big": 2**70,
            "bytes": b"abc",
            "ordered": collections.OrderedDict(a=1),
        },
    )


def save(value: Any, protocol: int, *, new: bool) -> bytes:
    """By torch.save, as an archive or in the older layout."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.save(value, buffer, pickle_protocol=protocol, _use_new_zipfile_serialization=new)
    return buffer.getvalue()


def octets(tensor: torch.Tensor) -> bytes:
    """The elements' bytes in row-major order, lazy bits worked out."""
    flat = tensor.detach().resolve_conj().resolve_neg().contiguous().reshape(-1)
    return bytes(flat.view(torch.uint8).numpy()) if flat.numel() else b""


def storage_of(tensor: torch.Tensor) -> Any:
    """The bytes below a tensor."""
    return tensor.untyped_storage() if hasattr(tensor, "untyped_storage") else tensor.storage().untyped()


def differs(mine: Any, theirs: Any, path: str = "$", seen: dict[int, int] | None = None) -> str:
    """The first difference of two objects, sharing included; empty if there is none."""
    seen = {} if seen is None else seen
    if type(mine) is not type(theirs):
        return f"{path}: {type(mine)} for {type(theirs)}"
    if isinstance(theirs, torch.Tensor):
        return _tensors_differ(mine, theirs, path, seen)
    if isinstance(theirs, nn.Module):
        return differs(dict(vars(mine)), dict(vars(theirs)), path, seen)
    if isinstance(theirs, dict):
        if list(mine) != list(theirs):
            return f"{path}: keys {list(mine)} for {list(theirs)}"
        if getattr(mine, "_metadata", None) != getattr(theirs, "_metadata", None):
            return f"{path}: metadata"
        pairs = ((mine[key], theirs[key], f"{path}[{key!r}]") for key in theirs)
    elif isinstance(theirs, (list, tuple)) and not isinstance(theirs, torch.Size):
        if len(mine) != len(theirs):
            return f"{path}: {len(mine)} elements for {len(theirs)}"
        pairs = ((a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(mine, theirs, strict=True)))
    else:
        return "" if mine == theirs or mine is theirs else f"{path}: {mine!r} for {theirs!r}"
    return next((found for a, b, where in pairs if (found := differs(a, b, where, seen))), "")


def _tensors_differ(mine: torch.Tensor, theirs: torch.Tensor, path: str, seen: dict[int, int]) -> str:
    for what in ("dtype", "shape", "layout", "device", "requires_grad", "is_quantized", "is_leaf"):
        if getattr(mine, what) != getattr(theirs, what):
            return f"{path}: {what} {getattr(mine, what)} for {getattr(theirs, what)}"
    if vars(mine) != vars(theirs):
        return f"{path}: attributes {vars(mine)} for {vars(theirs)}"
    if theirs.layout == torch.sparse_coo:
        parts = ("_indices", "_values")
    elif theirs.layout == torch.sparse_csr:
        parts = ("crow_indices", "col_indices", "values")
    elif theirs.is_quantized:
        return "" if torch.equal(mine, theirs) and mine.stride() == theirs.stride() else f"{path}: quantized"
    else:
        return _strided_differ(mine, theirs, path, seen)
    found = (
        differs(getattr(mine.detach(), part)(), getattr(theirs.detach(), part)(), f"{path}.{part}", seen)
        for part in parts
    )
    coalesced = theirs.layout != torch.sparse_coo or mine.is_coalesced() == theirs.is_coalesced()
    return next((why for why in found if why), "" if coalesced else f"{path}: coalesced")


def _strided_differ(mine: torch.Tensor, theirs: torch.Tensor, path: str, seen: dict[int, int]) -> str:
    for what in ("stride", "storage_offset", "is_conj", "is_neg"):
        if getattr(mine, what)() != getattr(theirs, what)():
            return f"{path}: {what} {getattr(mine, what)()} for {getattr(theirs, what)()}"
    if octets(mine) != octets(theirs):
        return f"{path}: elements"
    ours, other = storage_of(mine), storage_of(theirs)
    if ours.nbytes() != other.nbytes():
        return f"{path}: storage of {ours.nbytes()} bytes for {other.nbytes()}"
    if other.nbytes() and seen.setdefault(other.data_ptr(), ours.data_ptr()) != ours.data_ptr():
        return f"{path}: another storage"
    return ""
