import pytest

from release_tools.releasing.publish.release_status import next_step, read_status, status_lines
from release_tools.settings import ReleaseSettings
from tests.release_tools.releasing.github_server import OWNER_AND_NAME, Repository
from tests.release_tools.releasing.publishers import Publisher
from tests.release_tools.releasing.subjects import COMMIT, TAG


def lines(settings: ReleaseSettings, publisher: Publisher, repository: Repository) -> list[str]:
    """The status; it only reads."""
    changes = len(repository.changes)
    shown = status_lines(read_status(settings, publisher.github))
    assert len(repository.changes) == changes
    return shown


def test_before_the_first_release_there_is_a_next_step(
    settings: ReleaseSettings, publisher: Publisher, repository: Repository
) -> None:
    repository.tags.clear()
    assert lines(settings, publisher, repository) == [
        "version     1.2.3, in pyproject.toml",
        "latest tag  none on GitHub",
        "release     none is public",
        f"next        `invoke release --tag` makes {TAG}",
    ]


def test_a_public_release_is_shown_with_its_ten_files(
    settings: ReleaseSettings, publisher: Publisher, repository: Repository
) -> None:
    publisher.publish()
    shown = lines(settings, publisher, repository)
    assert shown[2] == f"release     {TAG}: https://github.com/{OWNER_AND_NAME}/releases/tag/{TAG}"
    assert shown[3] == f"            {publisher.files[0].name}  {publisher.files[0].size_bytes} bytes"
    assert len(shown) == 3 + 10 + 1
    assert shown[-1] == f"next        {TAG} is public; raise the version in pyproject.toml for the next release"


def test_a_draft_is_shown_with_whose_it_is_and_what_it_lacks(
    settings: ReleaseSettings, publisher: Publisher, repository: Repository
) -> None:
    body = publisher.wanted.text.body
    draft = repository.add_release(tag=TAG, is_draft=True, body=body, target=COMMIT)
    first, second, *_ = publisher.files
    repository.add_asset(draft, first.name, b"x" * 1_500_000)
    repository.add_asset(draft, second.name, b"", state="starter")
    repository.add_asset(draft, "\x1b[31mextra", b"")
    shown = lines(settings, publisher, repository)
    assert shown[3] == f"draft       {TAG}, number {draft['id']}, commit {COMMIT}, by run-1"
    assert shown[4:6] == [f"            {first.name}  1.5 MB", f"            {second.name}  not uploaded completely"]
    assert [line for line in shown if line.endswith("  missing")] == shown[6:14]
    assert shown[14] == r"            '\x1b[31mextra'  does not belong there"
    assert shown[15].startswith(f"next        {TAG} is not finished: start its run on GitHub again")


def test_the_highest_version_comes_first_and_other_tags_are_left_out(
    settings: ReleaseSettings, publisher: Publisher, repository: Repository
) -> None:
    repository.tags = dict.fromkeys(
        ["tiny-v1.10.0", "tiny-v1.9.0", "tiny-v1.10.0rc1", "tiny-vnext", "other-v9"], COMMIT
    )
    for tag in ("tiny-v1.9.0", "other-v9", "tiny-v1.10.0rc1"):
        repository.add_release(tag=tag, is_draft=False)["prerelease"] = "rc" in tag
    shown = lines(settings, publisher, repository)
    assert shown[1] == "latest tag  tiny-v1.10.0"
    assert shown[2].startswith("release     tiny-v1.10.0rc1 pre-release: ")
    assert shown[-1] == "next        1.2.3 is not higher than tiny-v1.10.0: raise the version in pyproject.toml"


def test_more_releases_than_fit_on_a_page_are_all_read(
    settings: ReleaseSettings, publisher: Publisher, repository: Repository
) -> None:
    for number in range(250):
        repository.add_release(tag=f"tiny-v0.{number}.0", is_draft=False)
    repository.tags |= {f"tiny-v0.{number}.0": COMMIT for number in range(100)}
    status = read_status(settings, publisher.github)
    assert (len(status.public), len(status.tags)) == (250, 101)


@pytest.mark.parametrize(
    ("leftover", "step"),
    [
        (None, f"{TAG} is being built, or its run failed: `gh run list` shows it"),
        ("tiny-v1.0.0", "a draft is left over: `invoke discard --tag tiny-v1.0.0`"),
    ],
)
def test_a_tag_without_a_release_and_a_draft_of_another_version_are_told(
    leftover: str | None, step: str, settings: ReleaseSettings, publisher: Publisher, repository: Repository
) -> None:
    if leftover:
        repository.add_release(tag=leftover, is_draft=True)
    assert step in next_step(read_status(settings, publisher.github))
