"""Hand-written: names of Python, numpy and joblib. Lowered means that the worker turns the call
into a plain node; nothing of these names is ever called or imported for the artifact."""

from __future__ import annotations

from model import Entry, Policy
from sklearn_functions import SEARCHED, SEARCHED_PLACES

LOWERED = {
    "numpy.dtype": "a typestr or a record of plain fields; its pickled flags are dropped",
    "numpy.core.multiarray._reconstruct": "an array of proven length",
    "numpy._core.multiarray._reconstruct": "an array of proven length",
    "numpy.core.multiarray.scalar": "bytes of exactly one item, no objects",
    "numpy._core.multiarray.scalar": "bytes of exactly one item, no objects",
    "numpy.core.numeric._frombuffer": "an array of proven length",
    "numpy._core.numeric._frombuffer": "an array of proven length",
    "numpy.random._pickle.__bit_generator_ctor": "one of five generators, state checked",
    "numpy.random._pickle.__generator_ctor": "over a checked bit generator",
    "numpy.random._pickle.__randomstate_ctor": "over a checked bit generator",
    "joblib.numpy_pickle.NumpyArrayWrapper": "array bytes that follow in the stream",
    "_codecs.encode": "bytes written as latin-1 text",
    "builtins.bytes": "bytes, never a length",
    "builtins.bytearray": "bytes, never a length",
    "builtins.set": "of plain values",
    "builtins.frozenset": "of plain values",
    "builtins.complex": "two floats",
    "builtins.slice": "three plain values",
    "builtins.range": "three integers",
    "collections.OrderedDict": "a dict",
    "copyreg._reconstructor": "a listed class made by object.__new__",
}

# Named in streams as arguments of what is lowered, or lowered to a value; they stand nowhere in a graph.
ARGUMENTS = (
    "numpy.random._mt19937.MT19937",
    "numpy.random._pcg64.PCG64",
    "numpy.random._pcg64.PCG64DXSM",
    "numpy.random._philox.Philox",
    "numpy.random._sfc64.SFC64",
    "numpy.random.mtrand.RandomState",
    "numpy.random._generator.Generator",
    "numpy.memmap",
    "builtins.tuple",
    "builtins.Ellipsis",
    "builtins.NotImplemented",
)

# Where pandas is asked for the columns of some types.
SELECTOR = "sklearn.compose._column_transformer.make_column_selector"
SELECTED = tuple(f"{SELECTOR}.dtype_{how}" for how in ("include", "exclude"))
# Kinds of types, and what pandas knows by name: no number is of them alone.
KINDS = (
    "number", "generic", "integer", "signedinteger", "unsignedinteger", "inexact", "floating",
    "complexfloating", "flexible", "character", "datetime64", "timedelta64", "complex64", "complex128",
)  # fmt: skip
ABSTRACT = tuple(f"numpy.{name}" for name in KINDS)
# Types that numpy.dtype() understands: harmless under the key dtype, callable anywhere else.
DTYPES = (
    "numpy.float64",
    "numpy.float32",
    "numpy.float16",
    "numpy.int64",
    "numpy.int32",
    "numpy.int16",
    "numpy.int8",
    "numpy.uint64",
    "numpy.uint32",
    "numpy.uint16",
    "numpy.uint8",
    "numpy.bool_",
    "numpy.bool",
    "numpy.str_",
    "numpy.object_",
    "builtins.bool",
    # Named by protocols 0 and 1 as an argument of what is lowered, too.
    "builtins.object",
)
# The same, and what a defaultdict may make.
BOTH = ("builtins.int", "builtins.float", "builtins.str")
FACTORIES = ("builtins.list", "builtins.dict")

PATHS = ("PurePosixPath", "PosixPath", "Path", "WindowsPath", "PureWindowsPath")
TIMES = ("datetime", "date", "time", "timedelta", "timezone")
CONTAINERS = {
    "collections.defaultdict": "DEFAULTDICT",
    "collections.Counter": "COUNTER",
    "collections.deque": "DEQUE",
}

