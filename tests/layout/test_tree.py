"""Includes go one way; the daemon holds no parser; the client does not unpickle."""

from __future__ import annotations

import ast
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("LOADLOCK_BUILD", ROOT / "build" / "release"))
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)

# What the sources of a folder may include: their own folder and these. The arrows of the
# design: bytes <- graph <- decoders <- formats <- worker; jail <- pipeline <- rpc; clients see
# the protos only. The longest prefix of a file's folder decides.
ALLOWED = {
    "sandbox/bytes": (),
    "sandbox/graph": ("sandbox/bytes", "loadlock/v1"),
    "sandbox/decoders": ("sandbox/bytes", "sandbox/graph", "loadlock/v1"),
    "sandbox/formats": ("sandbox/bytes", "sandbox/graph", "sandbox/decoders", "loadlock/v1"),
    "sandbox/clock": (),
    "sandbox/faults": (),
    "sandbox/channel": ("sandbox/clock", "sandbox/faults"),
    "sandbox/jail": ("sandbox/channel", "sandbox/clock", "sandbox/faults"),
    "sandbox/worker": ("sandbox/", "loadlock/v1"),
    "server/config": ("loadlock/v1", "google/protobuf", "sandbox/jail/tier.h"),
    "server/observe": ("server/config", "sandbox/channel", "sandbox/clock", "loadlock/v1", "google/"),
    "server/policy": ("loadlock/v1", "google/protobuf"),
    "server/verify": ("server/observe", "server/policy", "loadlock/v1", "google/protobuf", "sandbox/bytes"),
    "server/store": (
        "server/config", "server/observe", "sandbox/channel", "sandbox/clock", "sandbox/faults",
        "loadlock/v1",
    ),
    "server/admission": ("server/config", "server/observe", "server/policy", "loadlock/v1"),
    "server/pipeline": (
        "server/admission", "server/config", "server/observe", "server/policy", "server/store",
        "server/verify", "sandbox/channel", "sandbox/clock", "sandbox/faults", "sandbox/jail",
        "loadlock/v1", "google/",
    ),
    "server/rpc": (
        "server/", "sandbox/channel", "sandbox/clock", "sandbox/faults", "sandbox/jail", "loadlock/v1",
        "google/",
    ),
    "client/cpp": ("loadlock/v1", "google/"),
    "client/cli": ("client/cpp", "loadlock/v1", "google/"),
    "tests": ("sandbox/", "server/", "client/", "loadlock/v1", "google/"),
}  # fmt: skip
# Unit tests may look further: a policy test reads a graph that the graph builder made. What tests of
# several folders share stands in tests/support.
TEST_EXTRA = {
    "server": ("server/", "tests/support/"),
    "client": ("client/", "tests/support/", "server/rpc/fd_protocol.h"),
    "sandbox": ("sandbox/", "tests/support/"),
}


def sources() -> Iterator[Path]:
    for top in ("sandbox", "server", "client", "tests"):
        for path in sorted((ROOT / top).rglob("*")):
            if path.suffix in (".cc", ".h"):
                yield path.relative_to(ROOT)


def is_test(path: Path) -> bool:
    return path.stem.endswith("_test") or "testing" in path.parts or path.stem.startswith("test_")


def rule_for(folder: str) -> str:
    fitting = [rule for rule in ALLOWED if folder == rule or folder.startswith(rule + "/")]
    assert fitting, f"{folder}: no rule says what it may include"
    return max(fitting, key=len)


def wrong_includes(path: Path, text: str) -> list[str]:
    folder = rule_for(str(path.parent))
    allowed = (folder + "/", *ALLOWED[folder])
    if is_test(path):
        allowed += TEST_EXTRA.get(path.parts[0], ())
    # System headers in quotes carry no folder of ours.
    ours = ("sandbox/", "server/", "client/", "tests/", "loadlock/v1")
    return [
        f"{path} includes {name}"
        for name in INCLUDE.findall(text)
        if name.startswith(ours) and not name.startswith(allowed)
    ]


def test_includes_go_one_way() -> None:
    files = list(sources())
    assert len(files) > 100
    wrong = [line for path in files for line in wrong_includes(path, (ROOT / path).read_text())]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("server/verify/x.cc", "sandbox/decoders/pickle/machine.h"),
        ("server/rpc/x.cc", "sandbox/formats/format.h"),
        ("sandbox/bytes/x.h", "sandbox/graph/builder.h"),
        ("sandbox/formats/x.cc", "server/policy/policy.h"),
        ("sandbox/jail/x.cc", "sandbox/graph/builder.h"),
        ("client/cpp/x.cc", "server/store/store.h"),
        ("client/cli/x.cc", "sandbox/bytes/cursor.h"),
        ("server/policy/x.cc", "server/rpc/service.h"),
    ],
)
def test_a_wrong_include_is_found(path: str, name: str) -> None:
    assert wrong_includes(Path(path), f'#include "{name}"\n')


