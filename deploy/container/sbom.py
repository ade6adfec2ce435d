"""What is in the image, as SPDX 2.3: every file with its digest, and the Debian packages it is made of."""

from __future__ import annotations

import hashlib
import json
import re
import shlex
import subprocess
from pathlib import Path

# Compiled in by their headers alone, so that no link line names them.
HEADERS_ONLY = ("libcli11-dev", "libfmt-dev", "libspdlog-dev")
PROGRAMS = ("loadlockd", "loadlock", "loadlock-worker")


def linked_archives(build: Path) -> set[Path]:
    """Archives of the system that the programs hold: those in their link lines, and the compiler's own."""
    words = {"-lstdc++", "-lgcc", "-lc"}
    for program in PROGRAMS:
        command = ["ninja", "-C", str(build), "-t", "commands", f"bin/{program}"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
        words |= set(shlex.split(lines[-1]))
    found = {Path(word) for word in words if word.startswith("/") and word.endswith(".a")}
    for name in (word.removeprefix("-l") for word in words if word.startswith("-l")):
        # The compiler knows where; a name that it does not find comes back as it is.
        command = ["c++", f"-print-file-name=lib{name}.a"]
        path = Path(subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip())
        if path.is_absolute():
            found.add(path.resolve())
    return found


def package_of(path: Path) -> str:
    """Debian's name of who owns a file. The two spellings of a merged /usr are one file."""
    spellings = [path, Path("/usr") / path.relative_to("/"), Path("/") / str(path).removeprefix("/usr/")]
    for spelling in spellings:
        done = subprocess.run(["dpkg", "-S", str(spelling)], capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return done.stdout.split(":")[0]
    raise SystemExit(f"{path} belongs to no Debian package")


def versions(packages: set[str]) -> dict[str, tuple[str, str]]:
    """Version, and source package with its version, of each."""
    show = "${Package}\t${Version}\t${source:Package} ${source:Version}\n"
    command = ["dpkg-query", "--show", f"--showformat={show}", *sorted(packages)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return {name: (version, source) for name, version, source in (line.split("\t") for line in lines)}


def element(name: str) -> str:
    return "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", name)


def package(name: str, version: str, source: str) -> dict[str, object]:
    return {
        "SPDXID": element(f"Package-{name}"),
        "name": name,
        "versionInfo": version,
        "sourceInfo": f"built from {source}",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "externalRefs": [
            {
                "referenceCategory": "PACKAGE-MANAGER",
                "referenceType": "purl",
                "referenceLocator": f"pkg:deb/debian/{name}@{version}",
            }
        ],
    }


def document(root: Path, version: str, build: Path, libraries: set[Path]) -> str:
    """Only what is in the image decides the text, so that two builds write the same."""
    files = []
    for path in sorted(path for path in root.rglob("*") if path.is_file()):
        data = path.read_bytes()
        name = f"/{path.relative_to(root)}"
        sums = [
            {"algorithm": "SHA1", "checksumValue": hashlib.sha1(data).hexdigest()},
            {"algorithm": "SHA256", "checksumValue": hashlib.sha256(data).hexdigest()},
        ]
        files.append({"SPDXID": element(f"File{name}"), "fileName": f".{name}", "checksums": sums})
    owners = {package_of(path) for path in linked_archives(build) | libraries} | set(HEADERS_ONLY)
    packages = [package(name, *versions({name})[name]) for name in sorted(owners)]
    ours = {
        "SPDXID": "SPDXRef-loadlock",
        "name": "loadlock",
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "licenseDeclared": "Apache-2.0",
        "filesAnalyzed": False,
    }
    relations = [("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-loadlock")]
    relations += [("SPDXRef-loadlock", "CONTAINS", str(file["SPDXID"])) for file in files]
    relations += [("SPDXRef-loadlock", "DEPENDS_ON", str(made["SPDXID"])) for made in packages]
    content = {"files": files, "packages": [ours, *packages]}
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return json.dumps(
        {
            "spdxVersion": "SPDX-2.3",
            "dataLicense": "CC0-1.0",
            "SPDXID": "SPDXRef-DOCUMENT",
            "name": f"loadlock-{version}",
            "documentNamespace": f"urn:sha256:{digest}",
            "creationInfo": {"created": "1970-01-01T00:00:00Z", "creators": ["Tool: loadlock-sbom"]},
            **content,
            "relationships": [
                {"spdxElementId": one, "relationshipType": kind, "relatedSpdxElement": other}
                for one, kind, other in relations
            ],
        },
        indent=1,
    )
