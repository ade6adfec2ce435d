"""Archives that torch and Python's zip reader take for different things, and formats that hold code."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator

from . import opcodes as op
from . import payloads
from .case import Case, case
from .torch_tensors import FLOATS, in_legacy, in_zip
from .torch_write import Member, legacy_storage, members, storage, torch_legacy, torch_zip, v2, zip_bytes

GOOD = op.value({"w": v2(storage())})
PICKLE = op.stream(GOOD)
HELD = {"0": FLOATS}


def good_members(**rest: object) -> list[Member]:
    return members(PICKLE, HELD, **rest)  # type: ignore[arg-type]


def find(found: list[Member], name: str) -> Member:
    return next(member for member in found if member.name.endswith("/" + name))


def controls() -> Iterator[tuple[str, bytes]]:
    """Archives of old and new releases, and one that Python's zipfile wrote, deflated."""
    yield "new", zip_bytes(good_members())
    yield "no-zip64", zip_bytes(good_members(), zip64=False)
    yield "old", zip_bytes([m for m in good_members(byteorder=None) if "/." not in m.name])
    yield "folder", zip_bytes(good_members(folder="résumé 1"))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for member in good_members():
            archive.writestr(member.name, member.data)
    yield "zipfile", buffer.getvalue()


def with_changes(name: str, **changes: object) -> bytes:
    found = good_members()
    for key, value in changes.items():
        setattr(find(found, name), key, value)
    return zip_bytes(found)


def archives(canary: str) -> Iterator[Case]:
    """The table of odd archives, each at the pickle, at a storage and at a small member."""
    evil = op.stream(payloads.system(canary))
    places = ("data.pkl", "data/0", "version", "byteorder", ".data/serialization_id")
    for place in places:
        data = find(good_members(), place).data
        other = evil if place == "data.pkl" else bytes(len(data))
        for front in (True, False):
            found = good_members()
            twin = Member(find(found, place).name, other)
            found = [twin, *found] if front else [*found, twin]
            yield case(f"torch-zip-twice-{place}-{front}", zip_bytes(found))
            upper = Member(f"archive/{place.upper()}", other)
            upper.name = upper.name if upper.name != twin.name else f"Archive/{place}"
            found = [upper, *good_members()] if front else [*good_members(), upper]
            yield case(f"torch-zip-case-{place}-{front}", zip_bytes(found))
        for bit in (0, 5, 6, 13):
            flag = 0x808 | 1 << bit
            yield case(f"torch-zip-flag-{bit}-{place}", with_changes(place, flags=flag))
            yield case(f"torch-zip-central-flag-{bit}-{place}", with_changes(place, central_flags=flag))
            yield case(
                f"torch-zip-local-flag-{bit}-{place}", with_changes(place, flags=flag, central_flags=0x808)
            )
        yield case(f"torch-zip-crc-{place}", with_changes(place, crc=zlib.crc32(data) ^ 1))
        for size in (len(data) + 1, len(data) - 1, 2**31, 0xFFFFFFFF):
            yield case(f"torch-zip-size-{size}-{place}", with_changes(place, size=size))
        for method in (1, 8, 9, 12, 14, 93, 95, 99):
            yield case(f"torch-zip-method-{method}-{place}", with_changes(place, method=method))
            yield case(
                f"torch-zip-central-method-{method}-{place}", with_changes(place, central_method=method)
            )
            yield case(
                f"torch-zip-local-method-{method}-{place}",
                with_changes(place, method=method, central_method=0),
            )
        yield case(f"torch-zip-central-name-{place}", with_changes(place, central_name="archive/x"))
        yield case(f"torch-zip-directory-{place}", with_changes(place, attributes=0x10))
        yield case(f"torch-zip-extra-{place}", with_changes(place, central_extra=b"\1\0\xff\xff"))
        yield case(f"torch-zip-extra-zip64-{place}", with_changes(place, central_extra=b"\1\0\4\0abcd"))
        found = [m for m in good_members() if not m.name.endswith("/" + place)]
        if place in ("data.pkl", "data/0", "version"):
            yield case(f"torch-zip-without-{place}", zip_bytes(found))
    for what, names in {
        "dots": "archive/../data.pkl",
        "absolute": "/archive/data.pkl",
        "backslash": "archive\\data.pkl",
        "other": "b/data.pkl",
        "bare": "data.pkl",
        "deep": "archive/archive/data.pkl",
        "dot": "archive/./x",
        "empty": "",
        "slash": "archive/",
        "parent": "../x",
        "drive": "C:/x",
        "nul": "archive/data.pkl\0.txt",
        "key": "archive/data/00",
        "high": "archive/data/2",
        "code": "archive/code/__torch__.py",
        "constants": "archive/constants.pkl",
        "text": "archive/x.txt",
        "pickle": "archive/extra/evil.pkl",
        "module": "archive/data/0.pkl",
        "model": "archive/model.json",
    }.items():
        extra = Member(names, evil)
        yield case(f"torch-zip-name-{what}", zip_bytes([*good_members(), extra]))
        yield case(f"torch-zip-name-first-{what}", zip_bytes([extra, *good_members()]))


