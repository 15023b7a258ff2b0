import dataclasses
import shutil
import sys

import pytest

from release_tools.archives import Member, write_archive
from release_tools.platforms import find_platform, host_platform
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError
from release_tools.verification.static import archive
from tests.release_tools.verification.packaged import make_context

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="a script is no executable on Windows"),
]


def test_an_archive_of_three_files_with_their_modes_passes(settings: ReleaseSettings) -> None:
    assert archive.check_members(make_context(settings)) == "3 files"


@pytest.mark.shows_failing("archive members")
def test_a_program_that_lost_its_execute_bit_is_found(settings: ReleaseSettings) -> None:
    context = make_context(settings, modes=(0o644, 0o644, 0o644))
    with pytest.raises(CheckFailedError, match="tiny has mode 0644, not 0755"):
        archive.check_members(context)


def test_a_missing_and_a_strange_member_are_named(settings: ReleaseSettings) -> None:
    context = make_context(settings)
    stray = settings.root / "notes.txt"
    stray.write_text("", encoding="utf-8")
    write_archive(context.archive, [Member(name="notes.txt", path=stray, mode=0o644)], 0)
    with pytest.raises(CheckFailedError, match=r"tiny is missing; .*; notes.txt does not belong there"):
        archive.check_members(context)


@pytest.mark.shows_failing("archive size")
def test_an_archive_over_the_limit_is_found(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    context = make_context(dataclasses.replace(settings, size_limit_mib=1))
    assert archive.check_size(context).endswith("of 1 MiB")
    monkeypatch.setattr(archive, "MIB", 10)
    with pytest.raises(CheckFailedError, match="over the limit of 1 MiB"):
        archive.check_size(context)


def test_without_a_limit_the_size_is_told_and_not_judged(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError, match="no size-limit-mib is set"):
        archive.check_size(make_context(settings))


def test_an_executable_for_this_machine_passes_and_for_another_fails(settings: ReleaseSettings) -> None:
    here = dataclasses.replace(make_context(settings), platform=host_platform())
    shutil.copy(sys.executable, here.executable)
    assert archive.check_machine(here).endswith(f"for {here.platform.arch}")
    for name in {"linux-amd64", "linux-arm64", "darwin-arm64", "windows-amd64"} - {here.platform.name}:
        other = dataclasses.replace(here, platform=find_platform(name))
        shutil.copy(sys.executable, other.executable)
        with pytest.raises(CheckFailedError, match=f"not {other.platform.binary_format} for {other.platform.arch}"):
            archive.check_machine(other)


@pytest.mark.shows_failing("machine")
def test_a_file_that_is_no_executable_is_found(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckFailedError, match="tiny is no executable file format, not ELF for amd64"):
        archive.check_machine(make_context(settings))
