"""Nodes that stand for torch's values, and what they become: torch's tensors, or numpy's arrays.

torch is optional and is imported when the first such node is met.
"""

from loadlock._rebuild.tensors.nodes import TensorNodes
from loadlock._rebuild.tensors.options import TensorOptions

__all__ = ["TensorNodes", "TensorOptions"]