def symbols(binary: str) -> str:
    command = ["nm", "-C", "--defined-only", str(BUILD / "bin" / binary)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


# Namespaces of the parsers; a demangled symbol of theirs holds one of these.
PARSERS = re.compile(
    r"loadlock::(pickle|formats|numpy|npy|archive|compress|decoders|document|boosters|tar|torch|gguf|zip|"
    r"graph|worker)::"
)


def test_the_daemon_holds_no_parser() -> None:
    found = sorted(set(PARSERS.findall(symbols("loadlockd"))))
    assert not found, f"loadlockd holds symbols of {found}"


def test_the_worker_does_hold_them() -> None:
    """Without this the test above could pass for want of symbols."""
    found = set(PARSERS.findall(symbols("loadlock-worker")))
    assert {"pickle", "formats", "graph"} <= found


DECOMPRESSORS = re.compile(r"\b(BZ2_|lzma_|LZ4F?_)", re.MULTILINE)


def test_the_daemon_links_no_decompressor() -> None:
    """Neither as an archive nor as a shared library. (gRPC brings zlib, for its own messages.)"""
    assert not DECOMPRESSORS.search(symbols("loadlockd"))
    command = ["readelf", "-d", str(BUILD / "bin" / "loadlockd")]
    needed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    for library in ("libbz2", "liblzma", "liblz4"):
        assert library not in needed


def test_the_worker_links_them() -> None:
    """As above: else names that no library has would pass."""
    assert set(DECOMPRESSORS.findall(symbols("loadlock-worker"))) == {"BZ2_", "lzma_", "LZ4F_", "LZ4_"}


# What tells a process that it was built with fault points: the call, and how it finds the test.
FAULTS = re.compile(rb"FaultPoint|LOADLOCK_FAULTS|fetch-middle|answer-middle|answer-complete")


@pytest.mark.parametrize("binary", ["loadlockd", "loadlock-worker"])
def test_no_binary_knows_of_fault_points(binary: str) -> None:
    """Nor of their names. The same binaries with them do, or this could pass for want of a trace."""
    assert not FAULTS.search((BUILD / "bin" / binary).read_bytes())
    found = set(FAULTS.findall((BUILD / "bin" / f"{binary}-faults").read_bytes()))
    assert {b"FaultPoint", b"fetch-middle", b"answer-middle", b"answer-complete"} <= found


def test_release_binaries_are_hardened() -> None:
    for binary in ("loadlockd", "loadlock-worker", "loadlock"):
        path = str(BUILD / "bin" / binary)
        header = subprocess.run(["readelf", "-hldW", path], capture_output=True, text=True, check=True).stdout
        assert "DYN (" in header, f"{binary} is not position independent"
        assert "GNU_RELRO" in header, binary
        assert re.search(r"FLAGS.*\bNOW\b|BIND_NOW", header), f"{binary} binds lazily"
        stack = next(line for line in header.splitlines() if "GNU_STACK" in line)
        assert "RWE" not in stack, binary


def test_release_objects_are_hardened() -> None:
    """What our own code was compiled with; the C library's checked calls show FORTIFY at work. (The
    linker marks a whole program for CET only if Debian's archives are, and gRPC's is not.)"""
    for binary in ("loadlockd", "loadlock-worker", "loadlock"):
        command = ["nm", str(BUILD / "bin" / binary)]
        names = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert "__stack_chk_fail" in names, f"{binary} has no stack protector"
        assert re.search(r"\b__\w+_chk\b", names), binary
    code = [
        BUILD / "sandbox" / "jail" / "libloadlock_jail.a",
        BUILD / "server" / "verify" / "libloadlock_verify.a",
    ]
    for archive in code:
        notes = subprocess.run(
            ["readelf", "-n", str(archive)], capture_output=True, text=True, check=True
        ).stdout
        assert "IBT, SHSTK" in notes, f"{archive} is not built for control-flow enforcement"


PICKLES = {
    "pickle",
    "_pickle",
    "cPickle",
    "cloudpickle",
    "dill",
    "joblib",
    "marshal",
    "shelve",
    "_compat_pickle",
}


def imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def test_the_python_client_uses_no_pickle() -> None:
    files = list((ROOT / "client" / "python" / "src").rglob("*.py"))
    assert len(files) > 5
    for path in files:
        tree = ast.parse(path.read_text())
        used = PICKLES & set(imports(tree))
        assert not used, f"{path} imports {used}"
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = node.func.id if isinstance(node.func, ast.Name) else ""
                assert name not in ("eval", "exec", "compile", "__import__"), f"{path}:{node.lineno}: {name}"
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert isinstance(node.value, ast.Constant), path
                assert node.value.value is False, path


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(name) for name in listed.stdout.split("\0") if name]


def test_no_file_knows_where_it_was_built() -> None:
    """Nor do the binaries."""
    here = re.compile(rf"(^|[^A-Za-z0-9._-]){re.escape(str(ROOT))}(/|\b)")
    for path in tracked():
        text = (ROOT / path).read_bytes().decode("utf-8", "replace")
        assert not here.search(text), path


def test_no_file_is_large() -> None:
    large = [str(path) for path in tracked() if (ROOT / path).stat().st_size > 1 << 20]
    assert not large


COMMENTED = re.compile(r"//")


def uncommented_fields(text: str) -> list[str]:
    """Fields of messages and values of enums without a comment of their own or their group's."""
    missing = []
    lines = text.splitlines()
    covered = False
    for line in lines:
        stripped = line.strip()
        if stripped.startswith("//"):
            covered = True
        elif re.match(r"(message|enum|service|oneof)\b", stripped):
            # A commented message or enum speaks for names that say it all.
            covered = covered or stripped.startswith("oneof")
        elif re.match(r"[\w.<>, ]+\s+\w+\s*=\s*\d+;", stripped) or stripped.startswith("rpc "):
            if not covered and not COMMENTED.search(stripped):
                missing.append(stripped)
        elif stripped in ("", "}"):
            covered = False
    return missing


def test_every_field_of_the_protos_is_commented() -> None:
    for path in sorted((ROOT / "proto" / "loadlock").rglob("*.proto")):
        missing = uncommented_fields(path.read_text())
        assert not missing, f"{path.name}: {missing}"


def test_an_uncommented_field_is_found() -> None:
    assert uncommented_fields("message A {\n  string b = 1;\n}\n") == ["string b = 1;"]
    assert not uncommented_fields("message A {\n  // Why.\n  string b = 1;\n}\n")
