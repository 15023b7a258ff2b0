"""The stand-in for `nox -s build-<platform>`: a small real archive instead of a frozen program.

The archive, its checksum, its place and the build record are written by the functions that a build uses. For
BROKEN_PLATFORM the verification fails, or with the mode `empty` the build ends without an archive.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from release_tools.archives import (
    EXECUTABLE_MODE,
    FILE_MODE,
    Member,
    place_archive,
    sha256_of,
    write_archive,
    write_checksum,
)
from release_tools.bootstrap import sessions
from release_tools.errors import RequestError
from release_tools.platforms import find_platform
from release_tools.reporting.records import BuildRecord, Proof, write_record
from release_tools.repository import read_commit
from release_tools.settings import ReleaseSettings
from release_tools.versions import archive_name, resolve_version, version_problems


def replace_builds() -> None:
    """Make every build session write a stand-in, except for REAL_PLATFORM. The noxfile of the runs calls this."""
    real_build = sessions.build

    def build_or_stand_in(root: Path, platform_name: str, arguments: Sequence[str]) -> None:
        is_real = platform_name == os.environ.get("REAL_PLATFORM")
        (real_build if is_real else build)(root, platform_name, arguments)

    sessions.build = build_or_stand_in


def build(root: Path, platform_name: str, arguments: Sequence[str]) -> None:
    """Write the archive to `dist/` and the record to `build/`. Raises `RequestError` for a wrong version."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--version", default="dev")
    label = parser.parse_args(arguments).version
    settings, platform, commit = ReleaseSettings.load(root), find_platform(platform_name), read_commit(root)
    problems = version_problems(label, settings.project_version, commit)
    if problems or commit is None:
        raise RequestError(f"build {platform_name}", problems)
    version = resolve_version(label, settings.project_version, commit)
    folder = settings.build_folder(platform.name)
    folder.mkdir(parents=True, exist_ok=True)
    program, archive = folder / "program", folder / archive_name(settings.executable, version, platform)
    program.write_text(f"#!/bin/sh\necho {settings.executable} {version.exact} for {platform.name}\n", encoding="utf-8")
    members = [
        Member(name=f"{settings.executable}{platform.executable_suffix}", path=program, mode=EXECUTABLE_MODE),
        Member(name="LICENSE", path=root / "LICENSE", mode=FILE_MODE),
    ]
    write_archive(archive, members, 0)
    write_checksum(archive)
    is_broken = os.environ.get("BROKEN_PLATFORM") == platform.name
    record = BuildRecord(
        app=settings.executable,
        platform=platform.name,
        version=version.label,
        exact_version=version.exact,
        commit=commit.sha,
        python="3.13.9",
        pyinstaller="6.22.3",
        archive=archive.name,
        archive_bytes=archive.stat().st_size,
        executable_bytes=program.stat().st_size,
        sha256="" if is_broken else sha256_of(archive),
        verdict="refused" if is_broken else "verified",
        stages={},
        checks=(),
        sizes={},
        proof=None if is_broken else Proof(level="start", text="a stand-in, which nobody starts"),
    )
    write_record(record, folder / "record.json")
    if is_broken and os.environ.get("BROKEN_MODE") == "empty":
        return
    if is_broken:
        sys.exit(f"{archive.name} failed verification")
    place_archive(archive, settings.dist_folder)


if __name__ == "__main__":
    # As `nox -s build-<platform> -- <arguments>` is called.
    [_, option, session, separator, *rest] = sys.argv
    if option != "-s" or separator != "--":
        sys.exit(f"not a call of the workflow: {sys.argv}")
    build(Path.cwd(), session.removeprefix("build-"), rest)
