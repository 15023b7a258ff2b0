"""Verify an archive from elsewhere: a release page, a colleague, an older build.

Its platform and version come from its file name, which is as untrusted as its contents.
"""

import re
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console

from release_tools.archives import checksum_path, sha256_of, unpack_archive
from release_tools.errors import RefusedDownloadsError, ReleaseError, UnknownArchiveError
from release_tools.platforms import PLATFORMS, Platform, host_platform
from release_tools.reporting.records import CheckResult
from release_tools.reporting.tables import print_checks
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import Phase, VerificationContext
from release_tools.verification.checks import PHASES
from release_tools.verification.runner import verify
from release_tools.versions import DEV, BuildVersion


def verify_download(
    settings: ReleaseSettings,
    archive: Path,
    *,
    scratch: Path,
    suite_python: Path | None,
    on_check: Callable[[str], None],
    phases: Sequence[Phase] = PHASES,
    exact: BuildVersion | None = None,
) -> tuple[CheckResult, ...]:
    """Compare the archive with its checksum, unpack it into `scratch`, and run every check that this machine can run.

    An archive that differs from its checksum isn't unpacked, and one that fails a check of its bytes isn't started.
    `exact` is the version of a build whose commit is known; without it, a dev build may be of any commit.
    """
    try:
        platform, version = parse_archive_name(settings, archive.name)
        on_check("checksum")
        checksum = check_checksum(archive)
        if checksum.is_failed:
            return (checksum,)
        shutil.rmtree(scratch, ignore_errors=True)
        on_check("unpack")
        unpack_archive(archive, scratch / "unpacked")
    except UnknownArchiveError as error:
        return (CheckResult(name="name", verdict="failed", figure=error.what, hint=error.hint),)
    except ReleaseError as error:
        return (checksum, CheckResult(name="unpack", verdict="failed", figure=error.what, hint=error.hint))
    context = VerificationContext(
        settings=settings,
        platform=platform,
        version=exact or version,
        archive=archive,
        folder=scratch / "unpacked",
        scratch=scratch,
        suite_python=suite_python,
    )
    results = verify(context, fail_fast=False, on_check=on_check, phases=phases[:1])
    if not any(result.is_failed for result in results):
        return (checksum, *results, *verify(context, fail_fast=False, on_check=on_check, phases=phases[1:]))
    not_started = [check.name for phase in phases[1:] for check in phase.checks]
    reason = "not started, because a check of its bytes failed"
    return (checksum, *results, *(CheckResult(name=name, verdict="skipped", figure=reason) for name in not_started))


def verify_downloads(
    settings: ReleaseSettings,
    archives: Sequence[Path],
    *,
    suite_python: Path | None,
    console: Console,
    exact: BuildVersion | None = None,
) -> None:
    """Verify each archive and print the table of its checks.

    Raises `RefusedDownloadsError`, which names every archive that failed.
    """
    scratch = settings.build_folder(host_platform().name) / "downloaded"
    refused = []
    for archive in archives:
        with console.status("") as status:
            results = verify_download(
                settings, archive, scratch=scratch, suite_python=suite_python, on_check=status.update, exact=exact
            )
        print_checks(archive.name, results, console)
        refused += [archive.name] if any(result.is_failed for result in results) else []
    if refused:
        raise RefusedDownloadsError(refused)


def parse_archive_name(settings: ReleaseSettings, name: str) -> tuple[Platform, BuildVersion]:
    """The platform and version in an archive's name, which doesn't include the commit of a dev build.

    Raises `UnknownArchiveError` for any other name.
    """
    for platform in PLATFORMS:
        pattern = (
            rf"{re.escape(settings.executable)}-(?P<label>{DEV}|v[0-9][0-9A-Za-z.+-]*)"
            rf"-{re.escape(platform.name + platform.archive_suffix)}"
        )
        match = re.fullmatch(pattern, name)
        if match:
            label = match["label"]
            is_dev = label == DEV
            project_version = settings.project_version if is_dev else label.removeprefix("v")
            local_part = None if is_dev else ""
            return platform, BuildVersion(label=label, project_version=project_version, local_part=local_part)
    raise UnknownArchiveError(name, settings.executable)


def check_checksum(archive: Path) -> CheckResult:
    """Compare an archive with `<archive>.sha256`, which holds the one line that sha256sum writes."""
    path = checksum_path(archive)
    # Reading a named pipe could block forever.
    if not path.is_file():
        return _failed_checksum(f"{path.name} is missing or not a file", "download it from the same place")
    actual = sha256_of(archive)
    expected = f"{actual}  {archive.name}\n".encode()
    try:
        # As bytes: sha256sum rejects Windows line endings.
        with path.open("rb") as file:
            found = file.read(len(expected) + 1)
    except OSError:
        return _failed_checksum(f"{path.name} can't be read", "download it from the same place")
    if found != expected:
        return _failed_checksum(
            f"{path.name} contains {found.decode('utf-8', 'backslashreplace')!r}, expected {expected.decode()!r}",
            "don't use this archive; download both files again from the release page",
        )
    return CheckResult(name="checksum", verdict="passed", figure=actual)


def _failed_checksum(figure: str, hint: str) -> CheckResult:
    return CheckResult(name="checksum", verdict="failed", figure=figure, hint=hint)
