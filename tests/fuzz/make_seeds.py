#!/usr/bin/env python3
"""Writes the seeds that have names, of every target but the parsers' (sandbox/formats/testdata), torch's
(make_torch_seeds.py) and worker_output (record_worker_outputs.py). What a fuzzer found stands beside
them, by its hash.

    make_seeds.py        with the Python of build/venv
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from loadlock._proto._pool import enum, message

CORPUS = Path(__file__).resolve().parent / "corpus"
ROOT = Path(__file__).resolve().parents[2]

GRAPH = message("loadlock.v1.Graph")
REPORT = message("loadlock.v1.Report")
KIND = enum("loadlock.v1.NodeKind")


def put(target: str, name: str, content: bytes | str) -> None:
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    (folder / f"{name}.bin").write_bytes(data)


def texts() -> None:
    for i, text in enumerate(
        ("<f8", "|b1", "=i4", ">u2", "<c16", "|S10", "<U12", "V5", "O", "|O", "O8", "<M8[ns]",
         "m8[25us]", "f16", "<f16", "M8", "<U0", "<M8[2147483647s]", "|S2147483648")
    ):  # fmt: skip
        put("typestr", f"{i:02}", text)
    for i, text in enumerate(
        ("None", "True", "12", "-0.5", "1e-3", "'content'", '"it\'s"', r"'a\\b'", "1e400", "nan",
         "9223372036854775808", " 1", "+1", "0x10", "sklearn.tree._tree.Tree", "a-policy-0", "_x")
    ):  # fmt: skip
        put("policy_literal", f"{i:02}", text)
    for i, data in enumerate(
        (b"plain", "é ü 漢字".encode(), b"\x1b[2Jhidden", "a\u202eb\u200b".encode(), b"\xff\xc0\x80",
         b"back\\slash \\x41", "\U0001f600".encode(), b'say "yes"\n', "\xa0\x9b".encode())
    ):  # fmt: skip
        put("text", f"{i:02}", bytes([40]) + data)
    for i, path in enumerate(
        ("a/f", "a/x/y/f", "b/in/f", "a/../out/secret", "a/relative", "a/absolute", "a/x/folder/secret",
         "a/inside", "a/loop", "a/magic/etc/passwd", "a/pipe", "a//x/./f", "a/.../f", "a", "", "out/secret",
         "=/etc/passwd", "=relative", "=", "a/nothing")
    ):  # fmt: skip
        put("store_path", f"{i:02}", path)


def indexes() -> None:
    two = {"a": "m-00001-of-00002.safetensors", "b": "m-00002-of-00002.safetensors"}
    for name, text in (
        ("two", json.dumps({"metadata": {"total_size": 16}, "weight_map": two})),
        ("none", '{"weight_map": {}}'),
        ("escaping", json.dumps({"weight_map": {"a": "../m.safetensors", "b": "/m.safetensors"}})),
        ("escaped", '{"weight_map": {"\\u0061": "\\u002e\\u002e/x.safetensors"}}'),
        ("twice", '{"weight_map": {"a": "m.safetensors", "a": "n.safetensors"}}'),
    ):
        put("shard_index", name, text)


def headers() -> None:
    simple = "{'descr': '<f8', 'fortran_order': False, 'shape': (3, 4), }"
    record = "{'descr': [('a', '<i4'), ('é', [('b', '|S3')])], 'fortran_order': True, 'shape': (1,), }"
    for name, text in (
        ("simple", simple),
        ("record", record),
        ("scalar", "{'shape': (), 'fortran_order': False, 'descr': '|b1'}"),
        ("escapes", r"{'descr': '\x41B\U0001f600\\\'', 'fortran_order': False, 'shape': ()}"),
        ("double", simple.replace("'", '"')),
    ):
        put("npy_header", name, f"{text}  \n")
        padded = text.encode() + b" " * 5 + b"\n"
        magic = b"\x93NUMPY\x03\x00" + struct.pack("<I", len(padded))
        put("npy_header", f"{name}-file", magic + padded)


def part(tag: bytes, data: bytes) -> bytes:
    return tag + struct.pack("<I", len(data)) + data


def varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def packets() -> None:
    answer = b"A" + struct.pack("<II", 5, 3) + b"graph" + b"own" + b"result"
    chunks = [b"Ggraph", b"Gmore", b"Porigins", b"Rresult", b"E"]
    violation = b"V" + struct.pack("<II", 62, 0xC000003E)
    for name, sent in (
        ("answer", [answer]),
        ("chunks", chunks),
        ("result", [b"Rrefused", b"E"]),
        ("violation", [b"Ggraph", violation]),
        ("early", chunks[:3]),
        ("large", [b"G" + bytes(2000), b"G" + bytes(2000)]),
        ("greeting", [b"Y\x07"]),
        ("failed", [b"Fno namespaces"]),
    ):
        whole = part(b"a", b"graph") + part(b"d", b"origins")
        put("frames", name, whole + b"".join(part(b"p", packet) for packet in sent))
    # loadlock.v1.Job: the client has no class of it.
    fields = enumerate((991, 1 << 30, 10**7, 1 << 31, 512), 1)
    job = b"".join(bytes([field << 3]) + varint(value) for field, value in fields)
    for fds in (0, 1, 2, 3, 8):
        put("job", f"{fds}-descriptors", bytes([fds]) + b"J" + job)
    put("job", "other", b"\x02G" + job)
    for kind in range(1, 7):
        # kind, version, id, and zeros; the target sets version and length right.
        head = struct.pack("<IIQ", kind, 2, 42) + bytes(96)
        put("control", f"kind-{kind}", bytes([kind % 3]) + head + b"why")


def programs() -> None:
    """Opcodes of fuzz_graph, each with its arguments."""
    text = bytes([4, 1]) + b"a"
    put("graph", "list", bytes([0, 9, 0, 10, 2, 9, 7, 18, 0, 3, 1, 2, 3]))
    put("graph", "dict", bytes([8]) + text + bytes([0, 1, 18, 2, 2, 1, 0]))
    put("graph", "equal-keys", bytes([0, 1, 2, 2, 9, 18, 0, 2, 1, 2]))
    put("graph", "tuple", text + bytes([0, 5, 11, 2, 1, 0, 12, 2, 1, 0]))
    put("graph", "scalar", bytes([13, 0]) + struct.pack("<q", 1) + bytes([9, 18, 0, 2, 1, 4]))
    put("graph", "cycle", bytes([7, 18, 0, 1, 0, 18, 0, 1, 0]))
    pairs = (bytes([5, 1, 97 + i, 0, i, 18, 2, 2, 1, 0]) for i in range(12))
    put("graph", "many", bytes([8]) + b"".join(pairs))
    put("graph", "big", bytes([14, 9]) + bytes(range(1, 10)) + bytes([15, 1, 6]))


def configs() -> None:
    put("config", "example", (ROOT / "deploy/config/loadlockd.textproto").read_text())
    put("config", "small", 'listen { unix_socket: "/run/x.sock" tcp: "127.0.0.1:80" }\nroots: "/"\n')
    limits = "max_nodes: 10 max_wall_time { seconds: 5 } default_lease { nanos: 1 }"
    put("config", "limits", f"limits {{ {limits} }}\n")
    put("config", "tier", 'min_tier: TIER_B\nlog { level: "debug" format: LOG_FORMAT_JSON file: "/x" }\n')
    put("config", "wrong", 'roots: "relative"\nlimits { max_depth: 0x7fffffff }\nunknown: 1\n')


def policies() -> None:
    base = """name: "a"
