#!/usr/bin/env python3
"""Writes the policies: hand-written rules, and the attributes of each class read from libraries.

    generate.py PYTHON...   writes *.textproto beside this file; each PYTHON is an interpreter
                            that has a scikit-learn, the oldest supported and the newest;
                            one at least has xgboost and LightGBM

Rule 2 of the trust model (no state key that is an attribute of the class) needs every attribute
of every class in every supported version. They are kept in sets by the class that defines them,
so that a set like that of BaseEstimator stands once.
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from collections import defaultdict

import model
import rules_boosters
import rules_numpy
import rules_sklearn

# Runs in each interpreter: names of classes on stdin, attributes by defining class on stdout.
PROBE = r"""
import importlib, json, sys, warnings
warnings.simplefilter("ignore")
found = {}
for name in json.load(sys.stdin):
    module, _, attribute = name.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError):
        continue
    found[name] = {
        f"{base.__module__}.{base.__qualname__}": [k for k in vars(base) if not k.startswith("__")]
        for base in cls.__mro__ if base is not object
    }
versions = {top: sys.modules[top].__version__ for top in sorted({name.partition(".")[0] for name in found})}
print(json.dumps({"versions": versions, "classes": found}))
"""


def probe(python: str, names: list[str]) -> dict:
    """Attributes of the classes as one interpreter's libraries define them."""
    done = subprocess.run(
        [python, "-c", PROBE], input=json.dumps(names), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def fill(policy: model.Policy, pythons: list[str], base: model.Policy | None = None) -> list[str]:
    """Adds the attribute sets that `base` lacks to the policy; returns the versions read."""
    entries = [entry for entry in policy.entries if entry.trust in ("NEW_DICT", "REWRITTEN")]
    sets: dict[str, set[str]] = defaultdict(set)
    uses: dict[str, set[str]] = defaultdict(set)
    versions: dict[str, list[str]] = defaultdict(list)
    for python in pythons:
        found = probe(python, [entry.name for entry in entries])
        for top, version in found["versions"].items():
            versions[top.replace("sklearn", "scikit-learn")].append(version)
        for name, bases in found["classes"].items():
            for owner, keys in bases.items():
                sets[owner].update(k for k in keys if f"{owner}.{k}" not in rules_sklearn.STATE_KEYS)
                uses[name].add(owner)
    for entry in entries:
        if entry.name not in uses:
            raise SystemExit(f"{entry.name}: in none of the given libraries")
        entry.sets = sorted(owner for owner in uses[entry.name] if sets[owner])
    known = base.sets if base else {}
    policy.sets = {name: keys for name, keys in sets.items() if keys and name not in known}
    return [f"{library} {', '.join(numbers)}" for library, numbers in versions.items()]


def main() -> None:
    pythons = sys.argv[1:]
    if not pythons:
        raise SystemExit(__doc__)
    versions = {
        "sklearn": fill(rules_sklearn.POLICY, pythons),
        "boosters": fill(rules_boosters.POLICY, pythons, rules_sklearn.POLICY),
    }
    here = pathlib.Path(__file__).parent
    for policy, source in (
        (rules_numpy.POLICY, "rules_numpy.py"),
        (rules_sklearn.POLICY, "rules_sklearn.py"),
        (rules_boosters.POLICY, "rules_boosters.py"),
        (rules_sklearn.DEFAULT, "rules_sklearn.py"),
    ):
        header = [f"Written by generate.py from {source}; change the rules there."]
        if policy.sets:
            header.append(f"Class attributes of {', '.join(versions[policy.name])}.")
        (here / f"{policy.name}.textproto").write_text(model.write(policy, header))


if __name__ == "__main__":
    main()