def whole_archives(canary: str) -> Iterator[Case]:
    """What stands around an archive, or says it ends elsewhere."""
    good = zip_bytes(good_members())
    evil = torch_zip(payloads.system(canary), HELD)
    yield case("torch-zip-two", good + evil)
    yield case("torch-zip-two-evil-first", evil + good)
    yield case("torch-zip-itself-twice", good + good)
    for prefix in (
        b"\0",
        b"#!/bin/sh\n",
        b"\x80\x02N.",
        op.stream(payloads.system(canary)),
        bytes(64),
        b"PK\3\4",
    ):
        yield case(f"torch-zip-prefix-{len(prefix)}-{prefix[:2]!r}", prefix + good)
        yield case(f"torch-zip-moved-{len(prefix)}-{prefix[:2]!r}", zip_bytes(good_members(), prefix=prefix))
    for tail in (b"\0", b"\n", b"x" * 65535, b"x" * 70000, op.stream(payloads.system(canary))):
        yield case(f"torch-zip-tail-{len(tail)}", good + tail)
    yield case("torch-zip-comment", zip_bytes(good_members(), comment=b"hello"))
    yield case("torch-zip-comment-end", zip_bytes(good_members(), comment=b"PK\5\6" + bytes(18)))
    end = good.rindex(b"PK\5\6")
    zip64 = good.rindex(b"PK\6\6")
    locator = good.rindex(b"PK\6\7")
    for name, (at, form, value) in {
        "count": (end + 8, "<H", 1),
        "count-all": (end + 10, "<H", 1),
        "disk": (end + 4, "<H", 1),
        "disk-cd": (end + 6, "<H", 1),
        "cd-size": (end + 12, "<I", 1),
        "cd-offset": (end + 16, "<I", 1),
        "cd-past": (end + 16, "<I", 2**31),
        "cd-offset-0": (end + 16, "<I", 0),
        "comment-length": (end + 20, "<H", 9),
        "zip64-count": (zip64 + 24, "<Q", 1),
        "zip64-size": (zip64 + 40, "<Q", 1),
        "zip64-offset": (zip64 + 48, "<Q", 1),
        "zip64-record": (zip64 + 4, "<Q", 2**63),
        "zip64-huge": (zip64 + 32, "<Q", 2**62),
        "locator": (locator + 8, "<Q", 0),
        "locator-past": (locator + 8, "<Q", 2**62),
        "locator-disks": (locator + 16, "<I", 2),
        "zip64-disk": (zip64 + 16, "<I", 1),
    }.items():
        twin = bytearray(good)
        struct.pack_into(form, twin, at, value)
        yield case(f"torch-zip-end-{name}", bytes(twin))
    central = good.index(b"PK\1\2")
    second = good.index(b"PK\1\2", central + 4)
    (offset,) = struct.unpack_from("<I", good, second + 42)
    for name, changes in {
        "same-offset": [(second + 42, "<I", 0)],
        "offset-inside": [(second + 42, "<I", 8)],
        "offset-past": [(second + 42, "<I", 2**31)],
        "offset-moved": [(second + 42, "<I", offset + 1)],
        "overlap": [(central + 20, "<I", 500), (central + 24, "<I", 500)],
        "huge": [(central + 24, "<I", 2**31)],
        "disk": [(central + 34, "<H", 1)],
        "name-long": [(central + 28, "<H", 60000)],
        "comment": [(central + 32, "<H", 3)],
        "no-local": [(0, "<I", 0)],
        "descriptor": [(good.index(b"PK\7\x08") + 4, "<I", 7)],
        "symlink": [(central + 38, "<I", 0xA1FF0000)],
    }.items():
        twin = bytearray(good)
        for at, form, value in changes:
            struct.pack_into(form, twin, at, value)
        yield case(f"torch-zip-entry-{name}", bytes(twin))
    for version in (b"0", b"11", b"", b"x", b"-3", b"3\n3", b" 3", b"+3", b"03", b"3.0", b"9" * 40):
        yield case(f"torch-zip-version-{version[:4]!r}", zip_bytes(good_members(version=version)))
    for order in ("middle", "", "Little", "little\n", "big ", "\0"):
        yield case(f"torch-zip-order-{order!r}", zip_bytes(good_members(byteorder=order)))


