"""Message classes from the descriptors that the build wrote, in a pool of their own.

A private pool, because names in the default one are global to the process: another package
may bring its own google/rpc/status.proto.
"""

from typing import Any

from google.protobuf import descriptor_pool, message_factory
from google.protobuf.internal import enum_type_wrapper

from loadlock._proto.descriptors_pb2 import FILES

_POOL = descriptor_pool.DescriptorPool()
for _file in FILES:
    _POOL.AddSerializedFile(_file)


def message(full_name: str) -> Any:
    """The class of a message; its type stands in the stub of the module that asks."""
    return message_factory.GetMessageClass(_POOL.FindMessageTypeByName(full_name))


def enum(full_name: str) -> Any:
    """Names and numbers of an enum."""
    return enum_type_wrapper.EnumTypeWrapper(_POOL.FindEnumTypeByName(full_name))
