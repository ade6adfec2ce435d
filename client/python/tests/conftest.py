import importlib.util
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from encoder import Encoder, GraphWriter
from fake_daemon import FakeDaemon

import loadlock
from loadlock._rebuild import Columns, InlineBuffers, TensorOptions, rebuild

# Without torch its tests are not there; what is without it, test_tensors_as_numpy tests.
TORCH = ["test_modules.py", "test_sparse_tensors.py", "test_tensors.py"]
collect_ignore = [] if importlib.util.find_spec("torch") else TORCH


def built(writer, trusts=None, tensors="auto", device=None):
    """The object of a written graph."""
    columns = Columns.from_graph(writer.graph)
    trusts = writer.trusts if trusts is None else trusts
    return rebuild(columns, InlineBuffers(writer.buffers), trusts, TensorOptions(tensors, device))


@pytest.fixture
def daemon(tmp_path):
    made = FakeDaemon(tmp_path)
    yield made
    made.close()


@pytest.fixture
def client(daemon):
    with loadlock.Client(daemon.address, timeout=10) as made:
        yield made


@pytest.fixture
def writer():
    return GraphWriter()


@pytest.fixture
def root(writer):
    """Builds the graph with that root."""

    def build(node, trusts=None, **options):
        writer.graph.root = node
        return built(writer, trusts, **options)

    return build


@pytest.fixture
def round_trip():
    """Encodes an object and rebuilds it."""

    def build(value, pack=True):
        return built(Encoder(pack).encode(value))

    return build
