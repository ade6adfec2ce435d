"""The image of deploy/container/build.py: what is in it, that it is the same each time, that it serves."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from corpora import opcodes as op
from integration.daemon import ACCEPTED, BUILD, REFUSED, ROOT, Stub

from . import profiles
from .environments import USER, podman, restricted
from .test_image import soon

TAG = "localhost/loadlock:test"
GOOD = op.stream(op.value({"a": [1, 2, 3]}))
EVIL = op.stream(op.call(op.global_("posix", "system"), "true"))
MOST_BYTES = 80 << 20
# podman copies files, which on a busy machine takes its time.
SECONDS = 900


class Image:
    def __init__(self, base: Path) -> None:
        self.base = base
        self.digests = [self.build("077"), self.build("022")]
        saved = base / "image.tar"
        self.podman("save", "--quiet", "--format=docker-archive", f"--output={saved}", TAG)
        (base / "archive").mkdir()
        with tarfile.open(saved) as archive:
            archive.extractall(base / "archive")
        manifest = json.loads((base / "archive/manifest.json").read_text())[0]
        self.config = json.loads((base / "archive" / manifest["Config"]).read_text())
        self.root = base / "root"
        for layer in manifest["Layers"]:
            with tarfile.open(base / "archive" / layer) as archive:
                self.members = archive.getmembers()
                archive.extractall(self.root)

    def podman(self, *command: str) -> str:
        line = podman(self.base / "podman", "runc", *command)
        return subprocess.run(line, stdout=subprocess.PIPE, text=True, timeout=SECONDS, check=True).stdout

    def build(self, umask: str) -> str:
        """Under another umask and from another folder the image must be the same."""
        engine = shlex.join(podman(self.base / "podman", "runc"))
        script = ROOT / "deploy/container/build.py"
        command = [sys.executable, str(script), "--build", str(BUILD), "--tag", TAG, "--podman", engine]
        mask = int(umask, 8)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", umask=mask)
        return self.podman("image", "inspect", "--format={{.Digest}} {{.Id}}", TAG).strip()


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    # Not tmp_path: podman's own folder must have a short name.
    with tempfile.TemporaryDirectory(prefix="ll-", dir="/tmp") as folder:
        made = Image(Path(folder))
        yield made
        made.podman("rmi", "--all", "--force")


def files(image: Image) -> dict[str, Path]:
    return {f"/{path.relative_to(image.root)}": path for path in image.root.rglob("*") if path.is_file()}


def test_two_builds_are_one_image(image: Image) -> None:
    assert image.digests[0] == image.digests[1]
    assert image.digests[0].startswith("sha256:")
    assert {member.mtime for member in image.members} == {0}
    assert {(member.uid, member.gid) for member in image.members} == {(0, 0)}
    assert not [member.name for member in image.members if member.mode & 0o022], "others may write"


def test_it_holds_what_it_needs_and_nothing_else(image: Image) -> None:
    found = files(image)
    assert sum(path.stat().st_size for path in found.values()) < MOST_BYTES
    programs = {"/usr/bin/loadlockd", "/usr/bin/loadlock", "/usr/libexec/loadlock/loadlock-worker"}
    runs = {name for name, path in found.items() if path.stat().st_mode & 0o111}
    libraries = {name for name in runs - programs if ".so" in name}
    assert runs == programs | libraries
    # The C library only: all else is linked in.
    assert libraries
    assert {name.split("/")[-1].split(".")[0].split("-")[0] for name in libraries} <= {"ld", "libc", "libm"}
    assert not [path for path in image.root.rglob("*") if path.is_symlink()]
    policies = {path.name for path in (ROOT / "deploy/policies").glob("*.textproto")}
    assert {name.split("/")[-1] for name in found if "/policies/" in name} == policies
    assert image.config["config"]["User"] == f"{USER}:{USER}"


def test_the_list_of_contents_is_true(image: Image) -> None:
    found = files(image)
    listed = json.loads(found.pop("/usr/share/sbom/loadlock.spdx.json").read_text())
    assert listed["spdxVersion"] == "SPDX-2.3"
    sums = {
        file["fileName"].removeprefix("."): file["checksums"][1]["checksumValue"] for file in listed["files"]
    }
    assert sums == {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in found.items()}
    packages = {package["name"]: package["versionInfo"] for package in listed["packages"]}
    for name in ("libc6", "libgrpc-dev", "libprotobuf-dev", "libseccomp-dev", "liblzma-dev"):
        command = ["dpkg-query", "--show", "--showformat=${Version}", name]
        version = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        assert packages[name] == version
    # Every reference leads somewhere.
    known = {"SPDXRef-DOCUMENT"}
    known |= {entry["SPDXID"] for entry in [*listed["files"], *listed["packages"]]}
    assert len(known) == 1 + len(listed["files"]) + len(listed["packages"])
    for relation in listed["relationships"]:
        assert {relation["spdxElementId"], relation["relatedSpdxElement"]} <= known


@pytest.mark.parametrize(("profile", "tier"), [("runtime-default", 2), ("localhost", 1)])
def test_it_serves_read_only_and_without_capabilities(image: Image, profile: str, tier: int) -> None:
    base = image.base / profile
    for name in ("run", "models", "profiles"):
        (base / name).mkdir(parents=True)
    (base / "models").chmod(0o755)
    os.chown(base / "run", USER, USER)
    (base / "models/good.pkl").write_bytes(GOOD)
    (base / "models/evil.pkl").write_bytes(EVIL)
    rules = profiles.write_all(base / "profiles")[profile]
    container = f"loadlock-{profile}"
    # As the image says it, without a command of ours; read-only and without capabilities by `restricted`.
    command = [
        *restricted("runc", str(rules)), f"--name={container}",
        f"--volume={base / 'run'}:/run/loadlock", f"--volume={base / 'models'}:/models:ro", TAG,
    ]  # fmt: skip
    process = subprocess.Popen(podman(image.base / "podman", "runc", *command))
    stub = Stub(f"unix:{base / 'run' / 'loadlock.sock'}")
    try:
        info = soon(stub.info)
        assert info.tier == tier
        assert stub.audit(Path("/models/good.pkl")).verdict == ACCEPTED
        report = stub.audit(Path("/models/evil.pkl"))
        assert (report.verdict, report.findings[0].name) == (REFUSED, "posix.system")
        # What a probe runs.
        told = image.podman("exec", container, "/usr/bin/loadlock", "info", "--json")
        assert json.loads(told)["server"]["version"] == info.version
        no_shell = podman(image.base / "podman", "runc", "exec", container, "/bin/sh", "-c", "true")
        assert subprocess.run(no_shell, capture_output=True, timeout=SECONDS, check=False).returncode != 0
        image.podman("stop", "--time=30", container)
        assert process.wait(timeout=SECONDS) == 0
    finally:
        stub.close()
        image.podman("rm", "--all", "--force", "--time=0")
        shutil.rmtree(base)
