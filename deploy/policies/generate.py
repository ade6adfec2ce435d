"""Writes the policies: hand-written rules, and the attributes of each class read from libraries.

    generate.py PYTHON...   reads the libraries of each interpreter into attributes/, then writes
                            *.textproto and REVIEW.md beside this file from all that lie there; with
                            the newest scikit-learn there must be xgboost and LightGBM

Rule 2 of the trust model (no state key that is an attribute of the class) needs every attribute
of every class in every supported version. They are kept in sets by the class that defines them,
so that a set like that of BaseEstimator stands once. A version that is not installed here is as
it was read last; torch is read by torch_attributes.py alone.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections import defaultdict

import model
import review
import rules_boosters
import rules_numpy
import rules_sklearn
import rules_torch

# Runs in each interpreter: names of classes on stdin, attributes by defining class on stdout.
PROBE = r"""
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
classes, bases = {}, {}
for name in json.load(sys.stdin):
    module, _, attribute = name.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        continue
    classes[name] = []
    for base in cls.__mro__:
        if base is not object:
            key = f"{base.__module__}.{base.__qualname__}"
            classes[name].append(key)
            bases[key] = sorted(k for k in vars(base) if not k.startswith("__"))
import sklearn
from sklearn.experimental import enable_halving_search_cv, enable_iterative_imputer
from sklearn.utils import all_estimators
estimators = [f"{cls.__module__}.{cls.__qualname__}" for _, cls in all_estimators()]
tops = sorted({name.partition(".")[0] for name in classes})
versions = {top.replace("sklearn", "scikit-learn"): sys.modules[top].__version__ for top in tops}
found = {"versions": versions, "estimators": estimators, "classes": classes, "bases": bases}
print(json.dumps(found))
"""
HERE = pathlib.Path(__file__).parent
READ = HERE / "attributes"
READ_TORCH = READ / "torch"
# Of the class of all tensors, which has no entry: server/verify asks for it.
TENSOR = "torch.Tensor"


def probe(python: str, names: list[str]) -> None:
    """Reads the classes of one interpreter's libraries into a file of their version."""
    done = subprocess.run(
        [python, "-c", PROBE], input=json.dumps(names), capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    lines = [f'"{key}": {json.dumps(found[key], sort_keys=True)}' for key in ("versions", "estimators")]
    for key in ("classes", "bases"):
        inner = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in sorted(found[key].items())]
        lines.append(f'"{key}": {{\n' + ",\n".join(inner) + "\n}")
    READ.mkdir(exist_ok=True)
    (READ / f"{found['versions']['scikit-learn']}.json").write_text("{\n" + ",\n".join(lines) + "\n}\n")


def by_version(path: pathlib.Path) -> tuple[int, ...]:
    return tuple(int(part) for part in path.stem.split("."))


def names(policy: model.Policy) -> list[str]:
    """Classes whose instances get a state."""
    return [
        entry.name for entry in policy.entries if entry.trust in ("NEW_DICT", "NEW_SETSTATE", "REWRITTEN")
    ]


def fill(
    policy: model.Policy,
    base: model.Policy | None = None,
    read: pathlib.Path = READ,
    keep: frozenset[str] = frozenset(),
) -> list[str]:
    """Adds the attribute sets that `base` lacks to the policy, and those to keep; returns the versions
    that were read."""
    entries = [entry for entry in policy.entries if entry.name in set(names(policy))]
    listed = {entry.name for entry in entries}
    sets: dict[str, set[str]] = defaultdict(set)
    uses: dict[str, set[str]] = defaultdict(set)
    versions: dict[str, list[str]] = defaultdict(list)
    missing: set[str] = set()
    for path in sorted(read.glob("*.json"), key=by_version):
        found = json.loads(path.read_text())
        for library in sorted({name.partition(".")[0] for name in found["classes"] if name in listed}):
            known = library.replace("sklearn", "scikit-learn")
            if known not in found["versions"]:
                continue  # Python's own.
            versions[known].append(found["versions"][known])
        missing.update(name for name in found.get("estimators", ()) if name not in listed)
        for name, bases in found["classes"].items():
            if name in listed:
                uses[name].update(bases)
        for owner, keys in found["bases"].items():
            sets[owner].update(k for k in keys if f"{owner}.{k}" not in rules_sklearn.STATE_KEYS)
    for entry in entries:
        if entry.name not in uses:
            raise SystemExit(f"{entry.name}: in none of the given libraries")
        entry.sets = sorted(owner for owner in uses[entry.name] if sets[owner])
    if base is None and missing:
        print("estimators without an entry:", *sorted(missing))
    used = {owner for entry in entries for owner in entry.sets} | keep
    known_sets = base.sets if base else {}
    policy.sets = {name: keys for name, keys in sets.items() if name in used and name not in known_sets}
    return [f"{library} {', '.join(numbers)}" for library, numbers in sorted(versions.items())]


def main() -> None:
    pythons = sys.argv[1:]
    if not pythons:
        raise SystemExit(__doc__)
    for python in pythons:
        probe(python, [*names(rules_sklearn.POLICY), *names(rules_boosters.POLICY)])
    versions = {
        "sklearn": fill(rules_sklearn.POLICY),
        "boosters": fill(rules_boosters.POLICY, rules_sklearn.POLICY),
        "torch": fill(rules_torch.POLICY, read=READ_TORCH, keep=frozenset({TENSOR})),
    }
    for policy, source in (
        (rules_numpy.POLICY, "rules_numpy.py"),
        (rules_sklearn.POLICY, "rules_sklearn.py"),
        (rules_boosters.POLICY, "rules_boosters.py"),
        (rules_torch.POLICY, "rules_torch.py"),
        (rules_sklearn.DEFAULT, "rules_sklearn.py"),
    ):
        header = [f"Written by generate.py from {source}; change the rules there."]
        if policy.sets:
            header.append(f"Class attributes of {', '.join(versions[policy.name])}.")
        (HERE / f"{policy.name}.textproto").write_text(model.write(policy, header))
    everything = (rules_numpy.POLICY, rules_sklearn.POLICY, rules_boosters.POLICY, rules_torch.POLICY)
    read = [version for versions_read in versions.values() for version in versions_read]
    (HERE / "REVIEW.md").write_text(review.sheet(everything, read))


if __name__ == "__main__":
    main()
