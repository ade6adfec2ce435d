#!/usr/bin/env python3
"""Writes the policies: hand-written rules, and the attributes of each class read from libraries.

    generate.py PYTHON...   writes *.textproto beside this file; each PYTHON is an interpreter
                            that has a scikit-learn, the oldest supported and the newest

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
import sklearn
print(json.dumps({"version": sklearn.__version__, "classes": found}))
"""


def probe(python: str, names: list[str]) -> dict:
    """Attributes of the classes as one interpreter's libraries define them."""
    done = subprocess.run(
        [python, "-c", PROBE], input=json.dumps(names), capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def fill(policy: model.Policy, pythons: list[str]) -> list[str]:
    """Adds the attribute sets to the policy; returns the versions read."""
    entries = [entry for entry in policy.entries if entry.trust == "NEW_DICT"]
    sets: dict[str, set[str]] = defaultdict(set)
    uses: dict[str, set[str]] = defaultdict(set)
    versions = []
    for python in pythons:
        found = probe(python, [entry.name for entry in entries])
        versions.append(found["version"])
        for name, bases in found["classes"].items():
            for base, keys in bases.items():
                sets[base].update(k for k in keys if f"{base}.{k}" not in rules_sklearn.STATE_KEYS)
                uses[name].add(base)
    for entry in entries:
        if entry.name not in uses:
            raise SystemExit(f"{entry.name}: in none of the given libraries")
        entry.sets = sorted(base for base in uses[entry.name] if sets[base])
    policy.sets = {name: keys for name, keys in sets.items() if keys}
    return versions


def main() -> None:
    pythons = sys.argv[1:]
    if not pythons:
        raise SystemExit(__doc__)
    versions = fill(rules_sklearn.POLICY, pythons)
    here = pathlib.Path(__file__).parent
    for policy, source in (
        (rules_numpy.POLICY, "rules_numpy.py"),
        (rules_sklearn.POLICY, "rules_sklearn.py"),
        (rules_sklearn.DEFAULT, "rules_sklearn.py"),
    ):
        header = [f"Written by generate.py from {source}; change the rules there."]
        if policy.sets:
            header.append(f"Class attributes of scikit-learn {', '.join(versions)}.")
        (here / f"{policy.name}.textproto").write_text(model.write(policy, header))


if __name__ == "__main__":
    main()
