"""Builds the package: makes the protocol modules from proto/ on the way.

For every .proto file there is a module `loadlock/_proto/NAME_pb2.py` and its type stub. The
modules are not protoc's own: those demand a protobuf runtime of protoc's very version, and
register under global names. Ours hold the descriptors and take what the installed runtime
makes of them, in a pool of their own.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py
from setuptools.command.sdist import sdist

HERE = Path(__file__).resolve().parent
PROTOS = (
    "google/rpc/error_details.proto",
    "google/rpc/status.proto",
    "loadlock/v1/finding.proto",
    "loadlock/v1/graph.proto",
    "loadlock/v1/policy.proto",
    "loadlock/v1/report.proto",
    "loadlock/v1/service.proto",
)
# In a source distribution the files lie beside this one, in a checkout at its root.
PROTO_ROOT = HERE / "proto" if (HERE / "proto").is_dir() else HERE.parents[1] / "proto"


def module_name(proto: str) -> str:
    """The module for a .proto file."""
    return Path(proto).stem + "_pb2"


def run_protoc(out: Path) -> bytes:
    """Writes the stubs below `out`, returns the serialized descriptor set."""
    import grpc_tools
    from grpc_tools import protoc

    descriptors = out / "descriptors.binpb"
    well_known = Path(grpc_tools.__file__).parent / "_proto"
    status = protoc.main(
        [
            "protoc",
            f"-I{PROTO_ROOT}",
            f"-I{well_known}",
            f"--pyi_out={out}",
            f"--descriptor_set_out={descriptors}",
            "--include_imports",
            *PROTOS,
        ]
    )
    if status != 0:
        raise SystemExit(f"protoc failed with status {status}")
    return descriptors.read_bytes()


def module_text(file: object) -> str:
    """The module for one FileDescriptorProto: its messages, enums and enum values."""
    lines = [
        f'"""Made from {file.name} at build time."""',
        "from loadlock._proto._pool import enum, message",
        "",
    ]
    for message in file.message_type:
        lines.append(f'{message.name} = message("{file.package}.{message.name}")')
    for enum in file.enum_type:
        lines.append(f'{enum.name} = enum("{file.package}.{enum.name}")')
        lines.extend(f"{value.name} = {value.number}" for value in enum.value)
    return "\n".join(lines) + "\n"


def generate(package: Path) -> None:
    """Writes the modules and stubs into the folder of loadlock._proto."""
    from google.protobuf import descriptor_pb2

    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        files = descriptor_pb2.FileDescriptorSet.FromString(run_protoc(out)).file
        package.mkdir(parents=True, exist_ok=True)
        for file in files:
            if file.name not in PROTOS:
                continue
            name = module_name(file.name)
            (package / f"{name}.py").write_text(module_text(file))
            stub = (out / file.name).with_name(f"{name}.pyi").read_text()
            stub = re.sub(
                r"^from (loadlock\.v1|google\.rpc) import",
                "from loadlock._proto import",
                stub,
                flags=re.MULTILINE,
            )
            # protoc leaves the type's parameters out, which strict checkers take amiss.
            stub = stub.replace("_Mapping]", "_Mapping[str, object]]")
            (package / f"{name}.pyi").write_text(stub)
        serialized = "".join(f"    {file.SerializeToString()!r},\n" for file in files)
        (package / "descriptors_pb2.py").write_text(
            '"""Made at build time: serialized descriptors, each after those it imports."""\n'
            f"FILES = (\n{serialized})\n"
        )
        (package / "descriptors_pb2.pyi").write_text("FILES: tuple[bytes, ...]\n")


class BuildPy(build_py):
    """Adds the protocol modules; an editable install has them in src."""

    def run(self) -> None:
        """Builds."""
        super().run()
        root = HERE / "src" if self.editable_mode else Path(self.build_lib)
        generate(root / "loadlock" / "_proto")


class Sdist(sdist):
    """Takes the .proto files along."""

    def make_release_tree(self, base_dir: str, files: list[str]) -> None:
        """Fills the folder that becomes the archive."""
        super().make_release_tree(base_dir, files)
        for proto in PROTOS:
            target = Path(base_dir) / "proto" / proto
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(PROTO_ROOT / proto, target)


setup(cmdclass={"build_py": BuildPy, "sdist": Sdist})
