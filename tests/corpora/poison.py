"""A payload inside real files: every place x every writer x every compressor.

A model is written with a marker text somewhere in it; the opcodes of the marker are then
replaced by those of the payload. The marker is as long as the payload, so that frames,
array padding and everything else of the file stay as the library wrote them.
"""

from __future__ import annotations

import copy
import struct
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from . import opcodes as op
from .arrays import array, dtype, npy
from .case import Case, case
from .models import COMPRESS, models, write_joblib, write_pickle
from .payloads import NOT_LISTED

MARKER = "@marker:"
RULES = (NOT_LISTED,)

# How a payload may stand where one value is expected; each leaves one object.
FORMS: dict[str, Callable[[str], bytes]] = {
    "reduce": lambda arg: op.call(op.global_("posix", "system"), arg),
    "stack-global": lambda arg: op.call(op.stack_global("posix", "system"), arg),
    "inst": lambda arg: op.inst("posix", "system", arg),
    "obj": lambda arg: op.call_obj(op.global_("posix", "system"), arg),
    "popped": lambda arg: op.call(op.global_("posix", "system"), arg) + op.POP + op.NONE,
    "pop-mark": lambda arg: op.MARK + op.call(op.global_("os", "system"), arg) + op.POP_MARK + op.NONE,
    "nested": lambda arg: op.call(
        op.global_("pickle", "loads"), op.stream(op.call(op.global_("posix", "system"), arg))
    ),
    "build": lambda arg: op.build(
        op.new(op.global_("sklearn.linear_model._base", "LinearRegression")),
        {"coef_": op.call(op.global_("posix", "system"), arg)},
    ),
    "key": lambda arg: op.EMPTY_DICT + op.call(op.global_("posix", "system"), arg) + op.NONE + op.SETITEM,
    "array-state": lambda arg: array((1,), dtype("O8"), [op.call(op.global_("posix", "system"), arg)]),
    "array-class": lambda arg: op.call(
        op.global_("numpy.core.multiarray", "_reconstruct"),
        op.call(op.global_("posix", "system"), arg), (0,), b"b",
    ),
    "dtype": lambda arg: op.call(
        op.global_("numpy", "dtype"), op.call(op.global_("posix", "system"), arg), False, True
    ),
    "module-object": lambda arg: op.call(op.global_("numpy.testing._private.utils", "runstring"), arg, {}),
    "named-only": lambda arg: op.global_("posix", "system") + op.POP + op.binunicode(arg),
}  # fmt: skip


def _in_attribute(model: Any, marker: str) -> Any:
    model.__dict__["note_"] = marker
    return model


def _instead_of_coefficients(model: Any, marker: str) -> Any:
    model.coef_ = marker
    return model


def _in_list(model: Any, marker: str) -> Any:
    return {"model": model, "notes": [1, marker, 2]}


def _before(model: Any, marker: str) -> Any:
    return [marker, model]


def _after(model: Any, marker: str) -> Any:
    return (model, marker)


def _as_key(model: Any, marker: str) -> Any:
    return {marker: model}


def _in_objects(model: Any, marker: str) -> Any:
    return {"model": model, "classes": np.array([None, marker], dtype=object)}


PLACES = (_in_attribute, _instead_of_coefficients, _in_list, _before, _after, _as_key, _in_objects)


def encodings(text: str) -> tuple[bytes, ...]:
    data = text.encode()
    short = (b"\x8c" + bytes([len(data)]) + data,) if len(data) < 256 else ()
    return (*short, b"X" + struct.pack("<I", len(data)) + data, b"V" + data + b"\n")


def splice(write: Callable[[str], bytes], payload: bytes) -> bytes:
    """The file that `write` makes of a marker, with `payload` in its place."""
    for length in range(len(payload) - 5, len(payload)):
        marker = MARKER.ljust(length, "m")
        written = write(marker)
        for found in encodings(marker):
            if len(found) == len(payload) and written.count(found) == 1:
                return written.replace(found, payload)
    raise ValueError(f"no marker of {len(payload)} bytes fits")


def in_models(canary: str) -> Iterator[Case]:
    """Every form at every place of a model, as pickle and joblib write it."""
    good = next(model.fitted for model in models() if model.name == "logistic")
    writers: dict[str, Callable[[Any], bytes]] = {
        "pickle-2": lambda thing: write_pickle(thing, 2),
        "pickle-4": lambda thing: write_pickle(thing, 4),
        "joblib-3": lambda thing: write_joblib(thing, 3),
        "joblib-5": lambda thing: write_joblib(thing, 5),
    }
    for form, write_payload in FORMS.items():
        payload = write_payload(f"touch {canary}")
        for place in PLACES:
            for writer, write in writers.items():

                def with_marker(marker: str, place: Any = place, write: Any = write) -> bytes:
                    return write(place(copy.deepcopy(good), marker))

                yield case(
                    f"poison-{form}-{place.__name__.strip('_')}-{writer}",
                    splice(with_marker, payload),
                    *RULES,
                )


