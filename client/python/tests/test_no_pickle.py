"""The package has nothing to do with pickle."""

import ast
import subprocess
import sys
from pathlib import Path

import loadlock

SOURCES = sorted(Path(loadlock.__file__).parent.rglob("*.py"))
# Modules that read pickles, and callables that run what they are given.
FORBIDDEN_MODULES = {
    "pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "copyreg",
    "pickletools",
}  # fmt: skip
# Of torch: what reads files, runs code, or makes a tensor of memory without a look.
FORBIDDEN_OF_TORCH = {"load", "jit", "serialization", "package", "hub", "export", "ops", "_utils",
                      "set_", "_C", "from_file", "as_tensor", "empty_strided"}  # fmt: skip
FORBIDDEN_NAMES = {"eval", "exec", "__import__", "Unpickler", "loads", "__reduce__",
                   "__reduce_ex__", "allow_pickle", "literal_eval"}  # fmt: skip


def test_there_are_sources():
    assert len(SOURCES) > 20


def uses(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield (node.module or "").partition(".")[0]
        elif isinstance(node, ast.Name):
            yield node.id
        elif isinstance(node, ast.Attribute):
            yield node.attr


def test_no_source_uses_pickle():
    for source in SOURCES:
        used = set(uses(ast.parse(source.read_text())))
        assert not used & FORBIDDEN_MODULES, source
        assert not used & FORBIDDEN_NAMES, source


# The shim names what it replaces, and imports nothing of it; the other has names that moved.
SHIM = "_shim.py"
MAY_NAME = {SHIM: {"pickle", "joblib"}, "names.py": {"copyreg"}}


def test_no_source_names_pickle_in_text():
    """importlib and the like take names as text; only who must has some."""
    for source in SOURCES:
        texts = [
            node.value
            for node in ast.walk(ast.parse(source.read_text()))
            if isinstance(node, ast.Constant)
        ]
        named = {
            text.partition(".")[0] for text in texts if isinstance(text, str)
        } & FORBIDDEN_MODULES
        assert named <= MAY_NAME.get(source.name, set()), source
        if source.name != SHIM:
            assert not set(filter(lambda text: isinstance(text, str), texts)) & FORBIDDEN_NAMES, (
                source
            )


def test_the_shim_calls_nothing_that_it_replaces():
    """What stood there is kept under one name, which is only put back."""
    tree = ast.parse(next(source for source in SOURCES if source.name == SHIM).read_text())
    calls = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    assert "before" not in calls
    before = [node for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id == "before"]
    assert [type(node.ctx) for node in before] == [ast.Store, ast.Load]
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute)
               and node.attr == "import_module"]  # fmt: skip
    assert len(imports) == 1


def attributes_of(tree, name):
    """Attributes that are asked of a variable, or of an instance's attribute, of that name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            owner = node.value
            if getattr(owner, "id", getattr(owner, "attr", "")) in (name, f"_{name}"):
                yield node.attr


def test_torch_reads_no_file_and_runs_no_code():
    used = set()
    for source in SOURCES:
        tree = ast.parse(source.read_text())
        assert "set_" not in set(uses(tree)), source
        used |= set(attributes_of(tree, "torch"))
    assert {"frombuffer", "nn"} <= used
    assert not used & FORBIDDEN_OF_TORCH


def test_setattr_is_not_used():
    for source in SOURCES:
        assert "setattr" not in set(uses(ast.parse(source.read_text()))), source


TRAP = """
import io, pickle, sys
sys.path.insert(0, {tests!r})

class Trap(Exception):
    pass

def sprung(*args, **kwargs):
    raise Trap

import numpy, sklearn.linear_model, sklearn.pipeline, sklearn.ensemble, sklearn.neighbors
from models import MAKERS, answers
from encoder import Encoder
from loadlock._rebuild import Columns, InlineBuffers, rebuild

cases = [(Encoder().encode(model), model, rows) for model, rows in
         (MAKERS[name]() for name in ("pipeline", "random_forest", "k_neighbors", "mlp"))]
for module in ("pickle", "_pickle"):
    for name in ("Unpickler", "load", "loads", "_Unpickler", "_load", "_loads"):
        if hasattr(sys.modules[module], name):
            setattr(sys.modules[module], name, sprung)
try:
    pickle.loads(b"N.")
except Trap:
    print("the trap works")
for encoder, model, rows in cases:
    columns = Columns.from_graph(encoder.graph)
    made = rebuild(columns, InlineBuffers(encoder.buffers), encoder.trusts)
    assert answers(made, rows) == answers(model, rows)
print("nothing was unpickled")
"""


def test_nothing_is_unpickled():
    tests = str(Path(__file__).parent)
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", TRAP.format(tests=tests)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["the trap works", "nothing was unpickled"], done.stderr
