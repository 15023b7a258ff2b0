"""What the tests of a release are given: the ten files of a version, small but true to their checksums."""

import json
from pathlib import Path

from release_tools.archives import sha256_of, write_checksum
from release_tools.releasing.publish.release_files import expected_archives

EXECUTABLE = "tiny"
VERSION = "1.2.3"
TAG = f"{EXECUTABLE}-v{VERSION}"
COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f80910111213"


def make_release_files(folder: Path, version: str = VERSION) -> Path:
    """Five archives with their checksums in `folder`; their bytes are no archives, which nothing here looks at."""
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(expected_archives(EXECUTABLE, version), start=1):
        (folder / name).write_bytes(f"bytes of {name}\n".encode() * 100 * number)
        write_checksum(folder / name)
    return folder


def write_record(archive: Path, path: Path, commit: str = COMMIT, verdict: str = "verified") -> Path:
    """A build record of `archive` at `path`, with what a release reads of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    record = {"archive": archive.name, "sha256": sha256_of(archive), "commit": commit, "verdict": verdict}
    path.write_text(json.dumps(record), encoding="utf-8")
    return path
