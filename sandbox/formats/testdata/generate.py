#!/usr/bin/env python3
"""Writes the small real files that the tests of the formats read.

Needs numpy, joblib, lz4, scikit-learn, xgboost, lightgbm and gguf, and the zstd command. A file is
named FORMAT__WHAT.bin, where FORMAT is what loadlock must call it. Everything is seeded, so that a
second run with the same versions writes the same bytes.
Those of torch are not written here: torch*__ and pickle__torch_storages are files of torch 2.15,
written by torch.save and pickle.dump.
"""

import bz2
import gzip
import io
import lzma
import pathlib
import pickle
import subprocess
import tarfile
import warnings
import zipfile

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


def gguf_files() -> None:
    """By the format's own package; tests need not have it."""
    import gguf

    def file(name: str, fill, order=gguf.GGUFEndian.LITTLE) -> None:
        path = HERE / "scratch"
        try:
            writer = gguf.GGUFWriter(path, "llama", endianess=order)
            fill(writer)
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_tensors_to_file()
            writer.close()
            write(f"gguf__{name}", path.read_bytes())
        finally:
            path.unlink(missing_ok=True)

    def types(writer) -> None:
        writer.add_name("all types")
        for bits in (8, 16, 32, 64):
            getattr(writer, f"add_uint{bits}")(f"t.u{bits}", 2**bits - 1)
            getattr(writer, f"add_int{bits}")(f"t.i{bits}", -(2 ** (bits - 1)))
        writer.add_float32("t.f32", 0.5)
        writer.add_float64("t.f64", 1e300)
        writer.add_bool("t.bool", True)
        writer.add_array("t.numbers", [1, 2, 3])
        writer.add_array("t.nested", [[1, 2], [3]])
        for dtype in ("f4", "f2", "f8", "i1", "i2", "i4", "i8"):
            writer.add_tensor(f"w.{dtype}", np.arange(6, dtype=f"<{dtype}").reshape(2, 3))
        writer.add_tensor("w.last", np.ones(8, "<f4"))  # so that no padding ends the file

    def weights(writer, *kinds: str) -> None:
        values = np.random.default_rng(1).standard_normal((2, 256), dtype=np.float32)
        for kind in (gguf.GGMLQuantizationType[name] for name in kinds):
            writer.add_tensor(kind.name, gguf.quants.quantize(values, kind), raw_dtype=kind)

    def quantised(writer) -> None:
        weights(writer, "Q4_0", "Q5_1", "Q8_0")

    def bfloat16(writer) -> None:
        weights(writer, "BF16")

    def vocabulary(writer) -> None:
        writer.add_custom_alignment(64)
        writer.add_token_list(["<s>", "</s>", "a", "\u4e16"])
        writer.add_token_scores([0.0, -1.0, -2.0, -3.0])
        writer.add_chat_template("{% for m in messages %}{{ m.content }}{% endfor %}")
        writer.add_tensor("token_embd", np.ones((4, 4), "<f4"))

    for fill in (types, quantised, bfloat16, vocabulary):
        file(fill.__name__, fill)
    file("big_endian", types, gguf.GGUFEndian.BIG)
    file("big_endian_quantised", quantised, gguf.GGUFEndian.BIG)


def wrapped_files() -> None:
    """What general tools make of files above: a stream around one, an archive of some."""
    names = ("npy__version1", "pickle__plain_protocol4")
    models = {name: (HERE / f"{name}.bin").read_bytes() for name in names}
    npy, plain = models.values()
    write("npy+gzip__version1", gzip.compress(npy, mtime=0))
    write("npy+bz2__version1", bz2.compress(npy))
    write("npy+xz__version1", lzma.compress(npy))
    for name, data in models.items():
        kind, what = name.split("__")
        zstd = subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True)
        write(f"{kind}+zstd__{what}", zstd.stdout)
    for form in (tarfile.USTAR_FORMAT, tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=form) as archive:
            for name, data in (("a.npy", npy), ("folder/b.pkl", plain)):
                info = tarfile.TarInfo(name)
                info.size = len(data)
                info.mtime = 1.5 if form == tarfile.PAX_FORMAT else 1
                archive.addfile(info, io.BytesIO(data))
        # Whole records of 10,240 bytes are what they write; two blocks of zeros are what is needed.
        data = out.getvalue().rstrip(b"\0")
        data += bytes(-len(data) % 512 + 1024)
        name = {tarfile.USTAR_FORMAT: "ustar", tarfile.PAX_FORMAT: "pax", tarfile.GNU_FORMAT: "gnu"}[form]
        write(f"tar__{name}", data)
    write("tar+gzip__ustar", gzip.compress((HERE / "tar__ustar.bin").read_bytes(), mtime=0))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.npy"), npy)
        archive.writestr(zipfile.ZipInfo("folder/b.pkl"), plain, zipfile.ZIP_DEFLATED)
    write("zip__models", out.getvalue())


if __name__ == "__main__":
    for old in HERE.glob("*.bin"):
        old.unlink()
    joblib_files()
    model_files()
    pickle_files()
    npy_files()
    booster_files()
    gguf_files()
    wrapped_files()
    print(f"{len(list(HERE.glob('*.bin')))} files")
