"""torch's files by hand: zip archives as its writer lays them out, and the older five pickles."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from . import opcodes as op

ITEM = {
    "FloatStorage": 4, "DoubleStorage": 8, "HalfStorage": 2, "BFloat16Storage": 2, "LongStorage": 8,
    "IntStorage": 4, "ShortStorage": 2, "CharStorage": 1, "ByteStorage": 1, "BoolStorage": 1,
    "ComplexFloatStorage": 8, "QInt8Storage": 1, "QUInt8Storage": 1, "QInt32Storage": 4, "UntypedStorage": 1,
}  # fmt: skip
ALIGNMENT = 64
FLAGS = 0x808


@dataclass
class Member:
    """One member of an archive; what is not None overrides what an honest writer says."""

    name: str
    data: bytes
    central_name: str | None = None
    flags: int = FLAGS
    central_flags: int | None = None
    method: int = 0
    central_method: int | None = None
    crc: int | None = None
    size: int | None = None
    attributes: int = 0
    central_extra: bytes = b""
    stored: bytes | None = None
    at: int = field(default=0, init=False)


def zip_bytes(
    members: Iterable[Member], *, prefix: bytes = b"", comment: bytes = b"", zip64: bool = True
) -> bytes:
    """The archive: local headers with descriptors behind the data, directory, both end records."""
    out = bytearray(prefix)
    central = bytearray()
    count = 0
    for member in members:
        count += 1
        member.at = len(out)
        raw = member.data if member.stored is None else member.stored
        name = member.name.encode()
        start = len(out) + 30 + len(name) + 4
        padding = -start % ALIGNMENT
        extra = b"FB" + struct.pack("<H", padding) + b"Z" * padding
        out += struct.pack(
            "<4s5H3I2H", b"PK\3\4", 0, member.flags, member.method, 0, 0, 0, 0, 0, len(name), len(extra)
        )
        out += name + extra + raw
        crc = zlib.crc32(member.data) if member.crc is None else member.crc
        size = len(member.data) if member.size is None else member.size
        if raw:
            out += struct.pack("<4s3I", b"PK\7\x08", crc, len(raw), size)
        said = (member.name if member.central_name is None else member.central_name).encode()
        flags = member.flags if member.central_flags is None else member.central_flags
        method = member.method if member.central_method is None else member.central_method
        central += struct.pack(
            "<4s6H3I5H2I", b"PK\1\2", 0, 0, flags, method, 0, 0, crc, len(raw), size, len(said),
            len(member.central_extra), 0, 0, 0, member.attributes, member.at,
        ) + said + member.central_extra  # fmt: skip
    at = len(out)
    out += central
    if zip64:
        end = len(out)
        out += struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 0, 0, 0, 0, count, count, len(central), at)
        out += struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
    out += struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, count, count, len(central), at, len(comment))
    return bytes(out + comment)


def members(
    data_pkl: bytes, storages: Mapping[str, bytes] | None = None, *, folder: str = "archive",
    byteorder: str | None = "little", version: bytes = b"3\n",
) -> list[Member]:  # fmt: skip
    """Those of a file of torch.save, in its order."""
    found = [
        Member("data.pkl", data_pkl),
        Member(".format_version", b"1"),
        Member(".storage_alignment", b"64"),
    ]
    if byteorder is not None:
        found.append(Member("byteorder", byteorder.encode()))
    found += [Member(f"data/{key}", data) for key, data in (storages or {}).items()]
    found += [Member("version", version), Member(".data/serialization_id", b"0" * 40)]
    for member in found:
        member.name = f"{folder}/{member.name}"
    return found


def torch_zip(fragment: bytes, storages: Mapping[str, bytes] | None = None, **rest: object) -> bytes:
    """A whole file around one fragment of opcodes."""
    return zip_bytes(members(op.stream(fragment), storages, **rest))  # type: ignore[arg-type]


def torch_legacy(fragment: bytes, storages: Mapping[str, tuple[int, bytes]] | None = None) -> bytes:
    """A whole legacy file; storages give the count of elements and their bytes."""
    storages = storages or {}
    info = {
        "protocol_version": 1001,
        "little_endian": True,
        "type_sizes": {"short": 2, "int": 4, "long": 4},
    }
    parts = [0x1950A86A20F9469CFC6C, 1001, info]
    out = b"".join(op.stream(op.value(part)) for part in parts)
    out += op.stream(fragment) + op.stream(op.value(list(storages)))
    return out + b"".join(struct.pack("<q", count) + data for count, data in storages.values())


def ordered(*items: bytes) -> op.Raw:
    """An OrderedDict of keys and values that are fragments already."""
    empty = op.call(op.global_("collections", "OrderedDict"))
    return op.Raw(empty + op.MARK + b"".join(items) + op.SETITEMS) if items else empty


def storage(
    cls: str = "FloatStorage", key: object = "0", count: object = 24, location: object = "cpu", *more: object,
    module: str = "torch", tag: object = "storage",
) -> op.Raw:  # fmt: skip
    """A persistent id of a zip file; a sixth part makes it one of a legacy file."""
    name = op.Raw(op.global_(module, cls))
    return op.Raw(op.value((tag, name, key, location, count, *more)) + op.BINPERSID)


def legacy_storage(cls: str = "FloatStorage", key: object = "0", count: object = 24) -> op.Raw:
    """A persistent id of a legacy file."""
    return storage(cls, key, count, "cpu", None)


HOOKS = ordered()
V2 = op.global_("torch._utils", "_rebuild_tensor_v2")


def v1(held: bytes, offset: object, sizes: object, strides: object) -> op.Raw:
    name = op.global_("torch._utils", "_rebuild_tensor")
    return op.call(name, op.Raw(held), offset, sizes, strides)


def v2(
    held: bytes, offset: object = 0, sizes: object = (24,), strides: object = (1,), grad: object = False,
    hooks: object = HOOKS, *metadata: object,
) -> op.Raw:  # fmt: skip
    return op.call(V2, op.Raw(held), offset, sizes, strides, grad, hooks, *metadata)


def v3(
    held: bytes, offset: object = 0, sizes: object = (24,), strides: object = (1,), grad: object = False,
    hooks: object = HOOKS, dtype: object = op.Raw(op.global_("torch", "float32")), *metadata: object,
) -> op.Raw:  # fmt: skip
    name = op.global_("torch._utils", "_rebuild_tensor_v3")
    return op.call(name, op.Raw(held), offset, sizes, strides, grad, hooks, dtype, *metadata)


def parameter(tensor: bytes, grad: object = True, hooks: object = HOOKS) -> op.Raw:
    return op.call(op.global_("torch._utils", "_rebuild_parameter"), op.Raw(tensor), grad, hooks)
