import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from release_tools.archives import Member, checksum_path, write_archive, write_checksum
from release_tools.errors import UnknownArchiveError
from release_tools.platforms import PLATFORMS, Platform, host_platform
from release_tools.reporting.records import CheckResult
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import Phase
from release_tools.verification.checks import CHECKS, PHASES
from release_tools.verification.downloaded import parse_archive_name, verify_download
from release_tools.versions import BuildVersion, archive_name

OTHER = next(row for row in PLATFORMS if row.os != host_platform().os)


def make_archive(
    settings: ReleaseSettings, platform: Platform, label: str = "v1.2.3", printed: str = "tiny 1.2.3"
) -> Path:
    """An archive whose program is a script that prints this."""
    source = settings.root / "source"
    source.mkdir()
    members = []
    for name, mode in (
        (f"tiny{platform.executable_suffix}", 0o755),
        ("LICENSE", 0o644),
        ("THIRD_PARTY_LICENSES", 0o644),
    ):
        (source / name).write_text(f"#!{sys.executable}\nprint({printed!r})\n", encoding="utf-8")
        members.append(Member(name=name, path=source / name, mode=mode))
    version = BuildVersion(label=label, project_version="1.2.3", local_part="")
    archive = settings.root / archive_name("tiny", version, platform)
    write_archive(archive, members, 0)
    write_checksum(archive)
    return archive


# The checks that a script instead of the executable passes.
PHASES_OF_SCRIPTS = tuple(
    Phase(checks=tuple(check for check in phase.checks if check.name in {"archive members", "version"}))
    for phase in PHASES
)


def verify(
    settings: ReleaseSettings, archive: Path, phases: Sequence[Phase] = PHASES, exact: BuildVersion | None = None
) -> dict[str, CheckResult]:
    scratch = settings.root / "scratch"
    results = verify_download(
        settings, archive, scratch=scratch, suite_python=None, on_check=lambda _: None, phases=phases, exact=exact
    )
    return {result.name: result for result in results}


def test_bytes_are_checked_on_any_machine(settings: ReleaseSettings) -> None:
    results = verify(settings, make_archive(settings, OTHER))
    assert next(iter(results)) == "checksum"
    assert results["checksum"].verdict == "passed"
    assert results["archive members"].verdict == "passed"
    assert results["architecture"].is_failed


def test_archive_for_another_platform_is_not_started(settings: ReleaseSettings) -> None:
    results = verify(settings, make_archive(settings, OTHER), PHASES_OF_SCRIPTS)
    assert results["version"].verdict == "skipped"


@pytest.mark.programs
@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't start a script")
def test_archive_for_this_machine_is_started(settings: ReleaseSettings) -> None:
    results = verify(settings, make_archive(settings, host_platform()), PHASES_OF_SCRIPTS)
    assert results["version"].verdict == "passed"


def test_archive_with_bad_bytes_is_not_started(settings: ReleaseSettings) -> None:
    # Not marked `programs`: starting it would fail the test.
    results = verify(settings, make_archive(settings, host_platform()))
    assert results["architecture"].is_failed
    assert {check.name for check in CHECKS} < set(results)
    assert results["version"].verdict == "skipped"


def test_archive_without_the_program_gets_every_check(settings: ReleaseSettings) -> None:
    archive = make_archive(settings, OTHER)
    write_archive(archive, [Member(name="LICENSE", path=settings.root / "LICENSE", mode=0o644)], 0)
    write_checksum(archive)
    results = verify(settings, archive)
    assert results["archive members"].is_failed
    assert results["architecture"].is_failed
    assert {check.name for check in CHECKS} < set(results)


def test_file_with_another_name_is_not_read(settings: ReleaseSettings) -> None:
    results = verify(settings, settings.root / "there-is-no-such-file.zip")
    assert {name: result.verdict for name, result in results.items()} == {"name": "failed"}


