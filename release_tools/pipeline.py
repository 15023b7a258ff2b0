"""The stages of one build, in order: start reading here.

`bootstrap.sessions.build` has created two locked environments, which is the first stage: the app's, and that of the
tools, where this runs.
"""

import platform as running_platform
import shutil
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from release_tools.archives import (
    BEST_LEVEL,
    EXECUTABLE_MODE,
    FASTEST_LEVEL,
    FILE_MODE,
    ZIP_EPOCH,
    Member,
    place_archive,
    sha256_of,
    unpack_archive,
    write_archive,
    write_checksum,
)
from release_tools.distributions import InstalledEnvironment, distributions_for, read_environment
from release_tools.errors import Problem, RequestError, VerificationError
from release_tools.freeze.licenses import third_party_licenses
from release_tools.freeze.pyinstaller import Frozen, freeze
from release_tools.lockfile import TOOLS_LOCK, LockFile, read_lock_file
from release_tools.platforms import Platform
from release_tools.preflight.preflight import check_preflight
from release_tools.reporting.progress import Progress
from release_tools.reporting.records import BuildRecord, CheckResult, write_record
from release_tools.reporting.report import write_job_summary
from release_tools.reporting.tables import print_report
from release_tools.repository import Commit, read_commit
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import BuildEvidence, VerificationContext
from release_tools.verification.checks import START_UP, proof_of
from release_tools.verification.runner import verify
from release_tools.verification.static.sizes import measure_sizes
from release_tools.verification.suite.source_trace import REUSED, tracing_suite
from release_tools.versions import DEV, BuildVersion, archive_name, resolve_version


def run_pipeline(build: "Build", progress: Progress, console: Console, *, fail_fast: bool) -> Path:
    """Run every stage and return the archive, which enters `dist/` only after all checks have passed.

    Raises `PreflightError`, `FreezeError` or `VerificationError`.
    """
    preflight = _preflight(build, progress)
    context = _verification_context(build)
    # The traced tests run while PyInstaller keeps one processor busy, unless an earlier check may make them needless.
    with nullcontext(context) if fail_fast else tracing_suite(context) as context:
        frozen = _freeze(build, progress)
        archive = _package(build, frozen.executable, progress)
        with progress.stage("verify"):
            results = _verify(context, archive, frozen, progress, fail_fast=fail_fast)
    results = (preflight, *results)
    failed = [result.name for result in results if result.is_failed]
    # A quick build stays where it was packaged: `dist/` holds only what was verified in full.
    if not failed and not build.is_quick:
        with progress.stage("checksum"):
            write_checksum(archive)
            archive = place_archive(archive, build.settings.dist_folder)
    with progress.stage("report"):
        record = _record(build, archive, frozen, results, progress)
        write_record(record, build.record_path)
        write_job_summary(record)
    print_report(record, console)
    if failed:
        raise VerificationError(archive, failed)
    return archive


def package_unverified(build: "Build", progress: Progress) -> Path:
    """Run the stages before the verification and return the archive, which stays where it was packaged.

    Raises `PreflightError` or `FreezeError`.
    """
    _preflight(build, progress)
    return _package(build, _freeze(build, progress).executable, progress)


def _preflight(build: "Build", progress: Progress) -> CheckResult:
    with progress.stage("preflight"):
        return check_preflight(build.settings, build.lock, build.tools_lock, build.installed, build.platform)


def _freeze(build: "Build", progress: Progress) -> Frozen:
    with progress.stage("freeze"):
        return freeze(
            build.settings,
            build.installed,
            build.platform,
            python=build.app_python,
            folder=build.folder / "freeze",
            source_date=build.source_date,
            kept_scans=build.kept_scans,
            is_quick=build.is_quick,
            on_line=lambda line: progress.step(line.partition(": ")[2]),
        )


def _package(build: "Build", executable: Path, progress: Progress) -> Path:
    with progress.stage("package"):
        folder = build.staged_archive.parent
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        licenses = folder / "THIRD_PARTY_LICENSES"
        licenses.write_text(
            third_party_licenses(build.installed.dependencies, build.installed.pyinstaller, build.installed.zstandard),
            encoding="utf-8",
            newline="\n",
        )
        archive = build.staged_archive
        members = (
            Member(name=executable.name, path=executable, mode=EXECUTABLE_MODE),
            Member(name="LICENSE", path=build.settings.root / "LICENSE", mode=FILE_MODE),
            Member(name="THIRD_PARTY_LICENSES", path=licenses, mode=FILE_MODE),
        )
        # Nobody downloads what a quick build packs.
        write_archive(archive, members, build.source_date, level=FASTEST_LEVEL if build.is_quick else BEST_LEVEL)
        return archive