def pickles_inside(canary: str) -> Iterator[Case]:
    """Attacks on pickle readers as the pickle of an archive; a payload in each part of a legacy file."""
    for builder in payloads.BUILDERS:
        for attack in builder(canary):
            if len(attack.data) < 1 << 16:
                yield case(f"torch-zip-{attack.name}", zip_bytes(members(attack.data)))
    evil = payloads.system(canary)
    magic, rest = op.stream(op.value(0x1950A86A20F9469CFC6C)), []
    yield case("torch-magic-by-call", op.stream(evil) + in_legacy(v2(legacy_storage())))
    for part in (1001, {"protocol_version": 1001, "little_endian": True}):
        rest.append(op.stream(op.value(part)))
    body, keys = op.stream(v2(legacy_storage())), op.stream(op.value(["0"]))
    honest = [magic, *rest, body, keys]
    data = struct.pack("<q", 24) + FLOATS
    for index in range(5):
        parts = list(honest)
        parts[index] = op.stream(evil)
        yield case(f"torch-legacy-evil-{index}", b"".join(parts) + data)
        parts[index] = op.stream(op.value([evil, 1]))
        yield case(f"torch-legacy-evil-list-{index}", b"".join(parts) + data)
        parts[index] = op.stream(op.Raw(op.inst("posix", "system", f"touch {canary}")))
        yield case(f"torch-legacy-inst-{index}", b"".join(parts) + data)
        for what, odd in {"none": None, "list": [], "str": "x", "int": 7, "true": True}.items():
            parts[index] = op.stream(op.value(odd))
            if (index, what) not in (
                (4, "list"),
                (3, "none"),
                (3, "str"),
                (3, "int"),
                (3, "true"),
                (3, "list"),
            ):
                yield case(f"torch-legacy-{what}-{index}", b"".join(parts) + data)
        yield case(f"torch-legacy-without-{index}", b"".join(honest[:index] + honest[index + 1 :]) + data)
        yield case(f"torch-legacy-twice-{index}", b"".join(honest[: index + 1] + honest[index:]) + data)
    nested = torch_legacy(op.Raw(evil))
    load = op.global_("torch.storage", "_load_from_bytes")
    for what, inner in {
        "legacy": nested,
        "zip": torch_zip(evil),
        "pickle": op.stream(evil),
        "empty": b"",
        "text": b"x" * 40,
    }.items():
        yield case(f"torch-nested-{what}", op.stream(op.call(load, inner), 3))
        yield case(f"torch-nested-in-zip-{what}", torch_zip(op.call(load, inner)))


