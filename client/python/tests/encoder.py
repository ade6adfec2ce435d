"""Reference encoder: the graph that the daemon would make of a live object.

For tests only. It asks objects how they would be pickled (__reduce_ex__) and writes that down
as nodes; what the daemon lowers natively is lowered here too.
"""

import copyreg
import types

import numpy as np

from loadlock._proto import graph_pb2
from loadlock._rebuild import kinds as k

ABSENT = k.ABSENT
NEW_DICT, FACTORY, NAME, BY_NAME = (
    k.TRUST_NEW_DICT,
    k.TRUST_FACTORY,
    k.TRUST_NAME,
    k.TRUST_BY_NAME_AND_PARAMS,
)


def fits(value):
    return -(1 << 63) <= value < 1 << 63


class GraphWriter:
    """Nodes by hand: tests that need a hostile graph write it with this."""

    def __init__(self):
        self.graph = graph_pb2.Graph()
        self.buffers = []
        self.trusts = {}
        self._strings = {}
        self._globals = {}

    def node(self, kind, *operands):
        self.graph.kinds.append(kind)
        self.graph.operand_counts.append(len(operands))
        self.graph.operands.extend(operands)
        return len(self.graph.kinds) - 1

    def reserve(self, kind, count):
        """A node whose operands are set later."""
        return self.node(kind, *[ABSENT] * count)

    def patch(self, node, *operands):
        start = sum(self.graph.operand_counts[:node])
        assert self.graph.operand_counts[node] == len(operands)
        for i, operand in enumerate(operands):
            self.graph.operands[start + i] = operand

    def string(self, text):
        if text not in self._strings:
            self._strings[text] = len(self.graph.strings)
            self.graph.strings.append(text)
        return self._strings[text]

    def run_of(self, pool, values):
        first = len(pool)
        pool.extend(values)
        return first

    def int(self, value):
        self.graph.ints.append(value)
        return self.node(k.INT, len(self.graph.ints) - 1)

    def float(self, value):
        self.graph.floats.append(value)
        return self.node(k.FLOAT, len(self.graph.floats) - 1)

    def str(self, text):
        return self.node(k.STR, self.string(text))

    def none(self):
        return self.node(k.NONE)

    def blob(self, data):
        self.graph.blobs.append(data)
        return len(self.graph.blobs) - 1

    def dict_str(self, items):
        return self.node(k.DICT_STR, *map(self.string, items), *items.values())

    def name(self, module, name, trust):
        key = (module, name)
        if key not in self._globals:
            entry = self.graph.globals.add()
            entry.module, entry.name = key
            self._globals[key] = self.node(k.GLOBAL, len(self.graph.globals) - 1)
        if trust:
            self.trusts[key] = trust
        return self._globals[key]

    def object(self, cls, state=ABSENT, args=ABSENT, items=ABSENT, pairs=ABSENT):
        return self.node(k.OBJECT, cls, args, state, items, pairs)

    def call(self, callee, args, state=ABSENT, items=ABSENT, pairs=ABSENT):
        return self.node(k.CALL, callee, args, state, items, pairs)

    def call_by_name(self, callee, args, trust=FACTORY, **rest):
        return self.call(
            self.name(*callee.rsplit(".", 1), trust), self.node(k.TUPLE, *args), **rest
        )

    def buffer(self, data, offset=0, source=1):
        self.buffers.append(bytes(data))
        self.graph.buffer_sources.append(source)
        self.graph.buffer_offsets.append(offset)
        self.graph.buffer_lengths.append(len(data))
        return len(self.buffers) - 1

    def dtype(self, typestr):
        return self.node(k.DTYPE, self.string(typestr))

    def array(self, dtype, data, shape, order=0):
        first = self.run_of(self.graph.ints, shape)
        return self.node(k.NDARRAY, dtype, self.buffer(data), order, len(shape), first)

    # Tensors, by what they are in a file: a storage and a place in it.
    def storage(self, element, data, item_size, buffer=None):
        if buffer is None:
            buffer = ABSENT if data is None else self.buffer(data)
        count = (0 if data is None else len(data)) // item_size
        return self.node(
            k.STORAGE, self.string(element), buffer, self.run_of(self.graph.ints, [count])
        )

    def tensor(self, storage, dtype, sizes, strides, offset=0, flags=0):
        first = self.run_of(self.graph.ints, [offset, *sizes, *strides])
        return self.node(k.TENSOR, storage, self.string(dtype), flags, len(sizes), first)

    def vector(self, dtype, data, item_size, **rest):
        storage = self.storage(dtype, data, item_size)
        return self.tensor(storage, dtype, [len(data) // item_size], [1], **rest)

    def sparse(self, layout, sizes, parts, flags=0):
        first = self.run_of(self.graph.ints, sizes)
        return self.node(k.SPARSE_TENSOR, self.string(layout), flags, len(sizes), first, *parts)

    def quantized(self, storage, dtype, sizes, strides, scale, zero, offset=0):
        first = self.run_of(self.graph.ints, [offset, *sizes, *strides])
        floats = self.run_of(self.graph.floats, [scale])
        zeros = self.run_of(self.graph.ints, [zero])
        return self.node(
            k.QUANTIZED_TENSOR, storage, self.string(dtype), len(sizes), first, floats, zeros
        )


class Encoder(GraphWriter):
    """Walks an object. Recursive, which the package is not: tests know their depth."""

    def __init__(self, pack=True):
        super().__init__()
        self._pack = pack
        self._memo = {}
        self._kept = []

    def encode(self, value):
        self.graph.root = self.visit(value)
        return self

    def visit(self, value):
        singleton = {None: k.NONE, True: k.TRUE, False: k.FALSE, ...: k.ELLIPSIS}
        if value is None or value is True or value is False or value is ...:
            key = singleton[value]
            if key not in self._memo:
                self._memo[key] = self.node(key)
            return self._memo[key]
        if id(value) in self._memo:
            return self._memo[id(value)]
        node = getattr(self, "_" + type(value).__name__, self._other)(value)
        self._memo[id(value)] = node
        self._kept.append(value)
        return node

    def _int(self, value):
        if fits(value):
            return self.int(value)
        raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
        return self.node(k.BIG_INT, self.blob(raw))

    def _float(self, value):
        return self.float(value)

    def _complex(self, value):
        first = self.run_of(self.graph.floats, [value.real, value.imag])
        return self.node(k.COMPLEX, first, first + 1)

    def _str(self, value):
        return self.str(value)

    def _bytes(self, value):
        if len(value) > 4096:
            return self.node(k.BYTES_BUFFER, self.buffer(value))
        return self.node(k.BYTES, self.blob(value))

    def _bytearray(self, value):
        return self.node(k.BYTEARRAY, self.blob(bytes(value)))

    def _packed(self, values, kinds):
        types_ = set(map(type, values))
        if not self._pack or len(values) == 0 or len(types_) > 1:
            return None
        kind = types_.pop()
        if kind is int and all(map(fits, values)):
            return self.node(kinds[0], self.run_of(self.graph.ints, values), len(values))
        if kind is float:
            return self.node(kinds[1], self.run_of(self.graph.floats, values), len(values))
        if kind is str:
            return self.node(kinds[2], self.run_of(self.graph.strings, values), len(values))
        return None

    def _list(self, value):
        packed = self._packed(value, (k.LIST_INT, k.LIST_FLOAT, k.LIST_STR))
        if packed is not None:
            return packed
        node = self._memo[id(value)] = self.reserve(k.LIST, len(value))
        self.patch(node, *[self.visit(v) for v in value])
        return node

    def _tuple(self, value):
        packed = self._packed(value, (k.TUPLE_INT, k.TUPLE_FLOAT, k.TUPLE_STR))
        if packed is not None:
            return packed
        parts = [self.visit(v) for v in value]
        return self._memo.get(id(value)) or self.node(k.TUPLE, *parts)

    def _set(self, value):
        node = self._memo[id(value)] = self.reserve(k.SET, len(value))
        self.patch(node, *[self.visit(v) for v in value])
        return node

    def _frozenset(self, value):
        return self.node(k.FROZENSET, *[self.visit(v) for v in value])

    def _dict(self, value):
        if value and all(type(key) is str for key in value):
            kinds = set(map(type, value.values()))
            if kinds == {int} and not all(map(fits, value.values())):
                kinds = set()
            if self._pack and len(value) > 1 and kinds in ({int}, {float}):
                keys = self.run_of(self.graph.strings, value)
                if kinds == {int}:
                    items = self.run_of(self.graph.ints, value.values())
                    return self.node(k.DICT_STR_INT, keys, items, len(value))
                items = self.run_of(self.graph.floats, value.values())
                return self.node(k.DICT_STR_FLOAT, keys, items, len(value))
            node = self._memo[id(value)] = self.reserve(k.DICT_STR, 2 * len(value))
            keys = [self.string(key) for key in value]
            self.patch(node, *keys, *[self.visit(v) for v in value.values()])
            return node
        return self._pairs(k.DICT, value)

    def _OrderedDict(self, value):  # noqa: N802
        return self._pairs(k.ORDERED_DICT, value)

    def _pairs(self, kind, value):
        node = self._memo[id(value)] = self.reserve(kind, 2 * len(value))
        self.patch(node, *[self.visit(v) for pair in value.items() for v in pair])
        return node

    def _slice(self, value):
        return self.node(k.SLICE, *map(self.visit, (value.start, value.stop, value.step)))

    def _range(self, value):
        return self.node(k.RANGE, *map(self.visit, (value.start, value.stop, value.step)))

    def _ndarray(self, value):
        order = 1 if value.flags.f_contiguous and not value.flags.c_contiguous else 0
        if value.dtype.hasobject:
            elements = self.node(k.LIST, *map(self.visit, value.ravel().tolist()))
            first = self.run_of(self.graph.ints, value.shape)
            return self.node(k.OBJECT_NDARRAY, elements, order, value.ndim, first)
        data = value.tobytes("F" if order else "C")
        return self.array(self.visit(value.dtype), data, value.shape, order)

    def encode_dtype(self, dtype):
        if dtype.names is None:
            return self.dtype(dtype.str)
        operands = [self.run_of(self.graph.ints, [dtype.itemsize])]
        for name, (field, offset) in dtype.fields.items():
            inner = self.encode_dtype(field)
            at = self.run_of(self.graph.ints, [offset])
            operands += [self.string(name), inner, at]
        return self.node(k.DTYPE_RECORD, *operands)

    def _RandomState(self, value):  # noqa: N802
        state = value.get_state(legacy=False)
        gauss = self.run_of(self.graph.floats, [state.pop("gauss")])
        has_gauss = state.pop("has_gauss")
        return self.node(k.RANDOM_STATE, self._bits(state), has_gauss, gauss)

    def _Generator(self, value):  # noqa: N802
        return self.node(k.GENERATOR, self._bits(value.bit_generator.state))

    def _bits(self, state):
        name = self.string(state["bit_generator"])
        return self.node(k.BIT_GENERATOR, name, self.visit(state))

    def _type(self, value):
        return self.name(value.__module__, value.__qualname__, NAME)

    def _other(self, value):
        if isinstance(value, np.dtype):
            return self.encode_dtype(value)
        if isinstance(value, np.generic):
            dtype = self.visit(value.dtype)
            return self.node(k.SCALAR, dtype, self.blob(value.tobytes()))
        if isinstance(value, (type, types.FunctionType, types.BuiltinFunctionType, np.ufunc)):
            return self._type(value) if hasattr(value, "__module__") else self._ufunc(value)
        return self._reduced(value)

    def _ufunc(self, value):
        return self.name("numpy", value.__name__, NAME)

    def _reduced(self, value):
        function, args, state, items, pairs = (*value.__reduce_ex__(4), None, None, None)[:5]
        items = list(items) if items is not None else None
        pairs = dict(pairs) if pairs is not None else None
        if function is copyreg.__newobj__:
            cls, *args = args
            by_name = cls.__module__.startswith("scipy.sparse") or cls.__name__ == "Bunch"
            callee = self.name(cls.__module__, cls.__qualname__, BY_NAME if by_name else NEW_DICT)
            node = self._memo[id(value)] = self.reserve(k.OBJECT, 5)
        else:
            module = function.__module__
            callee = self.name(module, function.__qualname__, FACTORY)
            node = self._memo[id(value)] = self.reserve(k.CALL, 5)
        parts = [self.node(k.TUPLE, *map(self.visit, args))]
        for part in (state, items, pairs):
            parts.append(ABSENT if part is None else self.visit(part))
        self.patch(node, callee, *parts)
        return node
