"""Values of Python and numpy that bundles hold beside models come back as the libraries read them."""

from __future__ import annotations

import argparse
import collections
import decimal
import fractions
import io
import ipaddress
import pathlib
import pickle
import re
import types
import uuid
import zipfile
from typing import Any

import joblib
import loadlock
import numpy as np
import pytest
from sklearn.utils import Bunch

from corpora import opcodes as op

from .daemon import ACCEPTED, REFUSED, Daemon, error_rules

RECORD = np.dtype([("a", "<i4"), ("b", "<f8"), ("c", "<U5")])
FIELDS = np.array([(1, 2.5, "x"), (3, -0.0, "é")], RECORD)
RECORDS = FIELDS.view(np.recarray)
SEED = np.random.SeedSequence([1, 2, 3], spawn_key=(4, 5), pool_size=8)
SEED.spawn(3)
POLYNOMIALS = (
    np.polynomial.Polynomial,
    np.polynomial.Chebyshev,
    np.polynomial.Legendre,
    np.polynomial.Hermite,
    np.polynomial.HermiteE,
    np.polynomial.Laguerre,
)
EMPTY_OF = (tuple, bool, bytes, bytearray, complex, frozenset, collections.deque, collections.Counter)

VALUES: dict[str, Any] = {
    "decimals": [decimal.Decimal(n) for n in ("1.50", "-0", "1E+100", "1e-7", "-Infinity", "1" * 80)],
    "fractions": [fractions.Fraction(1, 3), fractions.Fraction(-7), fractions.Fraction(10**30, 7)],
    "uuids": [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.uuid1(), uuid.uuid4()],
    "addresses": [ipaddress.ip_address("1.2.3.4"), ipaddress.ip_address("fe80::1")],
    "networks": [
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("fe80::/10"),
        ipaddress.ip_interface("10.1.2.3/8"),
    ],
    "namespace": types.SimpleNamespace(lr=0.1, layers=[1, 2], deeper=types.SimpleNamespace(x=None)),
    "empty-namespace": types.SimpleNamespace(),
    "arguments": argparse.Namespace(
        rate=decimal.Decimal("0.1"),
        run=uuid.UUID(int=7),
        seed=types.SimpleNamespace(a=1),
        words=re.compile("a+"),
    ),
    "chain": collections.ChainMap({"a": 1}, collections.OrderedDict(b=2), collections.Counter("aab")),
    "empty-chain": collections.ChainMap(),
    "bounded-deque": collections.deque([1, 2, 3], maxlen=3),
    "defaults": [collections.defaultdict(kind, {"a": kind()}) for kind in EMPTY_OF],
    "patterns": [
        re.compile(pattern, flags)
        for pattern, flags in (
            (r"(?u)\b\w\w+\b", 0),
            (r"^a.b$", re.I | re.M | re.S),
            (rb"ab+", 0),
            (r"'(?:[sdmt]|ll|ve|re)| ?\w+| ?[^\s\w]+|\s+(?!\S)|\s+", 0),
            (r"(\d+) \s* (?P<unit>kg|lb)  # a weight", re.X),
            (r"[a-zA-Z0-9_.+-]+@[a-zA-Z0-9-]+\.[a-zA-Z0-9-.]+", re.A),
        )
    ],
    "poly1d": [np.poly1d([1, 2, 3]), np.poly1d([1.5, -2], variable="z"), np.poly1d([1, 2], r=True)],
    "series": [cls([1.0, 2.0, 3.0], domain=[0, 5], window=[-2, 2]) for cls in POLYNOMIALS],
    "complex-series": np.polynomial.Polynomial([1j, 2]),
    "records": RECORDS,
    "records-in-two-dimensions": RECORDS[:1].reshape(1, 1),
    "no-records": RECORDS[:0],
    "record": RECORDS[1],
    "void": FIELDS[1],
    "void-of-no-fields": np.void(b"abcd"),
    "fields-that-are-arrays": np.array(
        [(1, [[1, 2], [3, 4]], [5, 6, 7])],
        [("a", "u1"), ("grid", ">f4", (2, 2)), ("line", "<i2", 3)],
    ).view(np.recarray),
    "other-byte-order": [np.arange(3, dtype=kind) for kind in (">f8", ">i4", ">c8", ">u2")],
    "other-byte-order-long": np.arange(3000, dtype=">f8"),
    "other-byte-order-texts": np.array([["a", "é"]], ">U3"),
    "bunch": Bunch(path=pathlib.PurePosixPath("a"), parts=[uuid.UUID(int=1)], id=types.SimpleNamespace(a=1)),
    "masked": np.ma.masked,
    "decompositions": [np.linalg.eig(np.eye(2)), np.linalg.svd(np.eye(2)), np.linalg.slogdet(np.eye(2))],
    "object-array": np.array([decimal.Decimal("1.5"), uuid.UUID(int=5), None], dtype=object),
}


