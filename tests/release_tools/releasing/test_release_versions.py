import pytest

from release_tools.releasing.release_versions import is_newest_stable, is_prerelease, release_version


@pytest.mark.parametrize("version", ["1.2.3", "0.1.0", "2026.11", "1.0.0.post1", "1.0.0+build.5", "1.0", "10.0.0"])
def test_stable_version_is_not_a_prerelease(version: str) -> None:
    assert not is_prerelease(version)


@pytest.mark.parametrize(
    "version",
    ["1.2.3a1", "1.2.3b2", "1.2.3rc1", "1.2.3.dev4", "1.2.3-rc.1", "1.2.3-alpha", "1.2.3-nightly.20261123", "1.2.3-1"],
)
def test_prerelease_by_pep_440_or_semver(version: str) -> None:
    assert is_prerelease(version)


@pytest.mark.parametrize("version", ["next", "1.2.x", ""])
def test_unparsable_version_is_never_stable(version: str) -> None:
    assert is_prerelease(version)
    assert not is_newest_stable("tiny", version, [])


def test_executable_name_does_not_make_a_prerelease() -> None:
    assert is_newest_stable("alpha-beta-rc", "1.0.0", ["alpha-beta-rc-v0.9.0"])


@pytest.mark.parametrize(
    ("version", "is_newest"),
    [("1.10.0", True), ("1.9.9", False), ("1.10.0rc1", False), ("2.0.0.post1", True), ("1.9.0.post1", False)],
)
def test_newest_stable_version_is_compared_by_number(version: str, is_newest: bool) -> None:
    tags = ["tiny-v1.9.0", "tiny-v1.9.10", "tiny-v3.0.0rc1", "other-v7.0.0", "tiny-vnext", "v8.0.0"]
    assert is_newest_stable("tiny", version, tags) is is_newest


@pytest.mark.parametrize("tag", ["tiny-v1.2.3", "tiny-v1.3.0rc1", "tiny-v2026.1"])
def test_release_tag_has_a_version(tag: str) -> None:
    assert str(release_version("tiny", tag)) == tag.removeprefix("tiny-v")


@pytest.mark.parametrize("tag", ["tiny-v", "tiny-vx", "v1.2.3", "tiny-v1.2.3\n", "tiny-v1..2", "tiny-v1.2.3\u202e"])
def test_other_tag_has_no_version(tag: str) -> None:
    assert release_version("tiny", tag) is None
