"""What the protocol says, read from its descriptors."""

from loadlock._proto import graph_pb2, policy_pb2


def proto_kinds(prefix):
    """Names without prefix and numbers of the enum whose values begin with it."""
    enum = graph_pb2.NodeKind if prefix == "NODE_KIND_" else policy_pb2.Trust
    return {name.removeprefix(prefix): number for name, number in enum.items()}
