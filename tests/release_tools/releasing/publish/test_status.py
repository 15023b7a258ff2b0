import subprocess
import sys
from pathlib import Path

import pytest

from release_tools.releasing.publish.status import next_step, read_status, status_lines
from release_tools.settings import ReleaseSettings
from tests.release_tools.releasing.fake_github import OWNER_AND_NAME, FakeRepository
from tests.release_tools.releasing.publishers import Publisher
from tests.release_tools.releasing.sample_release import COMMIT, TAG


def lines(settings: ReleaseSettings, publisher: Publisher, repository: FakeRepository) -> list[str]:
    changes = len(repository.changes)
    shown = status_lines(read_status(settings, publisher.github))
    assert len(repository.changes) == changes
    return shown


def test_first_release_is_the_next_step(
    settings: ReleaseSettings, publisher: Publisher, repository: FakeRepository
) -> None:
    repository.tags.clear()
    shown = lines(settings, publisher, repository)
    assert len(shown) == 4
    assert "invoke release --tag" in shown[-1]


def test_published_release_is_shown_with_its_assets(
    settings: ReleaseSettings, publisher: Publisher, repository: FakeRepository
) -> None:
    publisher.publish()
    shown = lines(settings, publisher, repository)
    assert shown[2] == f"release     {TAG}: https://github.com/{OWNER_AND_NAME}/releases/tag/{TAG}"
    assert shown[3:-1] == [f"            {file.name}  {file.size_bytes} bytes" for file in publisher.files]


def test_draft_is_shown_with_its_publisher_and_assets(
    settings: ReleaseSettings, publisher: Publisher, repository: FakeRepository
) -> None:
    body = publisher.local.fields(is_latest=False).body
    draft = repository.add_release(tag=TAG, is_draft=True, body=body, target=COMMIT)
    first, second, *_ = publisher.files
    repository.add_asset(draft, first.name, b"x" * 1_500_000)
    repository.add_asset(draft, second.name, b"", state="starter")
    repository.add_asset(draft, "\x1b[31mextra", b"")
    shown = lines(settings, publisher, repository)
    assert all(part in shown[3] for part in (TAG, str(draft["id"]), COMMIT, "run-1"))
    assert shown[4] == f"            {first.name}  1.5 MB"
    assert [line for line in shown if line.endswith("  missing")] == shown[6:14]
    assert r"'\x1b[31mextra'" in shown[14]
    assert f"invoke publish --tag {TAG}" in shown[15]


def test_highest_version_comes_first(
    settings: ReleaseSettings, publisher: Publisher, repository: FakeRepository
) -> None:
    repository.tags = dict.fromkeys(
        ["tiny-v1.10.0", "tiny-v1.9.0", "tiny-v1.10.0rc1", "tiny-vnext", "other-v9"], COMMIT
    )
    for tag in ("tiny-v1.9.0", "other-v9", "tiny-v1.10.0rc1"):
        repository.add_release(tag=tag, is_draft=False)["prerelease"] = "rc" in tag
    shown = lines(settings, publisher, repository)
    assert shown[1] == "latest tag  tiny-v1.10.0"
    assert shown[2].startswith("release     tiny-v1.10.0rc1 pre-release: ")
    assert "tiny-v1.10.0" in shown[-1]


def test_all_pages_of_releases_are_read(
    settings: ReleaseSettings, publisher: Publisher, repository: FakeRepository
) -> None:
    for number in range(250):
        repository.add_release(tag=f"tiny-v0.{number}.0", is_draft=False)
    repository.tags |= {f"tiny-v0.{number}.0": COMMIT for number in range(100)}
    status = read_status(settings, publisher.github)
    assert (len(status.published), len(status.tags)) == (250, 101)


@pytest.mark.parametrize(
    ("leftover", "command"), [(None, "gh run list"), ("tiny-v1.0.0", "invoke discard --tag tiny-v1.0.0")]
)
def test_next_step_names_a_command(
    leftover: str | None, command: str, settings: ReleaseSettings, publisher: Publisher, repository: FakeRepository
) -> None:
    if leftover:
        repository.add_release(tag=leftover, is_draft=True)
    assert f"`{command}`" in next_step(read_status(settings, publisher.github))


@pytest.mark.programs
def test_status_loads_no_build_and_no_verification() -> None:
    code = "import sys, release_tools.releasing.publish.status; print(*sys.modules)"
    root = Path(__file__).parents[4]
    loaded = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True).stdout
    assert "release_tools.platforms" in loaded
    assert not {"release_tools.freeze", "release_tools.verification", "PyInstaller"} & set(loaded.split())