def _verify(
    context: VerificationContext, archive: Path, frozen: Frozen, progress: Progress, *, fail_fast: bool
) -> tuple[CheckResult, ...]:
    """Unpack what was packaged and run every check on that, never on the file that PyInstaller wrote."""
    unpack_archive(archive, context.folder)
    evidence = replace(context.build, probe=frozen.probe, freeze_messages=frozen.messages, freeze_notes=frozen.notes)
    with_probe = replace(context, evidence=evidence)
    return verify(with_probe, fail_fast=fail_fast, on_check=progress.step)


def _verification_context(build: "Build") -> VerificationContext:
    """The context of this build's checks, in an empty folder. The archive and the probe twin don't exist yet."""
    scratch = build.folder / "verify"
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(parents=True)
    return VerificationContext(
        settings=build.settings,
        platform=build.platform,
        version=build.version,
        archive=build.staged_archive,
        folder=scratch / "unpacked",
        scratch=scratch,
        suite_python=build.suite_python,
        is_quick=build.is_quick,
        evidence=BuildEvidence(
            installed=build.installed,
            python=build.app_python,
            previous_record=build.record_path if build.record_path.is_file() else None,
        ),
    )


def _record(
    build: "Build", archive: Path, frozen: Frozen, results: tuple[CheckResult, ...], progress: Progress
) -> BuildRecord:
    is_good = not any(result.is_failed for result in results)
    return BuildRecord(
        app=build.settings.executable,
        platform=build.platform.name,
        version=build.version.label,
        exact_version=build.version.exact,
        commit=build.commit.sha if build.commit else "",
        python=running_platform.python_version(),
        pyinstaller=build.installed.pyinstaller.version,
        archive=archive.name,
        archive_bytes=archive.stat().st_size,
        executable_bytes=frozen.executable.stat().st_size,
        sha256=sha256_of(archive) if is_good else "",
        verdict=("quick" if build.is_quick else "verified") if is_good else "refused",
        stages=progress.seconds,
        checks=results,
        sizes=measure_sizes(frozen.executable, build.installed),
        start_up_seconds=next((result.value for result in results if result.name == START_UP), None),
        proof=proof_of(results) if is_good else None,
        reused=tuple(_reused(frozen, results)),
    )


def _reused(frozen: Frozen, results: tuple[CheckResult, ...]) -> Iterator[str]:
    """What this build took from earlier ones, because it would have been the same."""
    if frozen.reused_scans:
        yield f"the analysis of {frozen.reused_scans:,} of {frozen.scans:,} source files"
    if any(result.figure.endswith(REUSED) for result in results):
        yield "the trace of the tests from source"


@dataclass(frozen=True, kw_only=True)
class Build:
    """The inputs of a build, read once and passed from stage to stage.

    One that `is_quick` compresses less, and limits the slowest checks.
    """

    settings: ReleaseSettings
    lock: LockFile
    tools_lock: LockFile
    app_python: Path
    installed: InstalledEnvironment
    platform: Platform
    version: BuildVersion
    commit: Commit | None
    suite_python: Path | None
    is_quick: bool

    @property
    def folder(self) -> Path:
        return self.settings.build_folder(self.platform.name)

    @property
    def staged_archive(self) -> Path:
        """The path of the archive until it has been verified."""
        folder = self.settings.staging_folder(self.platform.name)
        return folder / archive_name(self.settings.executable, self.version, self.platform)

    @property
    def record_path(self) -> Path:
        return self.folder / "record.json"

    @property
    def kept_scans(self) -> Path | None:
        """The file that keeps scans between builds. A version is built from nothing but its commit and the locks."""
        return self.folder / "kept-scans" if self.version.is_dev else None

    @property
    def source_date(self) -> int:
        """Seconds since 1970: the only time that gets into the binary and the archive."""
        return self.commit.time if self.commit else ZIP_EPOCH


def plan_build(
    root: Path, platform: Platform, label: str, app_python: Path, suite_python: Path | None, *, is_quick: bool
) -> Build:
    """Read the settings, the locks, the installed environments and the commit, once for the whole build.

    Raises `SettingsError`, `LockFileError`, what `read_commit` raises, and `RequestError` for a quick build of a
    version.
    """
    if is_quick and label != DEV:
        hint = f"leave out --quick, or build with --version {DEV}"
        raise RequestError(f"build {label} with --quick", [Problem(what="a version needs every check", hint=hint)])
    settings = ReleaseSettings.load(root)
    lock, tools_lock = read_lock_file(settings.lock_path), read_lock_file(TOOLS_LOCK)
    app, tools = distributions_for(app_python), distributions_for(Path(sys.executable))
    commit = read_commit(root)
    return Build(
        settings=settings,
        lock=lock,
        tools_lock=tools_lock,
        app_python=app_python,
        installed=read_environment(settings.project_name, lock, tools_lock, app, tools),
        platform=platform,
        version=resolve_version(label, settings.project_version, commit),
        commit=commit,
        suite_python=suite_python,
        is_quick=is_quick,
    )
