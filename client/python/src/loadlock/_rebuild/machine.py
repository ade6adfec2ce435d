"""From columns to objects: puts the handlers together and runs them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from loadlock._errors import RebuildError
from loadlock._rebuild import leaves
from loadlock._rebuild.containers import Containers
from loadlock._rebuild.instances import Instances
from loadlock._rebuild.numpy_nodes import NumpyNodes
from loadlock._rebuild.tensors import TensorNodes, TensorOptions
from loadlock._rebuild.walker import FILLED, Walker

if TYPE_CHECKING:
    from loadlock._rebuild.buffers import Buffers
    from loadlock._rebuild.columns import Columns


def rebuild(
    columns: Columns,
    buffers: Buffers,
    trusts: Mapping[tuple[str, str], int],
    options: TensorOptions | None = None,
) -> Any:
    """The root object.

    Args:
        columns: The vetted graph.
        buffers: The bytes its buffers stand for.
        trusts: Module and name to trust, from the report's list of globals.
        options: What tensors become.

    Raises:
        RebuildError: The graph is malformed, asks for what `trusts` does not allow, or does not
            fit the libraries installed here.
    """
    with _as_rebuild_errors():
        builder = Builder(columns, buffers, trusts, options, eager=True)
        return builder.value(columns.root)


class Builder:
    """Makes the objects of a graph, once each.

    Args:
        eager: Make all arrays at once, which is faster if all are wanted.
    """

    def __init__(
        self,
        columns: Columns,
        buffers: Buffers,
        trusts: Mapping[tuple[str, str], int],
        options: TensorOptions | None = None,
        *,
        eager: bool = False,
    ) -> None:
        with _as_rebuild_errors():
            located = buffers.locate(columns)
            self._walker = walker = Walker(columns)
            self._instances = Instances(walker, Containers(walker), trusts)
            numpy_nodes = NumpyNodes(walker, located)
            TensorNodes(walker, located, options or TensorOptions())
            by_kind = columns.nodes_by_kind()
            for node in leaves.fill(columns, located, by_kind, walker.values):
                walker.progress[node] = FILLED
            if eager:
                numpy_nodes.make_all(by_kind)

    def value(self, node: int) -> Any:
        """The object that a node stands for; the same one at every call.

        Raises:
            RebuildError: As rebuild.
        """
        with _as_rebuild_errors():
            self._walker.walk(node)
            self._walker.finish()
            self._instances.versions.warn()
            return self._walker.values[node]


@contextmanager
def _as_rebuild_errors() -> Iterator[None]:
    try:
        yield
    except RebuildError:
        raise
    except Exception as error:
        # An index out of range, or a library that does not take what a factory gave it.
        raise RebuildError(
            f"the graph is malformed or does not fit the installed libraries: {error!r}"
        ) from error
