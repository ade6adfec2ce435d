#!/usr/bin/env python3
"""Writes the small real files that the tests of the formats read.

Needs numpy, joblib, lz4 and scikit-learn. A file is named FORMAT__WHAT.bin, where FORMAT is
what loadlock must call it. Everything is seeded, so that a second run with the same versions
writes the same bytes. Those of torch are not written here: torch*__ and pickle__torch_storages are
files of torch 2.15, written by torch.save and pickle.dump.
"""

import io
import pathlib
import pickle
import warnings

import joblib
import numpy as np
from numpy.lib import format as npy_format

HERE = pathlib.Path(__file__).resolve().parent
LIMIT = 5 * 1024


def write(name: str, data: bytes) -> None:
    """Writes one file and refuses to write a large one."""
    if len(data) > LIMIT:
        raise SystemExit(f"{name}: {len(data)} bytes is more than {LIMIT}")
    (HERE / f"{name}.bin").write_bytes(data)


def dump(value, **options) -> bytes:
    """joblib.dump to bytes; compression needs a file name, as its users give one."""
    path = HERE / "scratch"
    try:
        joblib.dump(value, path, **options)
        return path.read_bytes()
    finally:
        path.unlink()


def arrays() -> dict:
    """One of each kind of array that joblib treats differently."""
    return {
        "c": np.arange(6, dtype="<f8").reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6, dtype="<i4").reshape(2, 3)),
        "scalar": np.array(2.5),
        "empty": np.empty((0, 4)),
        "text": np.array(["ab", "c"]),
        "flags": np.array([True, False]),
        "big_endian": np.array([1, 2, 3], dtype=">u2"),
        "plain": [1, 2.0, "three", None, (True, b"bytes")],
    }


def joblib_files() -> None:
    for protocol in (2, 3, 4, 5):
        write(f"joblib__arrays_protocol{protocol}", dump(arrays(), protocol=protocol))
    for method in ("zlib", "gzip", "bz2", "lzma", "xz", "lz4"):
        compress = method if method == "lz4" else (method, 3)
        write(f"joblib+{method}__arrays", dump(arrays(), compress=compress))
        write(f"pickle+{method}__plain", dump(arrays()["plain"], compress=compress))
    objects = np.array([1, "two", None, [4]], dtype=object).reshape(2, 2)
    write("joblib__objects", dump({"objects": objects, "after": np.arange(3)}))
    write("joblib+zlib__objects", dump({"objects": objects, "after": np.arange(3)}, compress=3))
    record = np.array([(1, 2.5), (3, 4.5)], dtype=[("a", "<i4"), ("b", "<f8")])
    write("joblib__record", dump(record))


def model_files() -> None:
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    features, target = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(features, target)
    write("joblib__logistic", dump(model))
    write("joblib+zlib__logistic", dump(model, compress=3))
    write("joblib+lz4__logistic", dump(model, compress="lz4"))
    write("pickle__logistic", pickle.dumps(model, protocol=4))


def pickle_files() -> None:
    plain = {"list": [1, -2, 3 << 70, 0.5, "text \u00e9"], "bytes": b"\x00\xff", 7: (None, True)}
    for protocol in range(6):
        if protocol >= 3:
            write(f"pickle__plain_protocol{protocol}", pickle.dumps(plain, protocol))
        else:  # without bytes, which these protocols write as a call
            write(
                f"pickle__plain_protocol{protocol}",
                pickle.dumps({"list": plain["list"], 7: plain[7]}, protocol),
            )
    for protocol in (2, 4, 5):
        write(
            f"pickle__array_protocol{protocol}",
            pickle.dumps(np.arange(6, dtype="<f8").reshape(2, 3), protocol),
        )


def npy(array, version=None) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        npy_format.write_array(out, array, version=version, allow_pickle=True)
    return out.getvalue()


def npy_files() -> None:
    matrix = np.arange(6, dtype="<f8").reshape(2, 3)
    for version in (1, 2, 3):
        write(f"npy__version{version}", npy(matrix, (version, 0)))
    write("npy__fortran", npy(np.asfortranarray(matrix)))
    write("npy__scalar", npy(np.array(2.5)))
    write("npy__empty", npy(np.empty((0, 4), dtype="<i2")))
    for dtype in ("|b1", "|i1", "<u8", ">i4", "<f2", "<c16", "|S3", "<U2", "<M8[ns]", "|V5"):
        name = "".join(letter for letter in dtype if letter.isalnum())
        write(f"npy__dtype_{name}", npy(np.zeros(3, dtype=dtype)))
    pair = [("a", "<i4"), ("b", "<f8")]
    write("npy__record", npy(np.array([(1, 2.5), (3, 4.5)], dtype=pair)))
    write("npy__record_padded", npy(np.zeros(2, dtype=np.dtype(pair, align=True))))
    write("npy__record_nested", npy(np.zeros(2, dtype=[("in", pair), ("x'\"", "<u2")])))
    write("npy__record_latin1", npy(np.zeros(1, dtype=[("\u00e9", "<i4")])))
    write("npy__record_utf8", npy(np.zeros(1, dtype=[("\u4e16", "<i4")])))
    write("npy__objects", npy(np.array([1, "two", None, [4]], dtype=object).reshape(2, 2)))
    write("npy__objects_scalar", npy(np.array({"a": 1}, dtype=object)))


def booster_files() -> None:
    """Of xgboost 3.2 and LightGBM 4.7; texts that need not end where they do stand in the tests."""
    import lightgbm
    import xgboost

    X = np.array([[0, 1.0], [1, 0], [2, 5], [3, 1], [4, 4], [5, 0], [6, 2], [7, 3]])
    y = np.array([0, 0, 1, 1, 2, 2, 3, 3.0])
    data = xgboost.DMatrix(X, y, feature_types=["c", "q"], enable_categorical=True)
    booster = xgboost.train({"max_depth": 2, "booster": "dart", "nthread": 1}, data, 2)
    write("xgboost-ubjson__categories", bytes(booster.save_raw("ubj")))
    booster = xgboost.train({"max_depth": 1, "nthread": 1}, xgboost.DMatrix(X, y), 1)
    write("pickle__xgboost", pickle.dumps(booster, 4))
    small = {"verbose": -1, "min_data_in_leaf": 1, "min_data_in_bin": 1, "num_leaves": 3, "num_threads": 1}
    write("pickle__lightgbm", pickle.dumps(lightgbm.train(small, lightgbm.Dataset(X, y), 1), 2))


if __name__ == "__main__":
    for old in HERE.glob("*.bin"):
        old.unlink()
    joblib_files()
    model_files()
    pickle_files()
    npy_files()
    booster_files()
    print(f"{len(list(HERE.glob('*.bin')))} files")
