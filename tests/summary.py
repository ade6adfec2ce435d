"""Adds up the JUnit files of ctest and pytest and prints the last line of a run."""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path


def main(folder: str) -> int:
    files = sorted(Path(folder).glob("*.xml"))
    passed = failed = skipped = 0
    for file in files:
        for test in ElementTree.parse(file).getroot().iter("testcase"):
            if test.find("failure") is not None or test.find("error") is not None:
                failed += 1
                print(f"failed: {file.stem}: {test.get('classname', '')} {test.get('name')}")
            elif test.find("skipped") is not None:
                skipped += 1
                reason = (test.find("skipped").get("message") or "no reason given").strip()
                print(f"skipped: {file.stem}: {test.get('name')}: {reason}")
            else:
                passed += 1
    note = f", {skipped} skipped" if skipped else ""
    print(f"tests: {passed} passed, {failed} failed{note}")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