def around_models(canary: str) -> Iterator[Case]:
    """A real file with a payload put before its object or behind it."""
    good = next(model.fitted for model in models() if model.name == "linear")
    payload = op.call(op.global_("posix", "system"), f"touch {canary}")
    for protocol in (0, 2, 4):
        whole = write_pickle(good, protocol)
        head = 2 if protocol >= 2 else 0
        body = whole[head:-1]
        if protocol == 4:
            body = body[9:]  # the FRAME, whose length would no longer fit
        start = op.proto(protocol) if protocol else b""
        yield case(f"payload-before-{protocol}", start + payload + op.POP + body + op.STOP, *RULES)
        yield case(f"payload-after-{protocol}", start + body + payload + op.POP + op.STOP, *RULES)
        yield case(f"payload-is-result-{protocol}", start + body + op.POP + payload + op.STOP, *RULES)
        yield case(f"stream-after-{protocol}", whole + op.stream(payload), "TRAILING_DATA")
        yield case(f"stream-before-{protocol}", op.stream(payload) + whole, "TRAILING_DATA", *RULES)


def compressed(canary: str) -> Iterator[Case]:
    """Compressed as a whole, twice, cut, with something behind, and as bombs."""
    payload = op.stream(op.call(op.global_("posix", "system"), f"touch {canary}"))
    model = next(model.fitted for model in models() if model.name == "linear")

    def with_marker(marker: str) -> bytes:
        return write_joblib({"model": model, "note": marker}, 4)

    poisoned = splice(with_marker, FORMS["reduce"](f"touch {canary}"))
    object_array = npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", payload)
    for name, compress in COMPRESS.items():
        yield case(f"whole-{name}", compress(payload), *RULES)
        yield case(f"model-{name}", compress(poisoned), *RULES)
        yield case(f"npy-in-{name}", compress(object_array))
        if name == "none":
            continue
        yield case(f"twice-{name}", compress(compress(payload)))
        yield case(f"cut-{name}", compress(payload)[:-3])
        yield case(f"junk-behind-{name}", compress(op.stream(op.NONE)) + b"junk")
        yield case(f"stream-behind-{name}", compress(op.stream(op.NONE)) + payload)
        yield case(f"second-member-{name}", compress(op.stream(op.NONE)) + compress(payload))
        yield case(f"empty-{name}", compress(b""))
        yield case(f"many-layers-{name}", _layers(compress, payload, 30))
        for inner in ("zlib", "gzip", "xz"):
            if inner != name:
                yield case(f"{inner}-in-{name}", compress(COMPRESS[inner](payload)))
        if name in ("zlib", "gzip"):
            flipped = bytearray(compress(op.stream(op.value({"a": "b" * 50}))))
            flipped[-1] ^= 1
            yield case(f"checksum-{name}", bytes(flipped))
    yield case("bomb-16-GiB", deflate_bomb(16 << 30), "BUDGET_DECODED")


def deflate_bomb(size: int) -> bytes:
    """A zlib stream of a pickled bytes object of `size` zeros, made without writing them."""
    deflate = zlib.compressobj(9)
    head = op.proto(4) + b"\x8e" + struct.pack("<Q", size)
    start = deflate.compress(head) + deflate.flush(zlib.Z_FULL_FLUSH)
    # After a full flush nothing refers back, so the same blocks may follow any number of times.
    blocks = deflate.compress(bytes(1 << 24)) + deflate.flush(zlib.Z_FULL_FLUSH)
    return start + blocks * (size >> 24) + deflate.flush()


def _layers(compress: Callable[[bytes], bytes], data: bytes, count: int) -> bytes:
    for _ in range(count):
        data = compress(data)
    return data


def object_arrays(canary: str) -> Iterator[Case]:
    """joblib writes an object array as a pickle of its own inside the outer one."""
    model = next(model.fitted for model in models() if model.name == "linear")
    for form, write_payload in FORMS.items():
        payload = write_payload(f"touch {canary}")
        for shape in ((1,), (2, 2)):

            def with_marker(marker: str, shape: Any = shape) -> bytes:
                objects = np.empty(shape, dtype=object)
                objects.flat[0] = marker
                return write_joblib({"model": model, "objects": objects}, 4)

            yield case(f"objects-{form}-{len(shape)}", splice(with_marker, payload), *RULES)


BUILDERS = (in_models, around_models, compressed, object_arrays)


def cases(canary: str) -> Iterator[Case]:
    for builder in BUILDERS:
        yield from builder(canary)
