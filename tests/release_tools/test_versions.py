import pytest

from release_tools.platforms import Platform
from release_tools.repository import Commit
from release_tools.versions import (
    archive_name,
    release_tag,
    resolve_version,
    version_of_tag,
    version_problems,
)

CLEAN = Commit(sha="1a2b3c4d5e6f", time=1_700_000_000, is_dirty=False)
DIRTY = Commit(sha="1a2b3c4d5e6f", time=1_700_000_000, is_dirty=True)


@pytest.mark.parametrize(
    ("label", "commit", "exact"),
    [
        ("v1.2.3", CLEAN, "1.2.3"),
        ("dev", CLEAN, "1.2.3+dev.g1a2b3c4"),
        ("dev", DIRTY, "1.2.3+dev.g1a2b3c4.dirty"),
        ("dev", None, "1.2.3+dev"),
    ],
)
def test_dev_version_contains_the_commit(label: str, commit: Commit | None, exact: str) -> None:
    assert resolve_version(label, "1.2.3", commit).exact == exact


@pytest.mark.parametrize("label", ["1.2.3", "v1.2.4", "latest", "", "v1.2.3\n", "../v1.2.3", "DEV", "v1.2.3 "])
def test_other_label_is_refused_with_the_right_one(label: str) -> None:
    (problem,) = version_problems(label, "1.2.3", CLEAN)
    assert "'v1.2.3'" in problem.what
    assert "--version v1.2.3" in problem.hint


@pytest.mark.parametrize(("commit", "state"), [(DIRTY, "has uncommitted changes"), (None, "is not a git checkout")])
def test_versioned_build_needs_a_clean_commit(commit: Commit | None, state: str) -> None:
    (problem,) = version_problems("v1.2.3", "1.2.3", commit)
    assert state in problem.what


@pytest.mark.parametrize("label", ["dev", "v1.2.3"])
def test_valid_label_has_no_problem(label: str) -> None:
    assert version_problems(label, "1.2.3", CLEAN) == []


def test_archive_name_contains_version_and_platform(platform: Platform) -> None:
    version = resolve_version("v1.2.3", "1.2.3", CLEAN)
    suffix = "zip" if platform.os == "windows" else "tar.gz"
    assert archive_name("tiny", version, platform) == f"tiny-v1.2.3-{platform.os}-{platform.arch}.{suffix}"


@pytest.mark.parametrize("version", ["1.2.3", "1.0.0rc1", "2026.1.0-beta.2", "1.0.0+local.1"])
def test_tag_and_version_convert_both_ways(version: str) -> None:
    assert release_tag("tiny-app", version) == f"tiny-app-v{version}"
    assert version_of_tag("tiny-app", f"tiny-app-v{version}") == version


@pytest.mark.parametrize(
    "tag",
    ["v1.2.3", "tiny-app-1.2.3", "tiny-v1.2.3", "tiny-app-v", "tiny-app-v1/../..", "tiny-app-v1.2.3\n", "tinyXapp-v1"],
)
def test_other_tag_has_no_version(tag: str) -> None:
    assert version_of_tag("tiny-app", tag) is None
