"""Adds up the JUnit files of ctest and pytest and prints the last line of a run."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def skipped_in(file: Path) -> list[tuple[int, str]]:
    """How many tests did not run, and why: single ones, and those that conftest.py leaves out."""
    root = ElementTree.parse(file).getroot()
    found = []
    for test in root.iter("testcase"):
        if (skipped := test.find("skipped")) is not None:
            why = (skipped.get("message") or "no reason given").strip()
            found.append((1, f"{test.get('name')}: {why}"))
    for noted in root.iter("property"):
        if noted.get("name") == "skipped":
            value = noted.get("value", "")
            found.append((int(value.split()[0]), value))
    return found


def main(folder: str) -> int:
    files = sorted(Path(folder).glob("*.xml"))
    passed = failed = skipped = 0
    for file in files:
        for count, why in skipped_in(file):
            skipped += count
            print(f"skipped: {file.stem}: {why}")
        for test in ElementTree.parse(file).getroot().iter("testcase"):
            if test.find("failure") is not None or test.find("error") is not None:
                failed += 1
                print(f"failed: {file.stem}: {test.get('classname', '')} {test.get('name')}")
            elif test.find("skipped") is None:
                passed += 1
    note = f", {skipped} skipped" if skipped else ""
    print(f"tests: {passed} passed, {failed} failed{note}")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
