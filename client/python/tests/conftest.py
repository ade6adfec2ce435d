import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from encoder import Encoder, GraphWriter
from fake_daemon import FakeDaemon

import loadlock
from loadlock._rebuild import Columns, InlineBuffers, rebuild


def built(writer, trusts=None):
    """The object of a written graph."""
    columns = Columns.from_graph(writer.graph)
    return rebuild(
        columns, InlineBuffers(writer.buffers), writer.trusts if trusts is None else trusts
    )


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

    def build(node, trusts=None):
        writer.graph.root = node
        return built(writer, trusts)

    return build


@pytest.fixture
def round_trip():
    """Encodes an object and rebuilds it."""

    def build(value, pack=True):
        return built(Encoder(pack).encode(value))

    return build