def legacy(canary: str) -> Iterator[Case]:
    """Storages of a legacy file that are not those that its tensors name."""
    tensor = v2(legacy_storage())
    good = in_legacy(tensor)
    for count in (23, 25, 0, -1, 2**62, 2**63 - 1, -(2**63)):
        yield case(f"torch-legacy-count-{count}", torch_legacy(tensor, {"0": (count, FLOATS)}))
    yield case("torch-legacy-no-keys", torch_legacy(tensor))
    yield case("torch-legacy-other-key", torch_legacy(tensor, {"1": (24, FLOATS)}))
    yield case("torch-legacy-more-keys", torch_legacy(tensor, {"0": (24, FLOATS), "1": (1, b"abcd")}))
    twice = good.replace(op.stream(op.value(["0"])), op.stream(op.value(["0", "0"]))) + good[-104:]
    yield case("torch-legacy-key-twice", twice)
    for tail in (b"\0", FLOATS, b".", op.stream(payloads.system(canary))):
        yield case(f"torch-legacy-tail-{len(tail)}", good + tail)
    for what, view in {
        "past": ("v", 20, 5),
        "negative": ("v", -1, 5),
        "huge": ("v", 0, 2**62),
        "short": ("v",),
        "int": 5,
        "str": "x",
        "function": payloads.system(canary),
    }.items():
        held = storage("FloatStorage", "0", 24, "cpu", view)
        yield case(f"torch-legacy-view-{what}", in_legacy(v2(held)))
    for what, parts in {
        "function": ("module", op.Raw(op.global_("posix", "system")), "x.py", "code"),
        "call": ("module", payloads.system(canary), "x.py", "code"),
        "none": ("module", None, "x.py", "code"),
        "short": ("module",),
        "main": ("module", op.Raw(op.global_("__main__", "Net")), "a", "b"),
    }.items():
        yield case(f"torch-legacy-module-{what}", torch_legacy(op.Raw(op.value(parts) + op.BINPERSID)))


def _tar(parts: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in parts.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def code(canary: str) -> Iterator[Case]:
    """TorchScript, exported programs, model archives, tar files: named, or refused as evil."""
    evil = op.stream(payloads.system(canary))
    script = {"archive/constants.pkl": op.stream(op.EMPTY_TUPLE), "archive/code/__torch__.py": b"x = 1"}
    for names in (list(script), list(script)[:1], list(script)[1:]):
        extra = [Member(name, script[name]) for name in names]
        yield case(f"torch-script-{len(names)}-{names[0][8:12]}", zip_bytes([*good_members(), *extra]))
    for first in (
        "MAR-INF/MANIFEST.json",
        "archive/archive_format",
        "archive/models/model.json",
        ".data/extern_modules",
    ):
        yield case(f"torch-other-{first[:9]}", zip_bytes([Member(first, b"pt2"), *good_members()]))
    storages = op.stream(op.value(0))
    for what, parts in {
        "pickle": {"storages": storages, "tensors": storages, "pickle": evil},
        "storages": {"storages": evil, "tensors": storages, "pickle": op.stream(op.value({}))},
        "tensors": {"storages": storages, "tensors": evil, "pickle": op.stream(op.value({}))},
        "missing": {"storages": storages, "pickle": op.stream(op.value({}))},
        "more": {"storages": storages, "tensors": storages, "pickle": op.stream(op.value({})), "x": evil},
        "path": {"../storages": storages, "tensors": storages, "pickle": op.stream(op.value({}))},
        "count": {
            "storages": op.stream(op.value(2**40)),
            "tensors": storages,
            "pickle": op.stream(op.value({})),
        },
        "negative": {
            "storages": op.stream(op.value(-1)),
            "tensors": storages,
            "pickle": op.stream(op.value({})),
        },
    }.items():
        yield case(f"torch-tar-{what}", _tar(parts))


def truncations(good: bytes, name: str) -> Iterator[Case]:
    """Cut at every byte."""
    for length in range(len(good)):
        yield case(f"{name}-cut-{length}", good[:length])


def small_files() -> dict[str, bytes]:
    """Two of each sort that are cut at every byte."""
    tensor = op.value({"w": v2(storage("FloatStorage", "0", 2), 0, (2,), (1,))})
    held = op.value({"w": v2(legacy_storage(count=2), 0, (2,), (1,))})
    data = struct.pack("<2f", 1, 2)
    return {"torch-zip": in_zip(op.Raw(tensor), data), "torch-legacy": in_legacy(op.Raw(held), data)}


BUILDERS: tuple[Callable[[str], Iterator[Case]], ...] = (
    archives,
    whole_archives,
    pickles_inside,
    legacy,
    code,
)
