"""What deploy/quickstart.sh shows: a real model comes through, a poisoned one does not.

Starts a daemon of its own on a private socket and stops it at the end.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import joblib
import loadlock
import sklearn
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from corpora import opcodes as op  # noqa: E402
from corpora.models import COMPRESS, same  # noqa: E402
from corpora.poison import splice  # noqa: E402


def start_daemon(folder: Path) -> tuple[subprocess.Popen[bytes], str]:
    socket = folder / "run" / "loadlock.sock"
    ready, tell = os.pipe()
    command = [
        str(Path(os.environ["LOADLOCK_BIN"]) / "loadlockd"), "--socket", str(socket), "--root", str(folder),
        "--policy-dir", str(ROOT / "deploy" / "policies"), "--log-level", "error", "--ready-fd", str(tell),
    ]  # fmt: skip
    process = subprocess.Popen(command, pass_fds=(tell,))
    os.close(tell)
    with os.fdopen(ready, "rb") as pipe:
        if pipe.read() != b"ready\n":
            raise SystemExit("loadlockd did not start")
    return process, f"unix:{socket}"


def show_good(client: loadlock.Client, folder: Path) -> bool:
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(X, y)
    path = folder / "iris.joblib"
    joblib.dump(model, path)
    loaded = client.load(path)
    equal = all(
        same(getattr(model, method)(X), getattr(loaded, method)(X)) for method in ("predict", "predict_proba")
    )
    print(f"{path.name}: {path.stat().st_size} bytes of scikit-learn {sklearn.__version__}, accepted")
    print(f"  {loaded!r}")
    print(f"  predictions for {len(X)} flowers: {'equal bit for bit' if equal else 'DIFFERENT'}")
    return equal


def show_poisoned(client: loadlock.Client, folder: Path) -> bool:
    """The same model with a call of posix.system in it; would write `canary` if it ran."""
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(X, y)
    canary = folder / "executed"
    payload = op.call(op.global_("posix", "system"), f"touch {canary}")

    def with_marker(marker: str) -> bytes:
        buffer = io.BytesIO()
        joblib.dump({"model": model, "note": marker}, buffer)
        return buffer.getvalue()

    poisoned = splice(with_marker, payload)
    good = True
    for compressor in ("none", "zlib", "lz4"):
        path = folder / f"poisoned-{compressor}.joblib"
        path.write_bytes(COMPRESS[compressor](poisoned))
        try:
            client.load(path)
        except loadlock.Refused as refused:
            print(f"\n{path.name}: refused ({refused.report.format})")
            for finding in refused.findings:
                print(f"  why    {finding.rule_id}: {finding.message}")
                print(f"  where  byte {finding.byte_offset}, {finding.opcode}, {finding.object_path}")
                print(f"  lacks  {finding.allow}")
                good = good and bool(finding.allow)
        else:
            print(f"\n{path.name}: ACCEPTED")
            good = False
        written = canary.exists()
        print(f"  {canary.name}: {'WRITTEN' if written else 'does not exist, nothing ran'}")
        good = good and not written
    return good


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="loadlock-quickstart-") as name:
        folder = Path(name)
        process, address = start_daemon(folder)
        try:
            with loadlock.Client(address) as client:
                good = show_good(client, folder)
                good = show_poisoned(client, folder) and good
        finally:
            process.terminate()
            status = process.wait(timeout=30)
    good = good and status == 0
    print(f"\nquickstart: {'ok' if good else 'FAILED'}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
