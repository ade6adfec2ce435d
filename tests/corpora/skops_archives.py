"""skops files whose archive, members or JSON are wrong, around a tree that is good otherwise."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from collections.abc import Iterator
from typing import Any

import numpy as np
import skops.io
from scipy import sparse

from .case import Case, case
from .skops_files import base, put_together, take_apart, write


def members_wrong(_canary: str) -> Iterator[Case]:
    state, members = take_apart(skops.io.dumps(base()))
    schema = ("schema.json", json.dumps(state).encode())
    for index, (name, data) in enumerate(members):
        rest = members[:index] + members[index + 1 :]
        suffix = name[-4:]
        yield case(f"skops-member-missing-{index}", put_together(state, rest))
        if suffix != ".bin":  # whose content is the value
            yield case(f"skops-member-cut-{index}", put_together(state, [*rest, (name, data[:-1])]))
            yield case(f"skops-member-other-{index}", put_together(state, [*rest, (name, b"\x80\x04N.")]))
        for odd in (
            "../" + name,
            "/" + name,
            "a\\" + name,
            "x/../" + name,
            name.upper(),
            "./" + name,
            "C:" + name,
            "etc/passwd",
            "schema.json",
            "1.pkl",
            name + "\n",
            "1" + suffix + ".npy",
        ):
            twin = json.loads(json.dumps(state).replace(json.dumps(name), json.dumps(odd)))
            yield case(f"skops-member-named-{index}-{odd[:12]!r}", put_together(twin, [*rest, (odd, data)]))
            yield case(f"skops-member-wanted-{index}-{odd[:12]!r}", put_together(twin, members))
    yield case("skops-extra-member", put_together(state, [*members, ("1.bin", b"")]), "TRAILING_DATA")
    yield case("skops-extra-pickle", put_together(state, [*members, ("data.pkl", b"N.")]), "TRAILING_DATA")
    yield case("skops-schema-twice", write([schema, *members, schema]), "DUPLICATE_MEMBER")
    yield case("skops-schema-twice-case", write([("SCHEMA.json", b"{}"), *members, schema]))
    yield case("skops-schema-not-last", write([schema, *members]), "MALFORMED")
    yield case("skops-schema-only-in-folder", write([*members, ("a/schema.json", schema[1])]))
    zeros = np.zeros(1)
    header = io.BytesIO()
    np.save(header, zeros)
    huge = header.getvalue().replace(b"(1,), ", b"(1" + b"0" * 14 + b",), ")[:128] + bytes(8)
    pickled = io.BytesIO()
    np.save(pickled, np.array([None], dtype=object), allow_pickle=True)
    for index, (name, _) in enumerate(members):
        if name.endswith(".npy"):
            rest = members[:index] + members[index + 1 :]
            yield case("skops-npy-huge", put_together(state, [*rest, (name, huge)]))
            yield case("skops-npy-objects", put_together(state, [*rest, (name, pickled.getvalue())]), "DTYPE")
            break
    bomb = zipfile.ZIP_DEFLATED
    yield case("skops-bomb", write([("1.bin", bytes(1 << 30)), schema], bomb))


def _npz(**arrays: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def sparse_wrong(_canary: str) -> Iterator[Case]:
    state, members = take_apart(skops.io.dumps(sparse.csr_matrix(np.eye(3))))
    name = members[0][0]
    with np.load(io.BytesIO(members[0][1])) as loaded:
        good = dict(loaded)
    wrong: dict[str, dict[str, Any]] = {
        "format": {"format": np.array(b"xyz")},
        "format-csc": {"format": np.array(b"csc")},
        "format-int": {"format": np.array(1)},
        "shape": {"shape": np.array([3, 3, 3])},
        "shape-neg": {"shape": np.array([-3, 3])},
        "shape-float": {"shape": np.array([3.0, 3.0])},
        "shape-small": {"shape": np.array([3, 1])},
        "indices": {"indices": np.array([0, 1, 99], "i4")},
        "indices-neg": {"indices": np.array([0, 1, -1], "i4")},
        "indptr": {"indptr": np.array([0, 1, 2, 99], "i4")},
        "indptr-falls": {"indptr": np.array([0, 3, 1, 3], "i4")},
        "extra": {"more": np.array(1)},
        "array": {"_is_array": np.array(True)},
        "array-int": {"_is_array": np.array(2, "u1")},
    }
    for what, change in wrong.items():
        yield case(f"skops-sparse-{what}", put_together(state, [(name, _npz(**{**good, **change}))]))
    for key in good:
        if key != "_is_array":
            rest = {k: v for k, v in good.items() if k != key}
            yield case(f"skops-sparse-without-{key}", put_together(state, [(name, _npz(**rest))]))
    inner = members[0][1]
    for what, data in {
        "prefix": b"x" + inner,
        "tail": inner + b"x",
        "twice": inner + inner,
        "cut": inner[:-1],
        "empty": b"",
    }.items():
        yield case(f"skops-sparse-zip-{what}", put_together(state, [(name, data)]))


def odd_json(_canary: str) -> Iterator[Case]:
    state, members = take_apart(skops.io.dumps(base()))
    text = json.dumps(state)
    deep = 100_000
    node = '{"__class__":"list","__module__":"builtins","__loader__":"ListNode","content":['
    for what, data in {
        "bom": "\ufeff" + text,
        "tail": text + "x",
        "two": text + text,
        "cut": text[:-1],
        "empty": "",
        "comment": "/**/" + text,
        "nan": text.replace('"protocol": 2', '"protocol": NaN'),
        "duplicate": text[:-1] + ', "protocol": 1}',
        "duplicate-escaped": text[:-1] + ', "prot\\u006fcol": 1}',
        "duplicate-class": text.replace('"__class__"', '"__class__": "x", "__class__"', 1),
        "surrogate": text.replace('"model"', '"\\ud800"', 1),
        "control": text.replace('"model"', '"\x01"', 1),
        "array": "[" + text + "]",
        "null": "null",
        "deep": "[" * deep + "]" * deep,
        "deep-nodes": node * 2000 + "]}" * 2000,
        "huge-int": text.replace('"protocol": 2', '"protocol": ' + "9" * 5000),
        "huge-id": text.replace('"__id__": ', '"__id__": ' + "9" * 30, 1),
        "protocol-3": text.replace('"protocol": 2', '"protocol": 3'),
        "protocol-text": text.replace('"protocol": 2', '"protocol": "2"'),
        "protocol-float": text.replace('"protocol": 2', '"protocol": 2.0'),
        "protocol-true": text.replace('"protocol": 2', '"protocol": true'),
    }.items():
        yield case(f"skops-json-{what}", put_together(data, members))
    yield case("skops-json-utf16", put_together(text.encode("utf-16"), members), "MALFORMED")
    yield case("skops-json-latin1", put_together(text.replace("model", "\xe9").encode("latin1"), members))


def odd_zip(_canary: str) -> Iterator[Case]:
    """What zip readers differ on, around a file that is good otherwise."""
    state, members = take_apart(skops.io.dumps(base()))
    good = put_together(state, members)
    yield case("skops-zip-prefix", b"#!/bin/sh\n" + good)
    yield case("skops-zip-tail", good + b"\n")
    yield case("skops-zip-twice", good + good)
    yield case("skops-zip-comment", good[:-2] + struct.pack("<H", 5) + b"hello")
    yield case("skops-zip-cut", good[:-1])
    end = good.rindex(b"PK\5\6")
    (central,) = struct.unpack_from("<I", good, end + 16)
    edits = {
        "flag-encrypted": [(6, 1), (central + 8, 1)],
        "flag-patched": [(6, 0x20), (central + 8, 0x20)],
        "flag-strong": [(6, 0x40), (central + 8, 0x40)],
        "flag-local": [(6, 1)],
        "flag-central": [(central + 8, 1)],
        "method-local": [(8, 8)],
        "method-central": [(central + 10, 8)],
        "method-bzip2": [(8, 12), (central + 10, 12)],
        "crc-local": [(14, good[14] ^ 1)],
        "crc-central": [(central + 16, good[central + 16] ^ 1)],
        "crc-both": [(14, good[14] ^ 1), (central + 16, good[central + 16] ^ 1)],
        "size-local": [(22, good[22] ^ 1)],
        "size-central": [(central + 24, good[central + 24] ^ 1)],
        "compressed-local": [(18, good[18] ^ 1)],
        "name-local": [(30, ord("x"))],
        "name-central": [(central + 46, ord("x"))],
        "offset": [(central + 42, 1)],
        "directory": [(central + 38, 0x10)],
        "symlink": [(central + 41, 0xA1)],
        "extra-length": [(28, 1)],
        "count": [(end + 8, good[end + 8] ^ 1), (end + 10, good[end + 10] ^ 1)],
        "count-disk": [(end + 8, good[end + 8] ^ 1)],
        "disk": [(end + 4, 1)],
        "cd-offset": [(end + 16, good[end + 16] ^ 1)],
        "cd-size": [(end + 12, good[end + 12] ^ 1)],
        "no-local": [(0, 0)],
    }
    for name, changes in edits.items():
        twin = bytearray(good)
        for offset, byte in changes:
            twin[offset] = byte
        yield case(f"skops-zip-{name}", bytes(twin))


BUILDERS = (members_wrong, sparse_wrong, odd_json, odd_zip)