attribute_sets { name: "s" keys: "fit" keys: "predict" }
entries { name: "m.A" trust: TRUST_NEW_SETSTATE forbidden: "s" invariants: "FOREST"
  state { key: "k" kinds: VALUE_KIND_INT min: 0 max: 9 force: "clamp" required: true }
  state { key: "l" one_of: "None" one_of: "'x'" array { dtypes: "f8" shape: "*" shape: "len(k)" } } }
entries { name: "m.f" trust: TRUST_NAME at: "k" at: "m.A.l" at: "@TREE" }
entries { name: "m.T" trust: TRUST_FACTORY schema: "TREE" }
entries { name: "m.S" trust: TRUST_BY_NAME_AND_PARAMS schema: "SPARSE" }
"""
    narrower = """name: "b"
extends: "a"
entries { name: "m.A" trust: TRUST_NEW_SETSTATE state { key: "k" max: 3 } why: "smaller" }
entries { name: "m.f" trust: TRUST_NAME at: "k" }
"""
    other = 'name: "c"\nextends: "a"\nextends: "b"\nentries { name: "m.A" trust: TRUST_NAME at: "k" }\n'
    put("policy", "one", f"=== a\n{base}")
    put("policy", "narrower", f"=== a\n{base}=== b\n{narrower}")
    put("policy", "three", f"=== a\n{base}=== b\n{narrower}=== c\n{other}")
    put("policy", "circle", '=== a\nname: "a" extends: "b"\n=== b\nname: "b" extends: "a"\n')
    put("policy", "wrong", '=== a\nname: "a" entries { name: "x" trust: 9 }\n')
    put("policy", "shipped", "=== default\n" + (ROOT / "deploy/policies/default.textproto").read_text())


def small_graph() -> Any:
    """{'a': [1, 2], 'x': array of 3 doubles, 'o': m.A(...)}"""
    graph = GRAPH()
    nodes = [
        ("LIST_INT", [0, 2]),
        ("DTYPE", [2]),
        ("NDARRAY", [1, 0, 0, 1, 2]),
        ("GLOBAL", [0]),
        ("DICT_STR", [0, 0]),
        ("OBJECT", [3, 0xFFFFFFFF, 4, 0xFFFFFFFF, 0xFFFFFFFF]),
        ("BYTES_BUFFER", [1]),
        ("TUPLE", [5, 6]),
        ("DICT_STR", [0, 1, 3, 0, 2, 7]),
    ]
    for kind, operands in nodes:
        graph.kinds.append(KIND.Value(f"NODE_KIND_{kind}"))
        graph.operand_counts.append(len(operands))
        graph.operands.extend(operands)
    graph.ints.extend([1, 2, 3])
    graph.strings.extend(["a", "x", "<f8", "o"])
    graph.globals.add(module="m", name="A")
    for source, offset, length in ((1, 8, 24), (2, 0, 5)):
        graph.buffer_sources.append(source)
        graph.buffer_offsets.append(offset)
        graph.buffer_lengths.append(length)
    graph.root = 8
    return graph


def small_report() -> Any:
    report = REPORT(
        verdict=1, path="/srv/m", sha256="0" * 64, size=40, format="joblib", node_count=9, buffer_count=2
    )
    report.buffer_bytes = 29
    report.decoded_size = 5
    report.globals.add(module="m", name="A", count=1, first_offset=7, opcode="GLOBAL")
    return report


def sized(tag: str, data: bytes) -> bytes:
    return tag.encode() + struct.pack("<H", len(data)) + data


def answers() -> None:
    graph, report = small_graph(), small_report()
    refused = REPORT(verdict=2, policy="default", size=3)
    refused.findings.add(
        rule_id="NAME_NOT_LISTED", severity=3, message="a call of \x1b[2J", name="posix.system",
        byte_offset=7, opcode="REDUCE", object_path="$['a']", allow="entries { }",
    )  # fmt: skip
    put("client_view", "graph", b"g" + graph.SerializeToString())
    put("client_view", "accepted", b"r" + report.SerializeToString())
    put("client_view", "refused", b"r" + refused.SerializeToString())
    rich = message("google.rpc.Status")(code=9, message="refused")
    detail = rich.details.add()
    detail.type_url = "type.googleapis.com/loadlock.v1.Report"
    detail.value = refused.SerializeToString()
    info = message("google.rpc.ErrorInfo")(reason="REFUSED", domain="loadlock", metadata={"limit": "1"})
    detail = rich.details.add()
    detail.type_url = "type.googleapis.com/google.rpc.ErrorInfo"
    detail.value = info.SerializeToString()
    put("client_view", "status", b"s\x09\x07refused" + rich.SerializeToString())
    server = message("loadlock.v1.GetServerInfoResponse")(version="0.1", formats=["joblib"], max_nodes=7)
    data = server.SerializeToString()
    put("client_view", "info", b"i" + bytes([len(data)]) + data)

    artifact, decoded = bytes(range(40)), b"12345"
    pieces = sized("r", report.SerializeToString()) + sized("g", graph.SerializeToString())
    end = message("loadlock.v1.FetchEnd")(node_count=9, buffer_count=2, buffer_bytes=29)
    chunk = message("loadlock.v1.BufferChunk")
    first = chunk(buffer=0, offset=0, data=artifact[8:32]).SerializeToString()
    second = chunk(buffer=1, offset=0, data=decoded).SerializeToString()
    inline = sized("b", artifact[8:32]) + sized("b", decoded)
    stream = sized("c", first) + sized("c", second) + sized("e", end.SerializeToString())
    files = sized("a", artifact) + sized("d", decoded)
    put("client_model", "inline", b"\x01" + pieces + inline)
    put("client_model", "stream", b"\x00" + pieces + stream)
    put("client_model", "files", b"\x12" + pieces + files)
    put("client_model", "private", b"\x1a" + pieces + files)
    put("client_model", "unsealed", b"\x06" + pieces + files)
    packet = b"\x00" + struct.pack("<QQ", 40, 5)
    for fds in (0, 1, 2, 3):
        put("client_model", f"handover-{fds}", bytes([0xFF, fds]) + packet)


if __name__ == "__main__":
    texts()
    indexes()
    headers()
    packets()
    programs()
    configs()
    policies()
    answers()
