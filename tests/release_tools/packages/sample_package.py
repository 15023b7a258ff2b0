"""A release of `tiny`, and the facts about it."""

import io
import shutil
import tarfile
from pathlib import Path
from typing import Final

from release_tools.archives import EXECUTABLE_MODE, FILE_MODE, Member, write_archive, write_checksum
from release_tools.installers.scripts import PublishedArchive
from release_tools.packages.facts import PackageFacts
from release_tools.platforms import PLATFORMS, find_platform

LINUX: Final = find_platform("linux-amd64")
# 2026-11-26 12:00:00 UTC
COMMIT_TIME: Final = 1_795_694_400
# A small program that every Linux has.
SYSTEM_PROGRAM: Final = Path("/bin/true")


def facts_of(version: str = "1.2.3", **changes: str) -> PackageFacts:
    """The facts about a release, changed as asked."""
    tag = f"tiny-v{version}"
    values = {
        "executable": "tiny",
        "description": "Does a tiny thing",
        "license": "MIT",
        "homepage": "https://example.com/tiny",
        "owner": "octo",
        "publisher": "Octo Maintainers",
        "maintainer": "Octo Maintainers <octo@users.noreply.github.com>",
    }
    values |= changes
    return PackageFacts(
        **values,
        version=version,
        tag=tag,
        repository_url="https://github.com/octo/tiny",
        archives=tuple(
            PublishedArchive(
                platform=platform,
                name=f"{tag}-{platform.name}{platform.archive_suffix}",
                url=f"https://github.com/octo/tiny/releases/download/{tag}/{tag}-{platform.name}{platform.archive_suffix}",
                size_bytes=1000,
                sha256=f"{number:064x}",
            )
            for number, platform in enumerate(PLATFORMS, start=1)
        ),
        glibc_floor="2.28",
        macos_minimum="11.0",
    )


def write_sample_archive(folder: Path, version: str = "1.2.3", program: Path = SYSTEM_PROGRAM) -> Path:
    """An archive with a real Linux program in it."""
    source = folder / "source"
    source.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(program, source / "tiny")
    (source / "LICENSE").write_text("Free for all.\n", encoding="utf-8")
    (source / "THIRD_PARTY_LICENSES").write_text("Everyone else's.\n" * 400, encoding="utf-8")
    modes = {"tiny": EXECUTABLE_MODE, "LICENSE": FILE_MODE, "THIRD_PARTY_LICENSES": FILE_MODE}
    members = [Member(name=name, path=source / name, mode=mode) for name, mode in modes.items()]
    archive = folder / f"tiny-v{version}-linux-amd64.tar.gz"
    write_archive(archive, members, COMMIT_TIME)
    write_checksum(archive)
    return archive


def members_of_deb(deb: bytes) -> dict[str, tarfile.TarFile]:
    """The two tar archives in a deb, which is an `ar` archive."""
    assert deb.startswith(b"!<arch>\n")
    found, position = {}, 8
    while position < len(deb):
        name, size = deb[position : position + 16].decode().strip(), int(deb[position + 48 : position + 58])
        content = deb[position + 60 : position + 60 + size]
        if ".tar" in name:
            found[name.split(".")[0]] = tarfile.open(fileobj=io.BytesIO(content))  # noqa: SIM115 - closed with the test
        position += 60 + size + size % 2
    return found
