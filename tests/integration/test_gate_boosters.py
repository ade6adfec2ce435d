"""loadlock gate and boosters: what is only safe because it is written anew does not pass as it is."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import joblib
import lightgbm
import xgboost
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline

from .daemon import Daemon
from .test_gate import files, gate


def test_boosters_do_not_get_through(daemon: Daemon, tmp_path: Path) -> None:
    source = daemon.root / "gate-boosters"
    source.mkdir()
    x, y = load_iris(return_X_y=True)
    trees = xgboost.XGBClassifier(n_estimators=2).fit(x, y)
    forest = lightgbm.LGBMClassifier(n_estimators=2, verbose=-1).fit(x, y)
    trees.save_model(source / "xgb.json")
    trees.save_model(source / "xgb.ubj")
    forest.booster_.save_model(source / "lgb.txt")
    joblib.dump(make_pipeline(trees), source / "xgb.joblib")
    (source / "lgb.pkl").write_bytes(pickle.dumps({"inside": [forest]}))
    joblib.dump(trees, source / "xgb.joblib.z", compress=("zlib", 3))
    for path in sorted(source.iterdir()):
        target = tmp_path / path.name
        done = gate(daemon, "--json", "--keep-n-jobs", path, target)
        report = json.loads(done.stdout)
        rules = [found["ruleId"] for found in report["findings"] if found["severity"] == "SEVERITY_ERROR"]
        assert (done.returncode, rules, files(target)) == (1, ["GATE_REWRITTEN"], []), path.name
        audited = daemon.stub.audit(path)
        assert audited.verdict == 1, "it is accepted for loading by loadlock"