def same(one: Any, other: Any) -> bool:
    """Equal in type and content, all the way down."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (np.ndarray, np.generic)):
        if one is np.ma.masked or one.dtype.hasobject:
            return one is other or same(one.tolist(), other.tolist())
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, (np.poly1d, *POLYNOMIALS)):
        return repr(one) == repr(other) and bool(np.all(one(np.arange(3)) == other(np.arange(3))))
    if isinstance(one, (types.SimpleNamespace, argparse.Namespace)):
        return same(vars(one), vars(other))
    if isinstance(one, collections.ChainMap):
        return same(one.maps, other.maps)
    if isinstance(one, dict):
        extra = getattr(one, "default_factory", None) == getattr(other, "default_factory", None)
        return extra and list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple, collections.deque)):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other) and repr(one) == repr(other)


@pytest.mark.parametrize("name", VALUES)
def test_as_the_library_reads_it(name: str, daemon: Daemon) -> None:
    value = VALUES[name]
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            written = pickle.dumps(value, protocol)
            loaded = client.load(daemon.write("value.pkl", written))
            assert same(loaded, pickle.loads(written)), (protocol, loaded)
        for compress in (0, 3):
            path = daemon.root / "value.joblib"
            joblib.dump(value, path, compress=compress)
            assert same(client.load(path), joblib.load(path))


def test_parts_of_values_stay(daemon: Daemon) -> None:
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        records = client.load(daemon.write("v.pkl", pickle.dumps([RECORDS, RECORDS[0], FIELDS[0]])))
        assert records[0].c[1] == "é"
        assert records[1].b == 2.5
        with pytest.raises(AttributeError):
            records[2].b  # noqa: B018
        seed = client.load(daemon.write("v.pkl", pickle.dumps(SEED)))
        assert seed.state == SEED.state
        assert (seed.generate_state(4) == SEED.generate_state(4)).all()
        assert seed.spawn(1)[0].state == SEED.spawn(1)[0].state
        shared = {"a": 1}
        chain, alone = client.load(
            daemon.write("v.pkl", pickle.dumps((collections.ChainMap(shared), shared)))
        )
        assert chain.maps[0] is alone


def test_a_memmap_is_an_array(daemon: Daemon, tmp_path: pathlib.Path) -> None:
    np.arange(6.0).tofile(tmp_path / "raw")
    mapped = np.memmap(tmp_path / "raw", "f8", "r", shape=(2, 3))
    path = daemon.root / "mapped.joblib"
    joblib.dump(mapped, path)
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        for loaded in (client.load(daemon.write("v.pkl", pickle.dumps(mapped))), client.load(path)):
            assert type(loaded) is np.ndarray
            assert (loaded == np.arange(6.0).reshape(2, 3)).all()


def test_an_archive_of_no_arrays(daemon: Daemon) -> None:
    packed = io.BytesIO()
    np.savez(packed)
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        assert client.load(daemon.write("empty.npz", packed.getvalue())) == {}
    for other in (packed.getvalue() + b"\0", b"a" + packed.getvalue(), packed.getvalue()[:-1]):
        assert daemon.audit_bytes(other).verdict == REFUSED
    commented = io.BytesIO()
    with zipfile.ZipFile(commented, "w") as archive:
        archive.comment = b"PK\5\6"
    assert daemon.audit_bytes(commented.getvalue()).verdict == REFUSED


def call(name: str, *arguments: Any, state: Any = None) -> bytes:
    made = op.call(op.global_(*name.rsplit(".", 1)), *arguments)
    return op.stream(made if state is None else op.build(made, state))


SYSTEM = op.Raw(op.global_("posix", "system"))
HOSTILE = {
    "decimal-of-a-tuple": call("decimal.Decimal", (0, (1,), 10**9)),
    "decimal-that-is-long": call("decimal.Decimal", "9" * 100_000),
    "decimal-of-a-power": call("decimal.Decimal", "1E+999999999"),
    "decimal-of-a-name": call("decimal.Decimal", SYSTEM),
    "fraction-of-a-power": call("fractions.Fraction", "1e999999999"),
    "fraction-of-nothing": call("fractions.Fraction", 1, 0),
    "uuid-called": call("uuid.UUID", "0" * 32),
    "uuid-with-more": op.stream(op.instance("uuid", "UUID", {"int": 1, "hex": "x"})),
    "uuid-of-a-text": op.stream(op.instance("uuid", "UUID", {"int": "1"})),
    "network-of-a-tuple": call("ipaddress.IPv4Network", (0, 0)),
    "address-of-bytes": call("ipaddress.IPv4Address", b"\0\0\0\0"),
    "pattern-without-end": call("re._compile", r"(\w+\s?)*$", 32),
    "pattern-that-prints": call("re._compile", "a", 128),
    "pattern-by-another-name": call("re.compile", "a", 32),
    "pattern-of-a-template": call("re.template", "a", 0),
    "namespace-of-another": call("types.FunctionType", 1),
    "namespace-with-arguments": call("types.SimpleNamespace", {"a": 1}),
    "namespace-with-meaning": call("types.SimpleNamespace", state={"__array_interface__": 1}),
    "namespace-of-names": call("types.SimpleNamespace", state={"f": SYSTEM}),
    "chain-of-lists": op.stream(op.instance("collections", "ChainMap", {"maps": [[1]]})),
    "chain-of-a-name": op.stream(op.instance("collections", "ChainMap", {"maps": [SYSTEM]})),
    "default-that-runs": call("collections.defaultdict", op.Raw(op.global_("builtins", "exec"))),
    "records-of-a-shape": call("numpy.recarray", (10**9,)),
    "void-of-a-length": call("numpy.void", 10**9),
    "record-of-a-length": call("numpy.record", 10**9),
    "poly1d-of-roots": call("numpy.poly1d", [1, 2]),
    "poly1d-of-a-list": op.stream(op.instance("numpy", "poly1d", {"coeffs": [1, 2]})),
    "series-of-nothing": op.stream(op.instance("numpy.polynomial.polynomial", "Polynomial", {})),
    "masked-with-arguments": call("numpy.ma.core.MaskedConstant", 1),
    "seed-without-state": call(
        "numpy.random.bit_generator.__pyx_unpickle_SeedSequence",
        op.Raw(op.global_("numpy.random.bit_generator", "SeedSequence")),
        1,
        None,
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_lies_is_refused(name: str, daemon: Daemon) -> None:
    report = daemon.audit_bytes(HOSTILE[name])
    assert report.verdict == REFUSED
    assert error_rules(report)


@pytest.mark.parametrize("shape", [(0,), (2**20, 2**20), (1,) * 9, (-1,), ()])
def test_fields_of_odd_shapes_are_refused(shape: tuple[int, ...], daemon: Daemon) -> None:
    def dtype(text: str, *state: Any) -> op.Raw:
        return op.build(op.call(op.global_("numpy", "dtype"), text, False, True), (3, "|", *state))

    inner = op.build(
        op.call(op.global_("numpy", "dtype"), "u1", False, True), (3, "|", *[None] * 3, -1, -1, 0)
    )
    size = int(np.prod(shape, dtype=object))
    field = dtype(f"V{abs(size) % 2**31}", (inner, shape), None, None, size, 1, 0)
    record = dtype("V8", None, ("a",), {"a": (field, 0)}, 8, 1, 0)
    array = op.call(op.global_("numpy._core.numeric", "_frombuffer"), b"", record, (0,), "C")
    report = daemon.audit_bytes(op.stream(array, 4))
    assert report.verdict == REFUSED
    assert error_rules(report) <= {"DTYPE", "ARRAY_BOUNDS"}


@pytest.mark.parametrize(
    ("descr", "word"),
    [
        ("[('a', '<f4', (2, 0))]", "field"),
        ("[('a', '<f4', ())]", "shape"),
        ("[('a', [('b', '<f4')], (2,))]", "records"),
        ("[('a', '|O', (2,))]", "objects"),
        ("[('', '|V4', (2,))]", "name"),
        ("'<f16'", "long double"),
    ],
)
def test_dtypes_of_files_are_told_from_others(descr: str, word: str, daemon: Daemon) -> None:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': (0,), }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    report = daemon.audit_bytes(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header)
    assert report.verdict == REFUSED
    assert word in report.findings[0].message


def test_the_missing_value_of_pandas_stands_anywhere(daemon: Daemon) -> None:
    for name in ("pandas", "pandas._libs.missing"):
        missing = op.Raw(op.global_(name, "NA"))
        assert daemon.audit_bytes(op.stream(op.value({"a": missing}))).verdict == ACCEPTED
        assert daemon.audit_bytes(op.stream(op.call(bytes(missing)))).verdict == REFUSED
    assert daemon.audit_bytes(op.stream(op.global_("pandas", "DataFrame"))).verdict == REFUSED


@pytest.mark.parametrize("kind", ["recarray", "ndarray"])
@pytest.mark.parametrize("field", [("o", "O"), ("x", [("o", "O")])])
def test_objects_in_records_are_refused(kind: str, field: Any, daemon: Daemon) -> None:
    array = np.zeros(2, np.dtype([("a", "i4"), field])).view(getattr(np, kind))
    assert daemon.audit_bytes(pickle.dumps(array)).verdict == REFUSED


def test_a_namespace_in_an_estimator_is_refused(daemon: Daemon) -> None:
    space = types.SimpleNamespace(n_features_in_=1, coef_=np.ones(1))
    for held in (space, [space]):
        made = op.instance("sklearn.multiclass", "OneVsRestClassifier", {"estimator": op.Raw(op.value(None))})
        assert daemon.audit_bytes(op.stream(made)).verdict == ACCEPTED
        written = pickle.dumps(held, 2)[2:-1]
        made = op.instance("sklearn.multiclass", "OneVsRestClassifier", {"estimator": op.Raw(written)})
        assert daemon.audit_bytes(op.stream(made)).verdict == REFUSED
