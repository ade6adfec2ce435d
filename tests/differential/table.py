"""The table of client/python/SCIKIT_LEARN.md: estimator, version, format.

python -m differential.table run RESULTS.json [SHARE]   loads and compares with the scikit-learn of
                                                        this interpreter; SHARE: one way to fit in so
                                                        many beside the plain one (1: all)
python -m differential.table write RESULTS.json...      prints the table of all versions
"""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from pathlib import Path
from typing import Any

HEAD = """# scikit-learn through loadlock

Written by `tests/differential/table.py`; do not edit. For each estimator and version: in how many
ways it was fitted (parameters, dense and sparse input, targets), and how many files of these models
loaded with an equal object graph (types, attributes, dtypes, bits, sharing), of how many written.
Of every model the answers of its methods, `get_params`, `clone`, `partial_fit` and saving again were
compared with those of what pickle loads.
"""
# Not of an estimator but of what it was given; each is a refusal by the named rule.
REFUSED = """
## What is refused on purpose

| fitted with | rule | why |
|---|---|---|
| `metric="mahalanobis"` | STATE_RULE, NAME_NOT_LISTED | \
its native code writes into a buffer by the artifact's sizes |
| a function as kernel, metric, tokenizer, preprocessor or analyzer | NAME_NOT_LISTED, NAME_NOT_HERE | \
it would be called with the caller's data |
| a function of `FunctionTransformer` that is neither elementwise nor of one array (`numpy.power`) | \
NAME_NOT_LISTED | arguments of an artifact's choice |
| `oob_score`, `strategy` of `SimpleImputer`, `feature_name_combiner` as a function | NAME_NOT_HERE | \
functions stand at their places only |
| `input="filename"` or `"file"` of the vectorizers | STATE_RULE | they open what the caller passes as text |
| `memory=joblib.Memory(...)` | NAME_NOT_LISTED | it unpickles its folder at fit; a path is replaced by None |
| categories of dtype `datetime64` | INVARIANT_ONE_HOT | their order is not proven |
| columns as a `pandas.Index` (`df.columns`; a list of names is fine) | NAME_NOT_LISTED | \
no class of pandas is listed |
"""
FORMATS = "Formats: pickle protocols 0 to 5, joblib with protocols 2 to 5 and the compressors {}."


def run(results: Path, share: int) -> None:
    import joblib  # noqa: F401
    import loadlock
    import sklearn

    from corpora.zoo import all_fitted
    from corpora.zoo.recipes import classes
    from integration.daemon import Daemon

    from . import uses
    from .test_estimators import WRITERS, reference, written

    rows: dict[str, dict[str, Any]] = defaultdict(lambda: {"ways": 0, "files": 0, "equal": 0, "wrong": []})

    def wanted(name: str) -> bool:
        return name in classes() or sum(name.encode()) % share == 0

    with Daemon("--log-level", "error") as daemon, loadlock.Client(f"unix:{daemon.socket}") as client:
        for number, fitted in enumerate(all_fitted(wanted)):
            row = rows[fitted.estimator]
            row["ways"] += 1
            names = list(WRITERS)
            chosen = names if share == 1 or fitted.name in classes() else names[number % 3 :: 3]
            for place, writer in enumerate(chosen):
                data = written(fitted.model, writer)
                row["files"] += 1
                try:
                    ours = client.load(daemon.write("model.bin", data))
                except (loadlock.Refused, loadlock.RebuildError) as error:
                    row["wrong"].append(f"{fitted.name} {writer}: {str(error)[:200]}")
                    continue
                theirs = reference(data, writer)
                why = (
                    list(uses.differences(ours, theirs, fitted.data))
                    if place == 0
                    else [text for text in [uses.difference(ours, theirs)] if text]
                )
                row["equal"] += not why
                row["wrong"] += [f"{fitted.name} {writer}: {text[:200]}" for text in why[:1]]
    results.write_text(json.dumps({"version": sklearn.__version__, "rows": rows}, indent=1, sort_keys=True))


def write(files: list[Path]) -> str:
    found = [json.loads(path.read_text()) for path in files]
    found.sort(key=lambda one: [int(part) for part in one["version"].split(".")])
    versions = [one["version"] for one in found]
    lines = [HEAD, FORMATS.format("zlib, gzip, bz2, lzma, xz and lz4"), ""]
    for one in found:
        files_, equal = (sum(row[key] for row in one["rows"].values()) for key in ("files", "equal"))
        ways = sum(row["ways"] for row in one["rows"].values())
        count = len(one["rows"])
        lines.append(f"- {one['version']}: {count} estimators, {ways} models, {equal} of {files_} equal")
    lines += ["", "| estimator | " + " | ".join(versions) + " |", "|---|" + "---|" * len(versions)]
    for name in sorted({name for one in found for name in one["rows"]}):
        cells = []
        for one in found:
            row = one["rows"].get(name)
            cells.append(f"{row['ways']}: {row['equal']}/{row['files']}" if row else "not in it")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += ["", "## Exceptions", ""]
    wrong = sorted(
        {(one["version"], text) for one in found for row in one["rows"].values() for text in row["wrong"]}
    )
    lines += [f"- {version}: `{text}`" for version, text in wrong] or ["None."]
    return "\n".join(lines) + "\n" + REFUSED


def main() -> None:
    match sys.argv[1:]:
        case ["run", results, *share]:
            run(Path(results), int(share[0]) if share else 1)
        case ["write", *files] if files:
            sys.stdout.write(write([Path(name) for name in files]))
        case _:
            raise SystemExit(__doc__)


if __name__ == "__main__":
    main()
