"""Files of formats that are not read: refused by name, with what to do instead."""

from __future__ import annotations

import gzip
import importlib.util
import io
import marshal
import zipfile

import pytest

from .daemon import REFUSED, Daemon


def zipped(*names: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name in names:
            archive.writestr(name, b"{}")
    return out.getvalue()


CODE = compile("print('never')", "model.py", "exec")
NAMED = {
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(40),
    "keras": zipped("metadata.json", "config.json", "model.weights.h5"),
    "onnx": b"\x08\x08\x12\x07pytorch\x1a\x052.1.0",
    "tensorflow": b"\x08\x01\x12\xd6\x28\n\xca\x05\x12\xbf\x05\n",
    "coreml": zipped("m.mlpackage/Manifest.json", "m.mlpackage/Data/com.apple.CoreML/model.mlmodel"),
    "tflite": b"\x1c\0\0\0TFL3" + bytes(40),
    "r": b"X\n\0\0\0\3\0\4\2\0",
    "r+gzip": gzip.compress(b"X\n\0\0\0\3\0\4\2\0\0\3\5\0", mtime=0),
    "pyc": importlib.util.MAGIC_NUMBER + bytes(12) + marshal.dumps(CODE),
    "python": b"# A model\nimport os\nos.system('true')\n",
    "7z": b"7z\xbc\xaf\x27\x1c\0\4" + bytes(40),
    "rar": b"Rar!\x1a\x07\1\0" + bytes(40),
    "pmml": b'<?xml version="1.0"?>\n<PMML version="4.4"></PMML>\n',
    "xml": b'<?xml version="1.0"?>\n<net name="x"></net>\n',
    "parquet": b"PAR1" + bytes(20) + b"PAR1",
    "arrow": b"ARROW1\0\0" + bytes(20),
    "java": b"\xac\xed\0\5sr\0\4Evil",
    "executable": b"\x7fELF\2\1\1" + bytes(40),
    "git-lfs": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
    "html": b"<!DOCTYPE html>\n<html></html>\n",
}


@pytest.mark.parametrize("name", NAMED)
def test_a_known_format_is_refused_by_name(name: str, daemon: Daemon) -> None:
    report = daemon.audit_bytes(NAMED[name])
    assert report.verdict == REFUSED
    assert report.format == name
    (finding,) = report.findings
    assert finding.rule_id == "UNKNOWN_FORMAT"
    assert finding.message.startswith("this is ")


@pytest.mark.parametrize("data", [b"", b"\xff" * 100, b"hello, world\n", b"{}", b"[1, 2]", bytes(1024)])
def test_an_unknown_format_is_refused(data: bytes, daemon: Daemon) -> None:
    report = daemon.audit_bytes(data)
    assert report.verdict == REFUSED
    assert not report.format
