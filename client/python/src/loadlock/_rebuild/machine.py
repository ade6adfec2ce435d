"""From columns to objects: puts the handlers together and runs them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from loadlock._errors import RebuildError
from loadlock._rebuild import leaves
from loadlock._rebuild.containers import Containers
from loadlock._rebuild.instances import Instances
from loadlock._rebuild.numpy_nodes import NumpyNodes
from loadlock._rebuild.walker import FILLED, Walker

if TYPE_CHECKING:
    from loadlock._rebuild.buffers import Buffers
    from loadlock._rebuild.columns import Columns


def rebuild(columns: Columns, buffers: Buffers, trusts: Mapping[tuple[str, str], int]) -> Any:
    """The root object.

    Args:
        columns: The vetted graph.
        buffers: The bytes its buffers stand for.
        trusts: Module and name to trust, from the report's list of globals.

    Raises:
        RebuildError: The graph is malformed, asks for what `trusts` does not allow, or does not
            fit the libraries installed here.
    """
    try:
        return _rebuild(columns, buffers, trusts)
    except RebuildError:
        raise
    except Exception as error:
        # An index out of range, or a library that does not take what a factory gave it.
        raise RebuildError(
            f"the graph is malformed or does not fit the installed libraries: {error!r}"
        ) from error


def _rebuild(columns: Columns, buffers: Buffers, trusts: Mapping[tuple[str, str], int]) -> Any:
    located = buffers.locate(columns)
    walker = Walker(columns)
    instances = Instances(walker, Containers(walker), trusts)
    numpy_nodes = NumpyNodes(walker, located)
    by_kind = columns.nodes_by_kind()
    for node in leaves.fill(columns, located, by_kind, walker.values):
        walker.progress[node] = FILLED
    numpy_nodes.make_all(by_kind)
    walker.walk(columns.root)
    walker.finish()
    instances.versions.warn()
    return walker.values[columns.root]
