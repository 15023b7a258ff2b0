import os
from pathlib import Path

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.static import unpacked_files
from release_tools.verification.static.unpacked_files import check_unpacked_files
from tests.release_tools.installed import PROJECT, environment_of, install
from tests.release_tools.verification.context_variants import allowing
from tests.release_tools.verification.static.contexts import findings_of, make_context

ICONS = {f"icons/{number}.svg": b"" for number in range(9)}


def test_few_files_are_counted(settings: ReleaseSettings) -> None:
    passed = check_unpacked_files(make_context(settings, data={**ICONS, "large.bin": os.urandom(1_500_000)}))
    assert (passed.figure, passed.notes) == ("10 files, 1.5 MB", ())


def test_many_files_are_noted_with_their_distribution(
    settings: ReleaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacked_files, "NOTED_FILES", 8)
    installed = environment_of(install(tmp_path, "material-icons", [*ICONS]), install(tmp_path, PROJECT, ()))
    built = make_context(settings, data=ICONS, installed=installed)
    downloaded = make_context(settings, data=ICONS)
    for context, name in ((built, "material-icons 9"), (downloaded, "icons 9")):
        (note,) = check_unpacked_files(context).notes
        assert name in note
        assert "exclude-files" in note


@pytest.mark.shows_failing("unpacked files")
def test_far_too_many_files_are_refused(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacked_files, "NOTED_FILES", 4)
    monkeypatch.setattr(unpacked_files, "MOST_FILES", 8)
    context = make_context(settings, data=ICONS)
    assert findings_of(check_unpacked_files, context) == ("more than 8 files",)
    assert check_unpacked_files(allowing(context, "more than 8 files")).notes
