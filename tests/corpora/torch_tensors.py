"""Attacks by what rebuilds tensors: layouts, hooks, element types, storages, calls, attributes."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Any

from . import opcodes as op
from . import payloads
from .case import Case, case
from .torch_write import (
    HOOKS,
    ITEM,
    legacy_storage,
    ordered,
    parameter,
    storage,
    torch_legacy,
    torch_zip,
    v1,
    v2,
    v3,
)

FLOATS = struct.pack("<24f", *range(24))
RELU = op.Raw(op.global_("torch.nn.functional", "relu"))
TENSOR = op.Raw(op.global_("torch", "Tensor"))


def in_zip(fragment: bytes, data: bytes = FLOATS) -> bytes:
    """A file whose storage is named in it: one that nothing names would be a reason by itself."""
    return torch_zip(fragment, {"0": data} if op.BINPERSID in fragment else {})


def in_legacy(fragment: bytes, data: bytes = FLOATS, item: int = 4) -> bytes:
    return torch_legacy(fragment, {"0": (len(data) // item, data)})


def controls() -> Iterator[tuple[str, bytes]]:
    """The honest twins, which must be accepted."""
    yield "v1", in_zip(v1(storage(), 0, (24,), (1,)))
    yield "v2", in_zip(v2(storage()))
    yield "v2-grad", in_zip(v2(storage(), 1, (2, 3), (12, 2), True))
    yield "v3", in_zip(v3(storage("UntypedStorage", count=96)))
    yield "parameter", in_zip(parameter(v2(storage())))
    yield "legacy", in_legacy(v2(legacy_storage()))
    yield "dict", in_zip(op.Raw(op.value({"w": v2(storage()), "epoch": 3, "lr": 0.1})))
    yield "two-views", in_zip(op.Raw(op.value([v2(storage()), v2(storage(), 20, (4,), (1,))])))
    yield "no-storage", torch_zip(op.value({"a": 1}))


LAYOUTS: dict[str, tuple[Any, Any, Any]] = {
    "size-past": (0, (25,), (1,)),
    "offset-past": (24, (1,), (1,)),
    "stride-past": (0, (2,), (24,)),
    "rows-past": (0, (5, 6), (6, 1)),
    "far-stride": (0, (2,), (2**40,)),
    "huge-size": (0, (2**61,), (1,)),
    "size-2^63": (0, (2**63,), (1,)),
    "offset-2^62": (2**62, (1,), (1,)),
    "offset-2^63": (2**63, (1,), (1,)),
    "offset-2^64": (2**64, (1,), (1,)),
    "size-2^64": (0, (2**64 + 1,), (1,)),
    "stride-2^63": (0, (2,), (2**63,)),
    "product-wraps": (0, (2**32, 2**32), (0, 0)),
    "sum-wraps": (0, (2**33, 2**33), (2**31, 2**31)),
    "negative-offset": (-1, (1,), (1,)),
    "negative-size": (0, (-1,), (1,)),
    "negative-stride": (23, (2,), (-1,)),
    "hidden-negative": (0, (0, -1), (1, 1)),
    "empty-far": (25, (0,), (1,)),
    "empty-2^62": (2**62, (0,), (1,)),
    "more-strides": (0, (2,), (1, 1)),
    "fewer-strides": (0, (2, 3), (1,)),
    "rank-65": (0, (1,) * 65, (1,) * 65),
    "rank-10^5": (0, (1,) * 10**5, (1,) * 10**5),
    "bool-offset": (True, (1,), (1,)),
    "bool-size": (0, (True,), (1,)),
    "bool-stride": (0, (2,), (True,)),
    "float-size": (0, (2.0,), (1,)),
    "str-size": (0, ("2",), (1,)),
    "none-offset": (None, (1,), (1,)),
    "int-sizes": (0, 24, (1,)),
    "none-strides": (0, (24,), None),
    "zero-stride-2^40": (0, (2**50,), (0,)),
    "nested-size": (0, ((2,),), (1,)),
    "str-sizes": (0, "ab", (1, 1)),
}


def layouts(_canary: str) -> Iterator[Case]:
    """STRIDED: whatever leaves a storage, in each of the forms that describe a view."""
    forms: dict[str, Callable[..., bytes]] = {
        "v1": lambda *view: in_zip(v1(storage(), *view)),
        "v2": lambda *view: in_zip(v2(storage(), *view)),
        "v3": lambda *view: in_zip(v3(storage("UntypedStorage", count=96), *view)),
        "parameter": lambda *view: in_zip(parameter(v2(storage(), *view))),
        "legacy": lambda *view: in_legacy(v2(legacy_storage(), *view)),
        "nested": lambda *view: in_zip(op.Raw(op.value({"a": [v2(storage()), (v2(storage(), *view),)]}))),
    }
    for form, build in forms.items():
        for name, view in LAYOUTS.items():
            yield case(f"torch-layout-{form}-{name}", build(*view))
    for cls, item in ITEM.items():
        if not cls.startswith("Q"):
            data = bytes(24 * item)
            yield case(f"torch-layout-{cls}", in_zip(v2(storage(cls), 0, (25,), (1,)), data))


def hooks(_canary: str) -> Iterator[Case]:
    """Hooks are called in backward, and crash there if they are none."""
    wrong = {
        "function": ordered(op.value(0), RELU),
        "plain": ordered(op.value(0), op.value(1)),
        "dict": op.Raw(op.value({0: RELU})),
        "empty-dict": {},
        "list": [],
        "list-of": [RELU],
        "int": 1,
        "none": None,
        "tuple": (),
        "str": "x",
        "tensor": v2(storage()),
        "with-state": op.build(HOOKS, {"values": RELU}),
    }
    for name, value in wrong.items():
        if name not in ("empty-dict", "none"):  # which some writers leave there and which call nothing
            yield case(f"torch-hooks-v2-{name}", in_zip(v2(storage(), hooks=value)))
            yield case(f"torch-hooks-legacy-{name}", in_legacy(v2(legacy_storage(), hooks=value)))
            untyped = storage("UntypedStorage", count=96)
            yield case(f"torch-hooks-v3-{name}", in_zip(v3(untyped, hooks=value)))
            yield case(f"torch-hooks-parameter-{name}", in_zip(parameter(v2(storage()), hooks=value)))


def flags(_canary: str) -> Iterator[Case]:
    for name, grad in {"int": 1, "none": None, "str": "yes", "list": [], "tensor": v2(storage())}.items():
        yield case(f"torch-grad-{name}", in_zip(v2(storage(), grad=grad)))
        yield case(f"torch-grad-parameter-{name}", in_zip(parameter(v2(storage()), grad)))
    for cls in ("LongStorage", "BoolStorage", "ByteStorage"):
        data = bytes(24 * ITEM[cls])
        yield case(f"torch-grad-{cls}", in_zip(v2(storage(cls), grad=True), data))
        yield case(f"torch-grad-parameter-{cls}", in_zip(parameter(v2(storage(cls))), data))
    for name, metadata in {
        "conj-real": {"conj": True},
        "unknown": {"os": True},
        "int": {"neg": 1},
        "list": [],
        "str": "conj",
        "function": RELU,
        "key": {1: True},
        "backward": {"backward_hooks": True},
    }.items():
        tensor = v2(storage(), 0, (24,), (1,), False, HOOKS, metadata)
        yield case(f"torch-metadata-{name}", in_zip(tensor))
    negative = v2(storage("BoolStorage"), 0, (24,), (1,), False, HOOKS, {"neg": True})
    yield case("torch-metadata-neg-bool", in_zip(negative, bytes(24)))


def dtypes(_canary: str) -> Iterator[Case]:
    """Element types that v3 must not have, and what is none."""
    untyped = storage("UntypedStorage", count=96)
    for name in (
        "qint8",
        "quint8",
        "qint32",
        "quint4x2",
        "quint2x4",
        "bits8",
        "bits16",
        "bits1x8",
        "uint1",
        "uint4",
        "int4",
        "bcomplex32",
        "nonesuch",
        "load",
        "Tensor",
        "strided",
        "per_tensor_affine",
        "nn",
        "os",
    ):
        yield case(f"torch-dtype-{name}", in_zip(v3(untyped, dtype=op.Raw(op.global_("torch", name)))))
    for name, value in {
        "none": None,
        "str": "float32",
        "int": 6,
        "numpy": op.Raw(op.global_("numpy", "float32")),
    }.items():
        yield case(f"torch-dtype-odd-{name}", in_zip(v3(untyped, dtype=value)))
    for cls in ("QInt8Storage", "QUInt8Storage", "QInt32Storage", "QUInt4x2Storage", "QUInt2x4Storage"):
        data = bytes(24 * ITEM.get(cls, 1))
        yield case(f"torch-quantized-v2-{cls}", in_zip(v2(storage(cls)), data))


def storages(canary: str) -> Iterator[Case]:
    """Persistent ids that lie about their bytes or are none."""
    held: dict[str, Any] = {
        "count-more": storage(count=25),
        "count-less": storage(count=23),
        "count-negative": storage(count=-1),
        "count-huge": storage(count=2**62),
        "count-wraps": storage(count=2**62 + 24),
        "count-bool": storage(count=True),
        "count-float": storage(count=24.0),
        "count-str": storage(count="24"),
        "count-none": storage(count=None),
        "key-missing": storage(key="1"),
        "key-int": storage(key=0),
        "key-none": storage(key=None),
        "key-path": storage(key="../0"),
        "key-absolute": storage(key="/etc/passwd"),
        "key-dot": storage(key="./0"),
        "key-empty": storage(key=""),
        "key-pickle": storage(key="../data.pkl"),
        "key-zeros": storage(key="00"),
        "key-nul": storage(key="0\0"),
        "key-bytes": storage(key=b"0"),
        "key-space": storage(key=" 0"),
        "location-int": storage(location=0),
        "location-none": storage(location=None),
        "location-odd": storage(location="http://x"),
        "location-list": storage(location=["cpu"]),
        "class-typed": storage("TypedStorage", module="torch.storage"),
        "class-function": storage("system", module="posix"),
        "class-tensor": storage("Tensor"),
        "class-numpy": storage("float32", module="numpy"),
        "class-none": storage("NoStorage"),
        "tag-module": storage(tag="module"),
        "tag-bytes": storage(tag=b"storage"),
        "tag-other": storage(tag="eval"),
        "legacy-id": storage(key="0", count=24, location="cpu"),
        "long": storage("FloatStorage", "0", 24, "cpu", None, None, None),
    }
    del held["legacy-id"]
    for name, thing in held.items():
        yield case(f"torch-storage-{name}", in_zip(v2(thing)))
        yield case(f"torch-storage-bare-{name}", in_zip(thing))
    for name, value in {
        "str": "storage",
        "int": 0,
        "none": None,
        "empty": (),
        "one": ("storage",),
        "call": payloads.system(canary),
        "list": ["storage", op.Raw(op.global_("torch", "FloatStorage")), "0", "cpu", 24],
        "class-str": ("storage", "torch.FloatStorage", "0", "cpu", 24),
    }.items():
        yield case(f"torch-id-{name}", in_zip(op.Raw(op.value(value) + op.BINPERSID)))
        yield case(f"torch-id-tensor-{name}", in_zip(v2(op.value(value) + op.BINPERSID)))
    yield case("torch-id-text", in_zip(op.Raw(op.persid("storage"))))
    two = op.Raw(op.value([v2(storage()), v2(storage("LongStorage", count=12), 0, (12,), (1,))]))
    yield case("torch-storage-two-types", in_zip(two))
    counts = op.Raw(op.value([v2(storage()), v2(storage(count=12), 0, (12,), (1,))]))
    yield case("torch-storage-two-counts", in_zip(counts))
    for cut in (1, 4, 95):
        yield case(f"torch-storage-short-{cut}", in_zip(v2(storage()), FLOATS[:-cut]))
        yield case(f"torch-storage-long-{cut}", in_zip(v2(storage()), FLOATS + bytes(cut)))


def calls(canary: str) -> Iterator[Case]:
    """Names that torch lists and that allocate, call, or set: as callables they are none."""
    for name in ("FloatStorage", "UntypedStorage", "ByteStorage", "Tensor", "LongStorage", "Generator"):
        for args in ((), (2**20,), ([1, 2],)):
            yield case(f"torch-call-{name}-{len(args)}", torch_zip(op.call(op.global_("torch", name), *args)))
            yield case(f"torch-new-{name}-{len(args)}", torch_zip(op.new(op.global_("torch", name), *args)))
    state = (v2(storage()), 0, (10**6,), (1,))
    for name, state_of in {"set": op.value(state), "dict": op.value({"data": 1}), "none": op.NONE}.items():
        tensor = op.Raw(op.new(op.Raw(op.global_("torch", "Tensor"))) + state_of + op.BUILD)
        yield case(f"torch-build-tensor-{name}", in_zip(tensor))
        yield case(f"torch-build-rebuilt-{name}", in_zip(op.Raw(v2(storage()) + state_of + op.BUILD)))
    yield case("torch-bytearray", torch_zip(op.call(op.global_("builtins", "bytearray"), 2**32)))
    for sizes in ((-1,), (2**63,), ("a",), (True,), (1,) * 65, 5, None):
        yield case(f"torch-size-{str(sizes)[:12]}", torch_zip(op.call(op.global_("torch", "Size"), sizes)))
    for args in (
        ("cuda", 10**9),
        ("xla",),
        ("cpu:x",),
        (b"cpu",),
        ("cuda", -1),
        (),
        ("cpu", "0"),
        ("cuda:999",),
        (1.5,),
    ):
        yield case(f"torch-device-{args!r:.16}", torch_zip(op.call(op.global_("torch", "device"), *args)))
    for args in (("torch.load",), ("os",), ("sparse_coo", 1), (0,), ()):
        layout = op.call(op.global_("torch.serialization", "_get_layout"), *args)
        yield case(f"torch-get-layout-{args!r:.16}", torch_zip(layout))
    for module, name in (
        ("torch", "load"),
        ("torch.serialization", "load"),
        ("torch.hub", "load"),
        ("torch.jit", "load"),
        ("torch.utils.data", "dataloader"),
        ("torch._utils", "_import_dotted_name"),
        ("torch.storage", "os.system"),
        ("torch", "serialization.os.system"),
        ("torch.fx.graph_module", "reduce_graph_module"),
        ("torch", "ops"),
        ("torch._dynamo", "optimize"),
        ("torch.utils.cpp_extension", "load_inline"),
        ("torch.package", "importer"),
        ("torch.distributed.rpc", "rpc_sync"),
        ("torch._inductor.codecache", "compile_file"),
        ("torch", "set_default_dtype"),
        ("torch.testing._internal.common_utils", "run_tests"),
        ("torch.utils.collect_env", "run"),
        ("torch", "from_file"),
    ):
        for form in (op.call, op.call_obj, op.new):
            payload = form(op.global_(module, name), f"touch {canary}")
            yield case(f"torch-name-{module}.{name}-{form.__name__}", torch_zip(payload))
        yield case(f"torch-name-{module}.{name}-value", torch_zip(op.Raw(op.global_(module, name))))


BUILDERS = (layouts, hooks, flags, dtypes, storages, calls)
