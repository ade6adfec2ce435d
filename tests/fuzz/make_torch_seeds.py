#!/usr/bin/env python3
"""Writes the seeds of torch_zip, torch_tar and tar, from opcodes alone.

make_torch_seeds.py
"""

from __future__ import annotations

import io
import struct
import tarfile
from collections.abc import Sequence
from pathlib import Path

CORPUS = Path(__file__).resolve().parent / "corpus"
HOOKS = b"ccollections\nOrderedDict\n)R"


def put(target: str, name: str, content: bytes) -> None:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.bin").write_bytes(content)


def text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def ints(*values: int) -> bytes:
    return b"(" + b"".join(b"J" + struct.pack("<i", value) for value in values) + b"t"


def call(name: str, *args: bytes) -> bytes:
    module, _, attribute = name.rpartition(".")
    return f"c{module}\n{attribute}\n".encode() + b"(" + b"".join(args) + b"tR"


def name(value: str) -> bytes:
    return f"ctorch\n{value}\n".encode()


def storage(key: int, cls: str, elements: int) -> bytes:
    head = b"(" + text("storage") + f"c{cls}\n".encode() + text(str(key)) + text("cpu")
    return head + b"J" + struct.pack("<i", elements) + b"tQ"


def tensor(of: bytes, offset: int, sizes: Sequence[int], strides: Sequence[int], *more: bytes) -> bytes:
    offset_value = b"J" + struct.pack("<i", offset)
    return call(
        "torch._utils._rebuild_tensor_v2",
        of,
        offset_value,
        ints(*sizes),
        ints(*strides),
        b"\x89",
        HOOKS,
        *more,
    )


def pickled(opcodes: bytes) -> bytes:
    return b"\x80\x02" + opcodes + b"."


FLOATS = storage(0, "torch\nFloatStorage", 4)
LONGS = storage(1, "torch\nLongStorage", 4)
QUANTIZED = storage(0, "torch\nQInt8Storage", 16)
UNTYPED = storage(2, "torch.storage\nUntypedStorage", 64)
EMPTY = storage(3, "torch\nHalfStorage", 0)
HALF = b"G\x3f\xe0" + bytes(6)
SIZE = call("torch.Size", ints(3, 3))
VIEW = tensor(FLOATS, 0, (2, 2), (2, 1))


def layout(value: str) -> bytes:
    return call("torch.serialization._get_layout", text(f"torch.{value}"))


def quantized(params: bytes) -> bytes:
    view = QUANTIZED + b"K\0" + ints(2, 2) + ints(2, 1)
    return call("torch._utils._rebuild_qtensor", view, params, b"\x89", HOOKS)


def zips() -> None:
    pair = (2, 2), (2, 1)
    coo = b"(" + tensor(LONGS, 0, *pair) + tensor(FLOATS, 0, (2,), (1,)) + SIZE + b"\x88t"
    csr = (
        b"("
        + tensor(LONGS, 0, (4,), (1,))
        + tensor(LONGS, 1, (2,), (1,))
        + tensor(FLOATS, 0, (2,), (1,))
        + SIZE
        + b"t"
    )
    affine = b"(" + name("per_tensor_affine") + HALF + b"K\0t"
    scales = tensor(storage(2, "torch\nDoubleStorage", 8), 0, (2,), (1,))
    channels = b"(" + name("per_channel_affine") + scales + tensor(LONGS, 0, (2,), (1,)) + b"K\0t"
    v3 = call(
        "torch._utils._rebuild_tensor_v3", UNTYPED, b"K\0", ints(8), ints(4), b"\x88", HOOKS, name("bfloat16")
    )
    parameter = call(
        "torch._utils._rebuild_parameter_with_state", VIEW, b"\x88", HOOKS, b"}" + text("note") + b"K\1s"
    )
    typed = call(
        "torch._tensor._rebuild_from_type_v2",
        b"ctorch._utils\n_rebuild_tensor_v2\n",
        name("Tensor"),
        b"(" + FLOATS + b"K\1" + ints(2) + ints(1) + b"\x89" + HOOKS + b"t",
        b"}" + text("_is_buffer") + b"\x88s",
    )
    metadata = b"}" + text("_metadata") + HOOKS + text("") + b"}" + text("version") + b"K\1sssb"
    meta = call("torch._utils._rebuild_meta_tensor_no_storage", name("float32"), ints(3), ints(1), b"\x89")
    device = call("torch.device", text("cuda"), b"K\1")
    for seed, opcodes in {
        "view": VIEW,
        "state_dict": HOOKS + text("w") + VIEW + b"s" + metadata,
        "shared": b"(" + VIEW + FLOATS + tensor(FLOATS, 3, (), ()) + b"t",
        "v3": v3,
        "empty": tensor(EMPTY, 0, (0, 3), (3, 1)),
        "coo": call("torch._utils._rebuild_sparse_tensor", layout("sparse_coo"), coo),
        "csr": call("torch._utils._rebuild_sparse_tensor", layout("sparse_csr"), csr),
        "quantized": quantized(affine),
        "channels": quantized(channels),
        "parameter": parameter,
        "typed": typed,
        "meta": meta,
        "values": b"(" + SIZE + device + layout("strided") + name("uint64") + b"t",
        "module": b"ctorch.nn.modules.linear\nLinear\n)\x81}" + text("weight") + VIEW + b"sb",
    }.items():
        put("torch_zip", seed, pickled(opcodes))


def tars() -> None:
    def one(views: bytes, ids: Sequence[int], pickle: bytes) -> bytes:
        floats = b"ctorch\nFloatStorage\n"
        storages = pickled(b"K\1") + pickled(b"(K\1" + text("cpu") + floats + b"t")
        storages += struct.pack("<q", 2) + b"abcdefgh" + pickled(views)
        tensors = pickled(bytes([ord("K"), len(ids)]))
        for of in ids:
            tensors += pickled(
                bytes([ord("("), ord("K"), 10 + of, ord("K"), of]) + name("FloatTensor") + b"t"
            )
            tensors += struct.pack("<iiqqq", 1, 0, 1, 1, 0)
        return struct.pack("<HH", len(storages), len(tensors)) + storages + tensors + pickled(pickle)

    put("torch_tar", "tensor", one(b"]", [1], b"P11\n"))
    put("torch_tar", "int", one(b"]", [1], b"K\x0bQ"))
    put("torch_tar", "part", one(b"]((K\2K\1K\1K\1te", [1, 2], b"(P11\nP12\nt"))

    for seed, form in (
        ("pax", tarfile.PAX_FORMAT),
        ("ustar", tarfile.USTAR_FORMAT),
        ("gnu", tarfile.GNU_FORMAT),
    ):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w:", format=form) as archive:
            for member in ("pickle", "a" * (99 if seed == "ustar" else 120) if seed != "pax" else "storages"):
                info = tarfile.TarInfo(member)
                info.mtime = 1.5 if seed == "pax" else 1
                info.size = 3
                archive.addfile(info, io.BytesIO(b"N.x"))
        put("tar", seed, out.getvalue())


if __name__ == "__main__":
    zips()
    tars()