# Values of Python that are kept beside models.
VALUES = {
    "decimal.Decimal": ("EXACT_NUMBER", "digits of a bounded number"),
    "fractions.Fraction": ("EXACT_NUMBER", "digits of a bounded number"),
    **{
        f"ipaddress.{version}{what}": ("IP_ADDRESS", "a bounded integer or text")
        for version in ("IPv4", "IPv6")
        for what in ("Address", "Network", "Interface")
    },
    "re._compile": ("PATTERN", "compiled again; a search takes no more than the square of its text"),
    "types.SimpleNamespace": ("NAMESPACE", "attributes that Python gives no meaning; in no estimator"),
}
SEEDS = "numpy.random.bit_generator"
RECORDS = ("numpy.recarray", "numpy.rec.recarray", "numpy.core.records.recarray",
           "numpy._core.records.recarray", "numpy.record", "numpy.void")  # fmt: skip
SERIES = {
    "polynomial": "Polynomial",
    "chebyshev": "Chebyshev",
    "legendre": "Legendre",
    "hermite": "Hermite",
    "hermite_e": "HermiteE",
    "laguerre": "Laguerre",
}
RESULTS = ("EigResult", "EighResult", "QRResult", "SlogdetResult", "SVDResult")
# Built by their constructors; of the file only what is proven is read.
BY_NAME = {
    "uuid.UUID": ("UUID", "one integer of 128 bits"),
    "collections.ChainMap": ("CHAIN_MAP", "a list of dicts"),
    **dict.fromkeys(
        ("numpy.poly1d", "numpy.lib.polynomial.poly1d",
         *(f"numpy.polynomial.{module}.{name}" for module, name in SERIES.items())),
        ("SERIES", "vectors of numbers"),
    ),
    **{
        f"numpy.linalg.{module}.{name}": ("NAMED_TUPLE", "a tuple of arrays")
        for module in ("linalg", "_linalg")
        for name in RESULTS
    },
}  # fmt: skip
# The one that pandas has, by the names of its versions.
MISSING = ("pandas.NA", "pandas._libs.missing.NA")
# Of no behaviour: bags of checkpoints hold them too.
BAGGED = (*VALUES, *BY_NAME, *RECORDS, f"{SEEDS}.__pyx_unpickle_SeedSequence", "numpy.matrix",
          "numpy.ma.core._mareconstruct")  # fmt: skip

POLICY = Policy(
    name="numpy",
    description="Plain Python values, numpy arrays and random generators, joblib's arrays.",
    places=SEARCHED_PLACES,
    entries=[
        *(Entry(name, "FACTORY", "LOWERED", why=why) for name, why in LOWERED.items()),
        *(Entry(name, "NAME", why="argument of what is lowered") for name in ARGUMENTS),
        Entry("numpy.ndarray", "NAME", at=("@MASKED_ARRAY",), why="argument of what is lowered"),
        *(
            Entry(name, "NAME", at=("dtype", "@PARTIAL", *SEARCHED, *SELECTED), why="scalar type")
            for name in DTYPES
        ),
        *(Entry(name, "NAME", at=SELECTED, why="kinds of types, compared only") for name in ABSTRACT),
        *(Entry(name, "NAME", at=("dtype", "@DEFAULTDICT", *SELECTED), why="type") for name in BOTH),
        *(Entry(name, "NAME", at=("@DEFAULTDICT",), why="makes an empty one") for name in FACTORIES),
        *(Entry(name, "FACTORY", schema, why="keys plain") for name, schema in CONTAINERS.items()),
        *(Entry(name, "FACTORY", schema, why=why) for name, (schema, why) in VALUES.items()),
        *(Entry(name, "BY_NAME_AND_PARAMS", schema, why=why) for name, (schema, why) in BY_NAME.items()),
        *(Entry(name, "FACTORY", "RECORDS", why="a view of a proven array") for name in RECORDS),
        Entry(f"{SEEDS}.__pyx_unpickle_SeedSequence", "FACTORY", "SEED_SEQUENCE", why="of its integers anew"),
        Entry(f"{SEEDS}.SeedSequence", "NAME", at=("@SEED_SEQUENCE",), why="argument of its unpickling"),
        *(Entry(name, "NAME", at=("*",), why="a missing value, which nothing calls") for name in MISSING),
        Entry("numpy.ma.core.MaskedConstant", "FACTORY", "MASKED_ARRAY", why="numpy's own one"),
        *(Entry(f"pathlib.{name}", "FACTORY", "PATH", why="parts only, as a pure path") for name in PATHS),
        *(Entry(f"datetime.{name}", "FACTORY", "DATETIME", why="fields in range") for name in TIMES),
    ],
)
