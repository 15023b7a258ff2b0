"""Windows has 259 characters for a path, and a part of them belongs to the user's temporary folder."""

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError
from release_tools.verification.static.path_lengths import check_path_lengths
from tests.release_tools.verification.context_variants import allowing
from tests.release_tools.verification.static.contexts import make_context

ROOM = 189


def test_paths_with_room_to_spare_pass(settings: ReleaseSettings) -> None:
    data = {"tiny_app/a.txt": b"", "x" * ROOM: b""}
    assert check_path_lengths(make_context(settings, platform="windows-amd64", data=data)) == "189 of 189 characters"


@pytest.mark.shows_failing("path lengths")
def test_a_path_that_is_too_long_is_named(settings: ReleaseSettings) -> None:
    data = {"tiny_app/a.txt": b"", f"folder/{'x' * ROOM}": b""}
    with pytest.raises(CheckFailedError, match=r"longer than the 189 characters .*: folder/x+ \(196 characters\)"):
        check_path_lengths(make_context(settings, platform="windows-amd64", data=data))


def test_a_path_that_is_allowed_passes(settings: ReleaseSettings) -> None:
    name = "x" * (ROOM + 1)
    context = make_context(settings, platform="windows-amd64", data={name: b""})
    assert check_path_lengths(allowing(context, f"{name} (190 characters)")) == "190 of 189 characters"


@pytest.mark.parametrize("name", ["linux-amd64", "linux-arm64", "darwin-amd64", "darwin-arm64"])
def test_other_platforms_have_no_such_limit(settings: ReleaseSettings, name: str) -> None:
    with pytest.raises(CheckSkippedError, match="a question for windows only"):
        check_path_lengths(make_context(settings, platform=name, data={"x" * 250: b""}))
