"""Compressed files and archives of models: each model is vetted as itself, or all is refused."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import subprocess
import tarfile
import zipfile
from collections.abc import Callable

import joblib
import loadlock
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from corpora import gguf_files
from corpora import opcodes as op
from corpora.payloads import system

from .daemon import Daemon


@pytest.fixture
def client(daemon: Daemon) -> loadlock.Client:
    with loadlock.Client(f"unix:{daemon.socket}") as client:
        yield client


def zstd(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-q", "-c"], input=data, capture_output=True, check=True).stdout


COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
    "zstd": zstd,
}


def npy(array: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.save(out, array)
    return out.getvalue()


def npz(**arrays: np.ndarray) -> bytes:
    out = io.BytesIO()
    np.savez_compressed(out, **arrays)
    return out.getvalue()


def dumped(model: object) -> bytes:
    out = io.BytesIO()
    joblib.dump(model, out)
    return out.getvalue()


def tar(members: dict[str, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mtime = 1.25 if form == tarfile.PAX_FORMAT else 1
            archive.addfile(info, io.BytesIO(data))
    return out.getvalue()


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return out.getvalue()


ARCHIVES: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "zip": zipped,
    "stored zip": lambda members: zipped(members, zipfile.ZIP_STORED),
    "pax": tar,
    "ustar": lambda members: tar(members, tarfile.USTAR_FORMAT),
    "gnu": lambda members: tar(members, tarfile.GNU_FORMAT),
    "tar.gz": lambda members: gzip.compress(tar(members)),
    "tar.zst": lambda members: zstd(tar(members)),
}


@pytest.mark.parametrize("codec", COMPRESS)
def test_a_compressed_model_is_read_as_itself(codec: str, daemon: Daemon, client: loadlock.Client) -> None:
    compress = COMPRESS[codec]
    array = np.arange(1000.0).reshape(10, 100)
    np.testing.assert_array_equal(client.load(daemon.write("a", compress(npy(array)))), array)
    loaded = client.load(daemon.write("a", compress(npz(x=array))))
    np.testing.assert_array_equal(loaded["x"], array)
    tensors = client.load(daemon.write("a", compress(gguf_files.model().write())))["tensors"]
    np.testing.assert_array_equal(tensors["a.weight"], np.arange(6, dtype="f4").reshape(2, 3))
    plain = {"a": [1, 2.5, "x"]}
    path = daemon.write("a", compress(pickle.dumps(plain)))
    assert client.load(path) == plain
    assert client.audit(path).format == f"pickle+{codec}"


@pytest.mark.parametrize("codec", COMPRESS)
def test_one_stream_is_the_whole_file(codec: str, daemon: Daemon, client: loadlock.Client) -> None:
    compress = COMPRESS[codec]
    stream = compress(npy(np.arange(3)))
    for data, rule in (
        (stream + stream, "TRAILING_DATA"),
        (stream + b"\0", "TRAILING_DATA"),
        (stream[:-1], "TRUNCATED"),
        (compress(compress(npy(np.arange(3)))), "UNKNOWN_FORMAT"),
        (compress(b"\x89HDF\r\n\x1a\n"), "UNKNOWN_FORMAT"),
        (compress(b""), "TRUNCATED"),
    ):
        report = client.audit(daemon.write("a", data))
        assert [finding.rule_id for finding in report.findings] == [rule], report


def test_poison_is_seen_through_every_wrapper(daemon: Daemon, client: loadlock.Client) -> None:
    evil = op.stream(system("/tmp/never"))
    for data in (
        *(compress(evil) for compress in COMPRESS.values()),
        *(write({"good.npy": npy(np.arange(3)), "bad.pkl": evil}) for write in ARCHIVES.values()),
    ):
        report = client.audit(daemon.write("a", data))
        assert not report.accepted
        assert "posix.system" in {finding.name for finding in report.findings}, report


@pytest.mark.parametrize("kind", ARCHIVES)
def test_an_archive_is_a_dict_of_its_models(kind: str, daemon: Daemon, client: loadlock.Client) -> None:
    X, y = np.array([[0.0, 1.0], [1.0, 0.0], [0.5, 0.4]]), [0, 1, 1]
    model = LogisticRegression().fit(X, y)
    array = np.arange(12, dtype="f4").reshape(3, 4)
    members = {
        "model.joblib": dumped(model),
        "weights/a.npy": npy(array),
        "meta.pkl": pickle.dumps({"classes": ["no", "yes"]}),
    }
    path = daemon.write("bundle", ARCHIVES[kind](members))
    loaded = client.load(path)
    assert list(loaded) == list(members)
    np.testing.assert_array_equal(loaded["weights/a.npy"], array)
    np.testing.assert_array_equal(loaded["model.joblib"].predict_proba(X), model.predict_proba(X))
    assert loaded["meta.pkl"] == {"classes": ["no", "yes"]}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_what_is_no_model_refuses_the_archive(kind: str, daemon: Daemon, client: loadlock.Client) -> None:
    write = ARCHIVES[kind]
    good = {"a.npy": npy(np.arange(3))}
    for name, data in (
        ("inference.py", b"import os\n"),
        ("README.md", b"# A model\n"),
        ("inner.npz", npz(x=np.arange(3))),
        ("inner.tar", tar(good)),
        ("inner.pkl.gz", gzip.compress(pickle.dumps(1))),
        ("empty", b""),
    ):
        report = client.audit(daemon.write("bundle", write({**good, name: data})))
        assert [finding.rule_id for finding in report.findings] == ["UNKNOWN_FORMAT"], (name, report)
        assert report.findings[0].member_path == name


ESCAPING = ("../a", "/a", "a/../../b", "a\\b", "C:a", "a//b", "./../a")


@pytest.mark.parametrize("name", ESCAPING)
def test_names_do_not_escape(name: str, daemon: Daemon, client: loadlock.Client) -> None:
    for write in (tar, zipped):
        report = client.audit(daemon.write("bundle", write({name: pickle.dumps(1)})))
        rules = {finding.rule_id for finding in report.findings}
        assert rules <= {"TAR_NAME", "ZIP_NAME"}, report
        assert rules


def test_members_stand_once(daemon: Daemon, client: loadlock.Client) -> None:
    for first, second in (("a", "a"), ("a", "A"), ("a", "./a")):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w") as archive:
            for name in (first, second):
                info = tarfile.TarInfo(name)
                info.size = 2
                archive.addfile(info, io.BytesIO(b"N."))
        report = client.audit(daemon.write("bundle", out.getvalue()))
        assert [finding.rule_id for finding in report.findings] == ["DUPLICATE_MEMBER"]


@pytest.mark.parametrize(
    "kind", [tarfile.LNKTYPE, tarfile.SYMTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_only_files_and_folders_are_members(kind: bytes, daemon: Daemon, client: loadlock.Client) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        info = tarfile.TarInfo("a")
        info.type = kind
        info.linkname = "/etc/passwd"
        archive.addfile(info)
    report = client.audit(daemon.write("bundle", out.getvalue()))
    assert [finding.rule_id for finding in report.findings] == ["TAR_UNSUPPORTED"]


def test_folders_as_tar_writes_them_are_fine(daemon: Daemon, client: loadlock.Client) -> None:
    """`tar czf model.tar.gz -C folder .`, as model servers' documentation has it."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", format=tarfile.GNU_FORMAT) as archive:
        for name in (".", "./sub"):
            folder = tarfile.TarInfo(name)
            folder.type = tarfile.DIRTYPE
            archive.addfile(folder)
        info = tarfile.TarInfo("./sub/model.pkl")
        info.size = 2
        archive.addfile(info, io.BytesIO(b"N."))
    assert client.load(daemon.write("bundle", out.getvalue())) == {"sub/model.pkl": None}
