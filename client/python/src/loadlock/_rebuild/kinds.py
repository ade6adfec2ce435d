"""Kinds of nodes, as loadlock/v1/graph.proto numbers them (a test compares)."""

from __future__ import annotations

from typing import Final

NONE: Final = 1
TRUE: Final = 2
FALSE: Final = 3
ELLIPSIS: Final = 4
NOT_IMPLEMENTED: Final = 5
INT: Final = 6
BIG_INT: Final = 7
FLOAT: Final = 8
COMPLEX: Final = 9
STR: Final = 10
BYTES: Final = 11
BYTEARRAY: Final = 12
BYTES_BUFFER: Final = 13
BYTEARRAY_BUFFER: Final = 14
LIST: Final = 16
TUPLE: Final = 17
SET: Final = 18
FROZENSET: Final = 19
DICT: Final = 20
DICT_STR: Final = 21
ORDERED_DICT: Final = 22
LIST_INT: Final = 24
LIST_FLOAT: Final = 25
LIST_STR: Final = 26
TUPLE_INT: Final = 27
TUPLE_FLOAT: Final = 28
TUPLE_STR: Final = 29
DICT_STR_INT: Final = 30
DICT_STR_FLOAT: Final = 31
SLICE: Final = 32
RANGE: Final = 33
GLOBAL: Final = 40
OBJECT: Final = 41
CALL: Final = 42
DTYPE: Final = 48
DTYPE_RECORD: Final = 49
NDARRAY: Final = 50
OBJECT_NDARRAY: Final = 51
SCALAR: Final = 52
BIT_GENERATOR: Final = 56
RANDOM_STATE: Final = 57
GENERATOR: Final = 58
STORAGE: Final = 64
TENSOR: Final = 65
SPARSE_TENSOR: Final = 66
QUANTIZED_TENSOR: Final = 67
CHANNEL_QUANTIZED_TENSOR: Final = 68
PARAMETER: Final = 69
TENSOR_WITH_STATE: Final = 70
TORCH_SIZE: Final = 71
TORCH_DEVICE: Final = 72
STATE_DICT: Final = 73

END: Final = 74

# An operand that says "absent".
ABSENT: Final = 0xFFFFFFFF

# Operands of the kinds that always have the same number; the others repeat.
OPERANDS: Final = {
    NONE: 0, TRUE: 0, FALSE: 0, ELLIPSIS: 0, NOT_IMPLEMENTED: 0,
    INT: 1, BIG_INT: 1, FLOAT: 1, COMPLEX: 2, STR: 1, BYTES: 1, BYTEARRAY: 1,
    BYTES_BUFFER: 1, BYTEARRAY_BUFFER: 1,
    LIST_INT: 2, LIST_FLOAT: 2, LIST_STR: 2, TUPLE_INT: 2, TUPLE_FLOAT: 2, TUPLE_STR: 2,
    DICT_STR_INT: 3, DICT_STR_FLOAT: 3, SLICE: 3, RANGE: 3,
    GLOBAL: 1, OBJECT: 5, CALL: 5, DTYPE: 1, NDARRAY: 5, OBJECT_NDARRAY: 4, SCALAR: 2,
    BIT_GENERATOR: 2, RANDOM_STATE: 3, GENERATOR: 1,
    STORAGE: 3, TENSOR: 5, QUANTIZED_TENSOR: 6, CHANNEL_QUANTIZED_TENSOR: 7, PARAMETER: 3,
    TENSOR_WITH_STATE: 2, TORCH_SIZE: 2, TORCH_DEVICE: 2,
}  # fmt: skip
REPEATING: Final = (
    LIST, TUPLE, SET, FROZENSET, DICT, DICT_STR, ORDERED_DICT, DTYPE_RECORD, SPARSE_TENSOR,
    STATE_DICT,
)  # fmt: skip
# What stands for a tensor.
TENSORS: Final = frozenset(
    {TENSOR, SPARSE_TENSOR, QUANTIZED_TENSOR, CHANNEL_QUANTIZED_TENSOR, PARAMETER,
     TENSOR_WITH_STATE}
)  # fmt: skip

# Trust, as loadlock/v1/policy.proto numbers it.
TRUST_NAME: Final = 1
TRUST_NEW_DICT: Final = 2
TRUST_NEW_SETSTATE: Final = 3
TRUST_FACTORY: Final = 4
TRUST_BY_NAME_AND_PARAMS: Final = 5
TRUST_REWRITTEN: Final = 6