@pytest.mark.parametrize(
    "stated",
    [
        "0" * 64 + "  {name}\n",
        "{digest}  other.tar.gz\n",
        "{digest} {name}\n",
        "{digest}  {name}\r\n",
        "{digest}  ./{name}\n",
        "{digest}  {name}\n" * 2,
        "",
    ],
)
def test_archive_with_wrong_checksum_is_not_unpacked(settings: ReleaseSettings, stated: str) -> None:
    archive = make_archive(settings, OTHER)
    digest = checksum_path(archive).read_text(encoding="ascii").split()[0]
    checksum_path(archive).write_bytes(stated.format(name=archive.name, digest=digest).encode("ascii"))
    results = verify(settings, archive)
    assert list(results) == ["checksum"]
    assert results["checksum"].is_failed
    assert not (settings.root / "scratch").exists()


def test_missing_checksum_fails(settings: ReleaseSettings) -> None:
    archive = make_archive(settings, OTHER)
    checksum_path(archive).unlink()
    results = verify(settings, archive)
    assert {name: result.verdict for name, result in results.items()} == {"checksum": "failed"}


def test_damaged_archive_with_good_checksum_fails(settings: ReleaseSettings) -> None:
    archive = make_archive(settings, OTHER)
    archive.write_bytes(b"no archive at all")
    write_checksum(archive)
    results = verify(settings, archive)
    assert {name: result.verdict for name, result in results.items()} == {"checksum": "passed", "unpack": "failed"}


def test_archive_name_includes_platform_and_version(settings: ReleaseSettings, platform: Platform) -> None:
    found, version = parse_archive_name(settings, f"tiny-v2.0.0rc1-{platform.name}{platform.archive_suffix}")
    assert (found, version.label, version.exact) == (platform, "v2.0.0rc1", "2.0.0rc1")


def test_dev_archive_name_accepts_any_dev_version(settings: ReleaseSettings, platform: Platform) -> None:
    _, version = parse_archive_name(settings, f"tiny-dev-{platform.name}{platform.archive_suffix}")
    assert version.is_printed_as("1.2.3+dev.g1a2b3c4")
    assert version.is_printed_as("1.2.3+dev.g1a2b3c4.dirty")
    assert not version.is_printed_as("1.2.3")


@pytest.mark.parametrize(
    "name",
    [
        "tiny-linux-amd64.tar.gz",
        "tiny-v1.2.3-linux-amd64.zip",
        "tiny-v1.2.3-linux-riscv.tar.gz",
        "other-v1.2.3-linux-amd64.tar.gz",
        "tiny-v1.2.3;rm -rf-linux-amd64.tar.gz",
        "tiny-v1.2.3-linux-amd64.tar.gz\n",
    ],
)
def test_other_archive_names_are_refused(settings: ReleaseSettings, name: str) -> None:
    with pytest.raises(UnknownArchiveError):
        parse_archive_name(settings, name)


@pytest.mark.programs
@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't start a script")
@pytest.mark.parametrize(
    ("printed", "verdict"), [("tiny 1.2.3+dev.g1a2b3c4", "passed"), ("tiny 1.2.3", "failed"), ("dev", "failed")]
)
def test_dev_archive_may_print_any_commit(settings: ReleaseSettings, printed: str, verdict: str) -> None:
    archive = make_archive(settings, host_platform(), label="dev", printed=printed)
    assert verify(settings, archive, PHASES_OF_SCRIPTS)["version"].verdict == verdict


@pytest.mark.programs
@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't start a script")
@pytest.mark.parametrize(("commit", "verdict"), [("1a2b3c4", "passed"), ("5d6e7f8", "failed")])
def test_dev_archive_must_print_its_known_commit(settings: ReleaseSettings, commit: str, verdict: str) -> None:
    archive = make_archive(settings, host_platform(), label="dev", printed="tiny 1.2.3+dev.g1a2b3c4")
    exact = BuildVersion(label="dev", project_version="1.2.3", local_part=f"dev.g{commit}")
    assert verify(settings, archive, PHASES_OF_SCRIPTS, exact)["version"].verdict == verdict
