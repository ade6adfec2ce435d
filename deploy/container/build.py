#!/usr/bin/env python3
"""Builds the container image from what a build made; no registry is asked for anything.

    deploy/container/build.py [--build build/release] [--tag localhost/loadlock:dev] [--podman "podman ..."]

Two builds of the same programs give the same image, to the digest. Prints the image's id.
"""

from __future__ import annotations

import argparse
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))
import sbom  # noqa: E402

USER = 65532
PLACES = {
    "loadlockd": "usr/bin/loadlockd",
    "loadlock": "usr/bin/loadlock",
    "loadlock-worker": "usr/libexec/loadlock/loadlock-worker",
}


def libraries_of(program: Path) -> set[Path]:
    """Shared objects that the loader would take, and the loader itself."""
    told = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
    return {Path(found) for found in re.findall(r"(/\S+) \(0x", told)}


def lay_out(root: Path, build: Path) -> set[Path]:
    """Everything but the list of contents. Returns the libraries that were copied."""
    libraries: set[Path] = set()
    for program, place in PLACES.items():
        target = root / place
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["strip", "-o", str(target), str(build / "bin" / program)], check=True)
        libraries |= libraries_of(build / "bin" / program)
    for library in libraries:
        target = root / library.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(library, target)
        target.chmod(0o755)
    policies = root / "usr/share/loadlock/policies"
    policies.mkdir(parents=True)
    for policy in (ROOT / "deploy" / "policies").glob("*.textproto"):
        shutil.copyfile(policy, policies / policy.name)
    config = root / "etc/loadlock/loadlockd.textproto"
    config.parent.mkdir(parents=True)
    shutil.copyfile(ROOT / "deploy/container/loadlockd.textproto", config)
    (root / "etc/passwd").write_text(f"loadlock:x:{USER}:{USER}::/nonexistent:/nonexistent\n")
    (root / "etc/group").write_text(f"loadlock:x:{USER}:\n")
    license = root / "usr/share/doc/loadlock/copyright"
    license.parent.mkdir(parents=True)
    shutil.copyfile(ROOT / "LICENSE", license)
    # Where models and the socket's folder are mounted.
    for folder in ("models", "run/loadlock"):
        (root / folder).mkdir(parents=True)
    return libraries


def same_modes(root: Path) -> None:
    """Whatever the umask was."""
    for path in (root, *root.rglob("*")):
        runs = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if runs else 0o644)


def version_of(build: Path) -> str:
    cache = (build / "CMakeCache.txt").read_text()
    return re.search(r"^CMAKE_PROJECT_VERSION:STATIC=(.+)$", cache, re.MULTILINE)[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "release")
    parser.add_argument("--tag", default="localhost/loadlock:dev")
    parser.add_argument("--podman", default="podman", help="with options, as one word")
    arguments = parser.parse_args()
    build = arguments.build.absolute()
    with tempfile.TemporaryDirectory(prefix="loadlock-image-") as folder:
        root = Path(folder) / "root"
        root.mkdir()
        libraries = lay_out(root, build)
        list_of_contents = root / "usr/share/sbom/loadlock.spdx.json"
        list_of_contents.parent.mkdir(parents=True)
        text = sbom.document(root, version_of(build), build, libraries)
        list_of_contents.write_text(text + "\n")
        same_modes(root)
        shutil.copyfile(ROOT / "deploy/container/Containerfile", Path(folder) / "Containerfile")
        # Times are 0 in the image and in its files. Nothing is run, so that no network is used.
        command = [
            *shlex.split(arguments.podman), "build", "--quiet", "--pull=never", "--network=host",
            "--isolation=chroot", "--timestamp=0", "--tag", arguments.tag, folder,
        ]  # fmt: skip
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
