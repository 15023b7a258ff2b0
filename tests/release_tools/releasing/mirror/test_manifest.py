"""The manifests: what they say, what they refuse, and that their text is stable."""

import json
from collections.abc import Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from release_tools.releasing.errors import ManifestError, UnknownVersionError, YankedVersionError
from release_tools.releasing.mirror.manifest import Channel, Latest, Manifest, MirroredFile, MirroredVersion, channel_of
from release_tools.releasing.mirror.manifest_updates import update_versions


def a_file(version: str) -> MirroredFile:
    name = f"tiny-v{version}-linux-amd64.tar.gz"
    return MirroredFile(
        name=name,
        kind="archive",
        platform="linux-amd64",
        url=f"https://downloads.example.org/tiny/{version}/{name}",
        size=7,
        sha256="0" * 64,
    )


def a_version(version: str, *, yank_reason: str = "") -> MirroredVersion:
    return MirroredVersion(
        version=version,
        date="2026-01-31T12:00:00Z",
        channel=channel_of(version),
        yanked=bool(yank_reason),
        yank_reason=yank_reason,
        files=(a_file(version),),
    )


def manifest_of(*versions: MirroredVersion) -> Manifest:
    manifest = Manifest(name="tiny", versions=())
    for version in versions:
        manifest = manifest.with_version(version)
    return manifest


FULL = manifest_of(*map(a_version, ("1.9.0", "1.10.0", "1.11.0rc1")), a_version("1.10.1", yank_reason="loses data"))


def test_text_is_read_back_as_the_same_manifest() -> None:
    assert Manifest.from_json(FULL.to_json()) == FULL
    latest = Latest(name="tiny", latest=FULL.newest("stable"))
    assert Latest.from_json(latest.to_json()) == latest
    nothing = Latest(name="tiny", latest=None)
    assert Latest.from_json(nothing.to_json()) == nothing


def test_versions_are_in_version_order() -> None:
    assert [one.version for one in FULL.versions] == ["1.11.0rc1", "1.10.1", "1.10.0", "1.9.0"]
    shuffled = replace(FULL, versions=tuple(reversed(FULL.versions)))
    assert shuffled.to_json() == FULL.to_json()


@pytest.mark.parametrize(("channel", "version"), [("stable", "1.10.0"), ("prerelease", "1.11.0rc1")])
def test_channel_offers_its_newest_version(channel: Channel, version: str) -> None:
    newest = FULL.newest(channel)
    assert newest is not None
    assert newest.version == version
    assert json.loads(FULL.to_json())["latest"][channel] == version


def test_prerelease_channel_offers_a_newer_stable_version() -> None:
    newest = FULL.with_version(a_version("1.11.0")).newest("prerelease")
    assert newest is not None
    assert newest.version == "1.11.0"


def test_manifest_without_usable_version_offers_none() -> None:
    assert manifest_of(a_version("1.0.0", yank_reason="x"), a_version("2.0.0rc1")).newest("stable") is None


def test_yanked_version_is_refused_by_number() -> None:
    with pytest.raises(YankedVersionError) as caught:
        FULL.require("1.10.1")
    assert (caught.value.reason, caught.value.latest) == ("loses data", "1.10.0")
    assert FULL.require("1.9.0").archive("linux-amd64") == a_file("1.9.0")
    with pytest.raises(UnknownVersionError):
        FULL.require("1.10.2")


def test_shell_finds_yanked_three_lines_below_version() -> None:
    lines = FULL.to_json().splitlines()
    places = [number for number, line in enumerate(lines) if line.startswith('   "version": ')]
    assert len(places) == 4
    assert [lines[place + 3] for place in places] == [
        f'   "yanked": {str(one.yanked).lower()},' for one in FULL.versions
    ]


def with_changes(**changes: object) -> str:
    content = json.loads(FULL.to_json())
    content["versions"][0] |= changes
    return json.dumps(content)


def with_file_changes(**changes: object) -> str:
    return with_changes(files=[{**json.loads(FULL.to_json())["versions"][0]["files"][0], **changes}])


@pytest.mark.parametrize(
    "text",
    [
        "<html>sign in to the hotel's network</html>",
        "[]",
        "{}",
        '{"schema": 1, "name": "tiny", "versions": []}',
        '{"schema": 1, "name": "tiny", "revision": true, "versions": []}',
        '{"schema": 1, "name": "tiny", "revision": 0, "versions": {}}',
        '{"schema": 1, "name": "tiny", "revision": 0, "versions": [7]}',
        '{"schema": 2, "name": "tiny", "revision": 0, "versions": []}',
        '{"schema": 1, "name": "", "revision": 0, "versions": []}',
        with_changes(version="1.10.0"),
        with_changes(version="1.10.0", channel="stable"),
        with_changes(version="v1.11.0"),
        with_changes(channel="stable"),
        with_changes(yanked=None),
        with_changes(date="yesterday"),
        with_changes(files=[]),
        with_file_changes(name="../../etc/passwd"),
        with_file_changes(sha256="0" * 63),
        with_file_changes(size=True),
        with_file_changes(url="file:///etc/passwd"),
        with_file_changes(kind="virus"),
    ],
)
def test_invalid_versions_are_refused(text: str) -> None:
    with pytest.raises(ManifestError) as caught:
        Manifest.from_json(text)
    assert caught.value.name == "versions.json"


@pytest.mark.parametrize("changes", [{"yanked": True}, {"channel": "prerelease"}, {"version": "1.10.0rc1"}])
def test_latest_never_names_a_yanked_version_or_prerelease(changes: Mapping[str, Any]) -> None:
    content = json.loads(Latest(name="tiny", latest=FULL.newest("stable")).to_json())
    content["latest"] |= changes
    with pytest.raises(ManifestError):
        Latest.from_json(json.dumps(content))


def test_unknown_keys_are_ignored() -> None:
    assert Manifest.from_json(with_file_changes(signature="x")) == FULL


def test_change_that_no_reader_accepts_is_not_written() -> None:
    written: list[str] = []
    store: Any = SimpleNamespace(
        mirror=SimpleNamespace(name="tiny"), text=lambda _: None, replace=lambda _, text, *__: written.append(text)
    )
    empty = replace(a_version("1.0.0"), files=(replace(a_file("1.0.0"), size=0),))
    with pytest.raises(ManifestError):
        update_versions(store, lambda manifest: manifest.with_version(empty))
    assert written == []
