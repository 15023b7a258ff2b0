"""The ten files of a release, with matching checksums, and the records of their builds."""

from pathlib import Path

from release_tools.archives import sha256_of, write_checksum
from release_tools.releasing.publish.release_files import expected_archives
from tests.release_tools.reporting.sample_records import GOOD, write_json

EXECUTABLE = "tiny"
VERSION = "1.2.3"
TAG = f"{EXECUTABLE}-v{VERSION}"
COMMIT = "1a2b3c4d5e6f708192a3b4c5d6e7f80910111213"


def make_release_files(folder: Path, version: str = VERSION) -> Path:
    """Five files named like archives, each with its checksum, in `folder`."""
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(expected_archives(EXECUTABLE, version), start=1):
        (folder / name).write_bytes(f"bytes of {name}\n".encode() * 100 * number)
        write_checksum(folder / name)
    return folder


def write_record(archive: Path, path: Path, **changes: str) -> Path:
    """The build record of `archive`, written to `path`."""
    fields = {"archive": archive.name, "sha256": sha256_of(archive), "commit": COMMIT, **changes}
    return write_json(path, GOOD, **fields)
