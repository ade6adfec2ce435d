"""Attacks on numpy's factories and states, joblib's array headers and .npy files."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator

from . import opcodes as op
from .case import Case, case
from .payloads import NOT_HERE, NOT_LISTED, system

SCHEMA = "SCHEMA"
DTYPE = "DTYPE"
BOUNDS = "ARRAY_BOUNDS"

RECONSTRUCT = op.global_("numpy.core.multiarray", "_reconstruct")
SCALAR = op.global_("numpy.core.multiarray", "scalar")
FROMBUFFER = op.global_("numpy.core.numeric", "_frombuffer")
NDARRAY = op.Raw(op.global_("numpy", "ndarray"))
DTYPE_NAME = op.global_("numpy", "dtype")
LINEAR = ("sklearn.linear_model._base", "LinearRegression")


def dtype(text: str, state: tuple | None = None) -> op.Raw:
    """numpy.dtype(text, False, True) and its state, as numpy itself writes them."""
    if state is None:
        order = "|" if text[0] in "OVS" or text in ("b1", "u1", "i1") else "<"
        state = (3, order, None, None, None, -1, -1, 63 if text[0] == "O" else 0)
    return op.build(op.call(DTYPE_NAME, text, False, True), state)


def empty_array(args: tuple = (NDARRAY, (0,), b"b")) -> op.Raw:
    return op.call(RECONSTRUCT, *args)


def array(shape: tuple, kind: op.Raw, data: object, version: int = 1) -> op.Raw:
    return op.build(empty_array(), (version, shape, kind, False, data))


def held(fragment: bytes) -> bytes:
    """The fragment where any plain value may stand."""
    return op.stream(op.value({"weights": op.Raw(fragment)}))


def forged_dtypes(canary: str) -> Iterator[Case]:
    """A dtype is a layout that native code believes: forged by state, it forges pointers."""
    eight = b"\x41" * 8
    good = (3, "<", None, None, None, -1, -1, 0)
    fields = {"a": (dtype("O8"), 0)}
    far = {"a": (dtype("f8"), 2**30)}
    states = {
        "object": dtype("O8", (3, "|", None, None, None, -1, -1, 63)),
        "object-flags-0": dtype("O8", (3, "|", None, None, None, -1, -1, 0)),
        "object-by-letter": dtype("O"),
        "void-hides-object": dtype("V8", (3, "|", None, ("a",), fields, 8, 1, 0)),
        "field-offset": dtype("V8", (3, "|", None, ("a",), far, 8, 1, 0)),
        "field-offset-negative": dtype("V8", (3, "|", None, ("a",), {"a": (dtype("f8"), -8)}, 8, 1, 0)),
        "names-without-fields": dtype("V8", (3, "|", None, ("a",), None, 8, 1, 0)),
        "size-grown": dtype("V8", (3, "|", None, None, None, 2**30, 1, 0)),
        "size-of-f8-grown": dtype("f8", (3, "<", None, None, None, 2**20, 8, 0)),
        "size-negative": dtype("V8", (3, "|", None, None, None, -5, 1, 0)),
        "subarray": dtype("V8", (3, "|", (dtype("f8"), (2**40,)), None, None, 8, 8, 0)),
        "version-99": dtype("f8", (99, "<", None, None, None, -1, -1, 0)),
        "byteorder": dtype("f8", (3, "?", None, None, None, -1, -1, 0)),
        "short-state": dtype("f8", (3, "<")),
        "state-dict": op.build(op.call(DTYPE_NAME, "f8", False, True), {"itemsize": 2**20}),
        "built-twice": op.build(dtype("f8"), good),
        "metadata": dtype("f8", (4, "<", None, None, None, -1, -1, 0, {"x": op.Raw(system(canary))})),
        "from-class": op.call(DTYPE_NAME, op.Raw(op.global_(*LINEAR)), False, True),
        "from-list": op.call(DTYPE_NAME, [("a", "O")], False, True),
        "from-dict": op.call(DTYPE_NAME, {"names": ["a"], "formats": ["O"]}, False, True),
        "huge-string": dtype("U2147483647"),
        "comma": op.call(DTYPE_NAME, "f8,O", False, True),
        "shape-prefix": op.call(DTYPE_NAME, "(1000000,)f8", False, True),
    }
    for what, kind in states.items():
        yield case(f"dtype-{what}", held(array((1,), kind, eight)))
    for what in ("object", "object-flags-0", "void-hides-object", "field-offset", "size-grown"):
        yield case(f"dtype-scalar-{what}", held(op.call(SCALAR, states[what], eight)))
        buffer = op.call(FROMBUFFER, eight, states[what], (1,), "C")
        yield case(f"dtype-frombuffer-{what}", held(buffer))
        if not what.startswith("object"):  # the object dtype by itself is a plain value
            yield case(f"dtype-alone-{what}", held(states[what]))


def array_states(canary: str) -> Iterator[Case]:
    """_reconstruct gives uninitialised memory until BUILD, and BUILD may come again."""
    f8 = dtype("f8")
    eight = b"\0" * 8
    good = (1, (1,), f8, False, eight)
    yield case("array-without-build", held(empty_array()))
    yield case("array-without-build-large", held(empty_array((NDARRAY, (2**20,), b"d"))))
    for what, args in {
        "shape-huge": (NDARRAY, (2**60,), b"b"), "shape-negative": (NDARRAY, (-1,), b"b"),
        "shape-int": (NDARRAY, 0, b"b"), "typecode-object": (NDARRAY, (0,), b"O"),
        "no-args": (), "class-estimator": (op.Raw(op.global_(*LINEAR)), (0,), b"b"),
        "class-characters": (op.Raw(op.global_("numpy", "chararray")), (0,), b"b"),
        "class-call": (op.Raw(system(canary)), (0,), b"b"), "class-none": (None, (0,), b"b"),
        "four-args": (NDARRAY, (0,), b"b", 1),
    }.items():  # fmt: skip
        yield case(f"reconstruct-{what}", held(op.build(op.call(RECONSTRUCT, *args), good)))
    yield case("array-built-twice", held(op.build(op.build(empty_array(), good), good)), "BUILD_TWICE")
    kept = op.build(empty_array(), good) + op.put(0)
    pair = op.Raw(kept + op.build(op.get(0), good) + op.TUPLE2)
    yield case("array-built-twice-by-memo", held(pair), "BUILD_TWICE")
    states = {
        "data-short": (1, (2,), f8, False, eight), "data-long": (1, (1,), f8, False, eight * 2),
        "shape-overflow": (1, (2**32, 2**32), f8, False, b""), "shape-2-62": (1, (2**61,), f8, False, eight),
        "shape-negative": (1, (-1,), f8, False, eight), "shape-two-negative": (1, (-1, -1), f8, False, eight),
        "shape-float": (1, (1.0,), f8, False, eight), "shape-bool": (1, (True,), f8, False, eight),
        "rank-65": (1, (1,) * 65, f8, False, eight), "data-str": (1, (1,), f8, False, "\0" * 8),
        "data-list": (1, (1,), f8, False, [1.0]), "dtype-str": (1, (1,), "f8", False, eight),
        "dtype-none": (1, (1,), None, False, eight), "order-int": (1, (1,), f8, 7, eight),
        "version-9": (9, (1,), f8, False, eight), "no-version": ((1,), f8, False, eight),
        "empty": (), "dict": {"__array_interface__": {"data": (1, False)}},
        "object-bytes": (1, (1,), dtype("O8"), False, eight),
        "object-call": (1, (1,), dtype("O8"), False, [op.Raw(system(canary))]),
    }  # fmt: skip
    for what, state in states.items():
        yield case(f"array-state-{what}", held(op.build(empty_array(), state)))
    yield case("ndarray-called", held(op.call(NDARRAY, (2**20,))), NOT_HERE, SCHEMA, NOT_LISTED)
    yield case("ndarray-new", held(op.new(NDARRAY, (2**20,))))
    yield case("ndarray-new-built", held(op.build(op.new(NDARRAY, (1,)), good)))


def scalars_and_buffers(canary: str) -> Iterator[Case]:
    f8, eight = dtype("f8"), b"\0" * 8
    for what, args in {
        "no-data": (f8,), "short": (f8, b"\0"), "long": (f8, eight * 2), "str": (f8, "\0" * 8),
        "dtype-str": ("f8", eight), "object-call": (dtype("O8"), op.Raw(system(canary))),
        "int": (f8, 8), "three": (f8, eight, 1),
    }.items():  # fmt: skip
        yield case(f"scalar-{what}", held(op.call(SCALAR, *args)))
    for what, args in {
        "short": (eight, f8, (2,), "C"), "huge": (eight, f8, (2**61,), "C"), "order": (eight, f8, (1,), "K"),
        "negative": (eight, f8, (-1,), "C"), "int": (8, f8, (1,), "C"),
        "array": (array((1,), f8, eight), f8, (1,), "C"),
        "str": ("\0" * 8, f8, (1,), "C"), "few": (eight, f8),
    }.items():  # fmt: skip
        yield case(f"frombuffer-{what}", held(op.call(FROMBUFFER, *args)))


def trampolines(canary: str) -> Iterator[Case]:
    """Factories that call or instantiate what they are given."""
    evil = op.Raw(op.global_("posix", "system"))
    mean = op.Raw(op.global_("numpy", "mean"))
    linear = op.Raw(op.global_(*LINEAR))
    factories = {
        "generator": op.global_("numpy.random._pickle", "__generator_ctor"),
        "randomstate": op.global_("numpy.random._pickle", "__randomstate_ctor"),
        "bit-generator": op.global_("numpy.random._pickle", "__bit_generator_ctor"),
        "newobj": op.global_("sklearn.neighbors._kd_tree", "newObj"),
        "newobj-ball": op.global_("sklearn.neighbors._ball_tree", "newObj"),
        "newobj-dist": op.global_("sklearn.metrics._dist_metrics", "newObj"),
        "mareconstruct": op.global_("numpy.ma.core", "_mareconstruct"),
        "reconstructor": op.global_("copyreg", "_reconstructor"),
        "newobj-copyreg": op.global_("copyreg", "__newobj__"),
        "pyx-unpickle": op.global_("sklearn._loss._loss", "__pyx_unpickle_CyHalfBinomialLoss"),
        "codecs": op.global_("_codecs", "encode"),
        "bytearray": op.global_("builtins", "bytearray"),
        "set": op.global_("builtins", "set"),
        "dtype": DTYPE_NAME,
        "reconstruct": RECONSTRUCT,
        "scalar": SCALAR,
        "ordered-dict": op.global_("collections", "OrderedDict"),
        "defaultdict": op.global_("collections", "defaultdict"),
        "tree": op.global_("sklearn.tree._tree", "Tree"),
    }
    arguments = {
        "system": (evil,), "system-arg": (f"touch {canary}", evil), "arg-system": (evil, f"touch {canary}"),
        "function": (mean,), "function-function": (mean, mean), "class": (linear,),
        "classes": (linear, linear, None), "name-function": ("MT19937", mean), "huge-int": (2**40,),
        "text": ("x", "zlib_codec"), "object-base": (linear, op.Raw(op.global_("builtins", "list")), [1]),
        "call": (op.Raw(system(canary)),),
    }  # fmt: skip
    for what, ref in factories.items():
        for how, args in arguments.items():
            if (what, how) == ("defaultdict", "class"):
                continue  # a class that a listed factory is given by name only: not an attack
            yield case(f"trampoline-{what}-{how}", held(op.call(ref, *args)))
        yield case(f"factory-as-value-{what}", held(ref), NOT_HERE, NOT_LISTED)
        yield case(f"factory-new-{what}", held(op.new(ref)))
        yield case(f"factory-inst-built-{what}", held(op.build(op.call(ref), {"x": 1})))
    yield case("codec-unknown", held(op.call(factories["codecs"], "x", "my_codec")), SCHEMA)
    yield case("codec-wide", held(op.call(factories["codecs"], "\u0100", "latin1")), SCHEMA)
    partial = op.call(op.global_("functools", "partial"), mean)
    yield case("partial-built", held(op.build(partial, (evil, (canary,), {}, {}))))
    yield case("class-called", held(op.call(linear)))
    yield case("class-new-args", held(op.new(linear, 1)))
    yield case("class-new-kwargs", held(op.new_ex(linear, x=1)))


def functions_as_values(canary: str) -> Iterator[Case]:
    """A function is allowed at its place only: as `predict`, it is a replaced method."""
    del canary
    for name in (("numpy", "mean"), ("numpy", "clip"), ("scipy.special", "expit"), ("numpy", "expm1"),
                 ("sklearn.feature_selection._univariate_selection", "chi2"),
                 ("sklearn.cluster._k_means_lloyd", "lloyd_iter_chunked_dense"),
                 ("sklearn.utils.validation", "check_array")):  # fmt: skip
        ref = op.Raw(op.global_(*name))
        state = {"n_features_in_": 1}
        for key in ("predict", "fit", "score", "coef_", "_check_feature_names", "decision_function"):
            data = op.stream(op.instance(*LINEAR, {**state, key: ref}))
            yield case(f"function-{'.'.join(name)}-as-{key}", data)
        yield case(f"function-{'.'.join(name)}-called", held(op.call(ref, 1)))


def joblib_wrapper(attributes: dict, body: bytes) -> bytes:
    """A joblib array wrapper and what follows it in the stream, as the value in a dict."""
    base = {"subclass": NDARRAY, "shape": (2,), "order": "C", "dtype": dtype("f8"), "allow_mmap": True,
            "numpy_array_alignment_bytes": 16}  # fmt: skip
    wrapper = op.instance("joblib.numpy_pickle", "NumpyArrayWrapper", {**base, **attributes})
    return wrapper + body


def joblib_around(attributes: dict, body: bytes) -> bytes:
    item = op.binunicode("weights") + joblib_wrapper(attributes, body)
    return op.proto(4) + op.EMPTY_DICT + item + op.SETITEM + op.STOP


def joblib_file(attributes: dict, data: bytes, padding: int | None = None) -> bytes:
    """As joblib writes it: one byte of padding length, the padding, the data."""
    start = len(joblib_around(attributes, b"")) - len(op.SETITEM + op.STOP)
    pad = (16 - (start + 1) % 16) if padding is None else padding
    return joblib_around(attributes, bytes([pad]) + b"\xff" * pad + data)


def joblib_arrays(canary: str) -> Iterator[Case]:
    """Array bytes stand between opcodes: who miscounts them reads other opcodes."""
    sixteen = b"\0" * 16
    evil = op.stream(system(canary))
    far = dtype("V8", (3, "|", None, ("a",), {"a": (dtype("f8"), 2**30)}, 8, 1, 0))
    objects = array((1,), dtype("O8"), [1])
    variants = {
        "short": ({"shape": (3,)}, sixteen), "long": ({"shape": (1,)}, sixteen),
        "overflow": ({"shape": (2**32, 2**32)}, sixteen), "huge": ({"shape": (2**60,)}, sixteen),
        "negative": ({"shape": (-2,)}, sixteen), "float": ({"shape": (2.0,)}, sixteen),
        "list": ({"shape": [2]}, sixteen), "order": ({"order": "K"}, sixteen),
        "order-int": ({"order": 1}, sixteen), "class": ({"subclass": op.Raw(op.global_(*LINEAR))}, sixteen),
        "class-characters": ({"subclass": op.Raw(op.global_("numpy", "chararray"))}, sixteen),
        "class-payload": ({"subclass": op.Raw(system(canary))}, sixteen),
        "dtype-text": ({"dtype": "f8"}, sixteen), "dtype-none": ({"dtype": None}, sixteen),
        "dtype-field-offset": ({"dtype": far}, sixteen),
        "object-payload": ({"dtype": dtype("O8"), "shape": (1,)}, evil),
        "object-benign-then-payload": ({"dtype": dtype("O8"), "shape": (1,)}, op.stream(objects) + evil),
        "object-wrong-type": ({"dtype": dtype("O8"), "shape": (1,)}, op.stream(op.value({"a": 1}))),
        "object-outer-memo": ({"dtype": dtype("O8"), "shape": (1,)}, op.stream(op.get(0))),
    }  # fmt: skip
    for what, (attributes, data) in variants.items():
        is_object = what.startswith("object")
        yield case(
            f"joblib-{what}", joblib_around(attributes, data) if is_object else joblib_file(attributes, data)
        )
    for pad in (17, 200, 255):
        yield case(f"joblib-padding-{pad}", joblib_file({"shape": (2,)}, sixteen, pad))
    yield case("joblib-data-is-opcodes", joblib_file({"shape": (200,)}, op.stream(system(canary))))
    for name in ("NDArrayWrapper", "ZNDArrayWrapper"):
        old = op.instance("joblib.numpy_pickle_compat", name, {"filename": "/etc/passwd", "subclass": NDARRAY,
                                                               "allow_mmap": True})  # fmt: skip
        yield case(f"joblib-{name}", op.stream(old))
        old = op.instance("joblib.numpy_pickle", name, {"filename": "../x_01.npy", "subclass": NDARRAY})
        yield case(f"joblib-old-{name}", op.stream(old))
    body = zlib.compress(op.stream(op.value({"a": 1})))
    header = b"ZF" + hex(len(body)).ljust(19).encode()
    yield case("joblib-zfile", header + body, "UNKNOWN_FORMAT", "MALFORMED")


def npy(
    header: str | bytes, data: bytes = b"\0" * 8, version: tuple[int, int] = (1, 0), size: int | None = None
) -> bytes:
    text = header.encode() if isinstance(header, str) else header
    wide = version[0] >= 2
    text += b" " * (-(len(text) + 1 + 6 + 2 + (4 if wide else 2)) % 64) + b"\n"
    length = len(text) if size is None else size
    return b"\x93NUMPY" + bytes(version) + struct.pack("<I" if wide else "<H", length) + text + data


def npy_files(canary: str) -> Iterator[Case]:
    """A .npy header is a Python literal, and an object array is a pickle."""

    def head(descr: str, order: str, shape: str) -> str:
        return f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"

    yield case("npy-object-payload", npy(head("'|O'", "False", "(1,)"), op.stream(system(canary))))
    yield case(
        "npy-object-inner-object", npy(head("[('a', '|O')]", "False", "(1,)"), op.stream(system(canary)))
    )
    bad = {
        "short": head("'<f8'", "False", "(2,)"), "long": head("'<f8'", "False", "()").replace("f8", "f4"),
        "huge": head("'<f8'", "False", "(1152921504606846976,)"),
        "overflow": head("'<f8'", "False", "(4294967296, 4294967296)"),
        "negative": head("'<f8'", "False", "(-1,)"), "order": head("'<f8'", "0", "(1,)"),
        "call": head("'<f8'", "False", "(1,)").replace("False", "open('x')"),
        "expression": head("'<f8'", "False", "(1+0,)"), "missing": "{'descr': '<f8', 'shape': (1,), }",
        "extra": "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'x': 1, }",
        "twice": "{'descr': '<f8', 'descr': '<f8', 'fortran_order': False, 'shape': (1,), }",
        "dtype": head("'<f9'", "False", "(1,)"), "dtype-empty": head("''", "False", "(1,)"),
        "dtype-comma": head("'<f8,O'", "False", "(1,)"), "void": head("'|V-8'", "False", "(1,)"),
        "unclosed": "{'descr': '<f8', 'fortran_order': False, 'shape': (1,", "empty": "", "list": "[]",
        "nested": "(" * 5000 + ")" * 5000, "nul": head("'<f8'", "False", "(1,)") + "\0",
        "rank": head("'<f8'", "False", "(" + "1, " * 70 + ")"),
        "bignum": head("'<f8'", "False", "(" + "9" * 400 + ",)"),
    }  # fmt: skip
    for what, text in bad.items():
        yield case(f"npy-{what}", npy(text))
    good = head("'<f8'", "False", "(1,)")
    yield case("npy-version-9", npy(good, version=(9, 0)))
    yield case("npy-version-1-7", npy(good, version=(1, 7)))
    yield case("npy-header-long", npy(good, size=60000))
    yield case("npy-header-4g", npy(good, version=(2, 0), size=0xFFFFFFFF))
    yield case("npy-trailing", npy(good) + b"\0")
    yield case("npy-then-pickle", npy(good) + op.stream(system(canary)))
    yield case("npy-latin1", npy(good.replace("descr", "d\u00e9scr").encode("latin1")))


def foreign_files(canary: str) -> Iterator[Case]:
    """Containers that are not read must never count as clean."""
    import tarfile
    import zipfile

    evil = op.stream(system(canary))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("archive/data.pkl", evil)
    yield case("zip", buffer.getvalue(), "MALFORMED")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        member = tarfile.TarInfo("data.pkl")
        member.size = len(evil)
        archive.addfile(member, io.BytesIO(evil))
    yield case("tar", buffer.getvalue())
    for what, data in {"empty": b"", "7z": b"7z\xbc\xaf\x27\x1c" + evil, "text": b"hello, world\n",
                       "zeros": b"\0" * 4096, "nul": b"\0", "elf": b"\x7fELF" + evil, "json": b'{"a": 1}',
                       "python": b"import os\nos.system('id')\n", "hdf5": b"\x89HDF\r\n\x1a\n" + evil,
                       "zstd": b"\x28\xb5\x2f\xfd" + evil, "pickle-magic-only": b"\x80",
                       "dot": b"."}.items():  # fmt: skip
        yield case(f"foreign-{what}", data)


def controls() -> Iterator[tuple[str, bytes]]:
    """The same carriers with honest contents: accepted, or the attacks above prove nothing."""
    f8, eight = dtype("f8"), b"\0" * 8
    head = "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), }"
    yield "plain", op.stream(op.value({"a": [1, 2.5, None, True, "x", b"y", (1,)]}))
    yield "plain-protocol-0", op.stream(op.MARK + op.unicode_escaped("key") + op.NONE + op.DICT, 0)
    yield "framed", op.proto(4) + op.frame(op.binunicode("a" * 40) + op.STOP)
    yield "memo", op.stream(op.EMPTY_LIST + op.put(5) + op.binunicode("x") + op.put(70000) + op.APPEND
                            + op.long_binget(70000) + op.APPEND)  # fmt: skip
    yield "popped", op.stream(op.NONE + op.POP + op.MARK + op.NONE + op.POP_MARK + op.integer(1))
    yield "array", held(array((1,), f8, eight))
    yield (
        "array-of-an-estimator",
        op.stream(op.instance(*LINEAR, {"coef_": array((1,), f8, eight), "n_features_in_": 1})),
    )
    yield "array-alone", op.stream(array((1,), f8, eight))
    # Flags and alignment are not read: the dtype is made anew from its name.
    yield "dtype-flags", held(array((1,), dtype("f8", (3, "<", None, None, None, -1, -1, 255)), eight))
    yield "scalar", held(op.call(SCALAR, f8, eight))
    yield "frombuffer", op.stream(op.call(FROMBUFFER, eight, f8, (1,), "C"), 5)
    yield "class-named-empty", op.stream(op.instance(*LINEAR, {"n_features_in_": 1}))
    yield "npy", npy(head)
    yield "npy-version-2", npy(head, version=(2, 0))
    yield "joblib", joblib_file({}, b"\0" * 16)


BUILDERS = (
    forged_dtypes, array_states, scalars_and_buffers, trampolines, functions_as_values, joblib_arrays,
    npy_files, foreign_files,
)  # fmt: skip


def cases(canary: str) -> Iterator[Case]:
    for builder in BUILDERS:
        yield from builder(canary)
