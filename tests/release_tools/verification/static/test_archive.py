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
from tests.release_tools.verification.static.contexts import findings_of

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows can't run a script as an executable"),
]


def test_three_files_with_their_modes_pass(settings: ReleaseSettings) -> None:
    assert archive.check_members(make_context(settings)) == "3 files"


@pytest.mark.shows_failing("archive members")
def test_executable_without_execute_bit_is_refused(settings: ReleaseSettings) -> None:
    context = make_context(settings, modes=(0o644, 0o644, 0o644))
    assert findings_of(archive.check_members, context) == ("tiny has mode 0644, not 0755",)


def test_missing_and_unexpected_files_are_refused(settings: ReleaseSettings) -> None:
    context = make_context(settings)
    stray = settings.root / "notes.txt"
    stray.write_text("", encoding="utf-8")
    write_archive(context.archive, [Member(name="notes.txt", path=stray, mode=0o644)], 0)
    wrong = findings_of(archive.check_members, context)
    assert [finding.split()[0] for finding in wrong] == ["tiny", *archive.LICENSE_FILES, "notes.txt"]


@pytest.mark.shows_failing("archive size")
def test_archive_over_its_limit_is_refused(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    context = make_context(dataclasses.replace(settings, size_limit_mib=1))
    assert archive.check_size(context).endswith("of 1 MiB")
    monkeypatch.setattr(archive, "MIB", 10)
    with pytest.raises(CheckFailedError) as caught:
        archive.check_size(context)
    limit = int(str(caught.value.cure).removeprefix("size-limit-mib = "))
    raised = dataclasses.replace(context, settings=dataclasses.replace(settings, size_limit_mib=limit))
    assert archive.check_size(raised)


def test_size_without_a_limit_is_not_checked(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError):
        archive.check_size(make_context(settings))


def test_executable_for_another_platform_is_refused(settings: ReleaseSettings) -> None:
    here = dataclasses.replace(make_context(settings), platform=host_platform())
    shutil.copy(sys.executable, here.executable)
    assert archive.check_architecture(here).endswith(f"for {here.platform.arch}")
    for name in {"linux-amd64", "linux-arm64", "darwin-arm64", "windows-amd64"} - {here.platform.name}:
        other = dataclasses.replace(here, platform=find_platform(name))
        shutil.copy(sys.executable, other.executable)
        with pytest.raises(CheckFailedError):
            archive.check_architecture(other)


@pytest.mark.shows_failing("architecture")
def test_script_instead_of_executable_is_refused(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckFailedError):
        archive.check_architecture(make_context(settings))
