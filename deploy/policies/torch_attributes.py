"""Reads the class attributes of torch into attributes/torch/VERSION.json, for generate.py.

    torch_attributes.py PYTHON|WHEEL...    an interpreter with torch, or a torch wheel of any platform

An interpreter is asked; a wheel is only read, so that a version that cannot be installed beside the
others is known as well: class bodies of its sources, and of the stub of its C extension.
"""

from __future__ import annotations

import ast
import json
import pathlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterator

import rules_torch

READ = pathlib.Path(__file__).parent / "attributes" / "torch"
TENSOR = "torch.Tensor"
# Runs in the interpreter: names of classes on stdin.
PROBE = r"""
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
import torch
classes, bases = {}, {}
def keys(cls):
    return sorted(key for key in vars(cls) if not key.startswith("__"))
for name in json.load(sys.stdin):
    module, _, attribute = name.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        continue
    classes[name] = []
    for base in cls.__mro__:
        if base is not object:
            key = f"{base.__module__}.{base.__qualname__}"
            classes[name].append(key)
            bases[key] = keys(base)
bases["torch.Tensor"] = sorted(key for key in dir(torch.Tensor) if not key.startswith("__"))
print(json.dumps({"version": torch.__version__, "classes": classes, "bases": bases}))
"""
SOURCES = re.compile(r"torch/(nn/modules|optim|nn/parallel)/\w+\.py$")


def asked(python: str, names: list[str]) -> dict:
    done = subprocess.run(
        [python, "-c", PROBE], input=json.dumps(names), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        if isinstance(statement, ast.If):
            yield from statements(statement.body)
            yield from statements(statement.orelse)
        else:
            yield statement


def attributes(cls: ast.ClassDef, stub: bool = False) -> list[str]:
    """Names that the class body binds; in a stub a bare annotation is one too."""
    found = set()
    for statement in statements(cls.body):
        if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(statement.name)
        elif isinstance(statement, ast.Assign):
            found.update(t.id for t in statement.targets if isinstance(t, ast.Name))
        elif isinstance(statement, ast.AnnAssign) and (stub or statement.value is not None):
            found.update(t.id for t in (statement.target,) if isinstance(t, ast.Name))
    return sorted(name for name in found if not name.startswith("__"))


def class_bodies(text: str) -> list[ast.ClassDef]:
    return [statement for statement in ast.parse(text).body if isinstance(statement, ast.ClassDef)]


def read(wheel: str, names: list[str]) -> dict:
    """Class names are unique in these folders, so that a base is found by its last name."""
    bodies: dict[str, tuple[str, ast.ClassDef]] = {}
    with zipfile.ZipFile(wheel) as archive:
        for member in sorted(archive.namelist()):
            if SOURCES.match(member):
                module = member.removesuffix(".py").replace("/", ".")
                for cls in class_bodies(archive.read(member).decode()):
                    bodies[cls.name] = (f"{module}.{cls.name}", cls)
        stub = class_bodies(archive.read("torch/_C/__init__.pyi").decode())
        tensor = class_bodies(archive.read("torch/_tensor.py").decode())
        text = archive.read("torch/version.py").decode()
    version = re.search(r"__version__ = '([\d.]+)", text)
    if version is None:
        raise SystemExit(f"{wheel}: no version")

    def ancestors(simple: str) -> list[str]:
        if simple not in bodies:
            return []
        name, cls = bodies[simple]
        inherited = [base for node in cls.bases for base in ancestors(ast.unparse(node).rpartition(".")[2])]
        return list(dict.fromkeys([name, *inherited]))

    by_name = dict(bodies.values())
    classes = {name: ancestors(name.rpartition(".")[2]) for name in names if name in by_name}
    bases = {base: attributes(by_name[base]) for found in classes.values() for base in found}
    own = {name for cls in tensor if cls.name == "Tensor" for name in attributes(cls)}
    native = {
        name
        for cls in stub
        if cls.name in ("TensorBase", "_TensorBase")
        for name in attributes(cls, stub=True)
    }
    if not own or not native:
        raise SystemExit(f"{wheel}: no Tensor")
    bases[TENSOR] = sorted(own | native)
    return {"version": version.group(1), "classes": classes, "bases": bases}


def main() -> None:
    if not sys.argv[1:]:
        raise SystemExit(__doc__)
    READ.mkdir(parents=True, exist_ok=True)
    names = [
        entry.name for entry in rules_torch.POLICY.entries if entry.trust in ("NEW_DICT", "NEW_SETSTATE")
    ]
    for source in sys.argv[1:]:
        found = read(source, names) if source.endswith(".whl") else asked(source, names)
        version = re.match(r"[\d.]*\d", found["version"])
        assert version
        lines = [f'"versions": {{"torch": "{version.group()}"}}']
        for key in ("classes", "bases"):
            inner = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in sorted(found[key].items())]
            lines.append(f'"{key}": {{\n' + ",\n".join(inner) + "\n}")
        (READ / f"{version.group()}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
