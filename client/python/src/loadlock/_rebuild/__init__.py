"""Makes objects of a vetted graph.

No code of the artifact is involved: classes are those that the graph names and the report's
policy lists, and what is called is in the tables of `factories`. Nothing here trusts that the
daemon got it right where a second look costs nothing.
"""

from loadlock._rebuild.buffers import (
    Buffers,
    InlineBuffers,
    MappedBuffers,
    OnlyRead,
    StreamedBuffers,
)
from loadlock._rebuild.columns import Columns
from loadlock._rebuild.machine import Builder, rebuild
from loadlock._rebuild.tensors import TensorOptions

__all__ = [
    "Buffers",
    "Builder",
    "Columns",
    "InlineBuffers",
    "MappedBuffers",
    "OnlyRead",
    "StreamedBuffers",
    "TensorOptions",
    "rebuild",
]
