"""What is on GitHub already and forbids a release, or is gone on from."""

from pathlib import Path

import pytest

from release_tools.releasing.errors import BurnedTagError, PublishError
from release_tools.releasing.publish.release_text import Marker
from tests.release_tools.releasing.conftest import needs_gh
from tests.release_tools.releasing.github_server import Fault, Repository, stand_in
from tests.release_tools.releasing.publishers import Publisher, is_settled
from tests.release_tools.releasing.subjects import COMMIT, EXECUTABLE, TAG

MARKER = Marker(tag=TAG, commit=COMMIT, publisher="run-1")
OTHER_COMMIT = "f" * 40


def refusal(publisher: Publisher, repository: Repository) -> str:
    """Why the release is refused; nothing may have been changed for it."""
    with pytest.raises(PublishError) as caught:
        publisher.publish()
    assert repository.changes == []
    return str(caught.value)


def test_a_tag_that_is_not_on_github_is_refused_with_the_command_that_pushes_it(
    publisher: Publisher, repository: Repository
) -> None:
    repository.tags.clear()
    assert f"GitHub has no such tag\nhint: push it: git push origin {TAG}" in refusal(publisher, repository)


def test_a_tag_that_leads_elsewhere_on_github_is_refused(publisher: Publisher, repository: Repository) -> None:
    repository.tags[TAG] = OTHER_COMMIT
    assert f"the tag is commit {OTHER_COMMIT} on GitHub and {COMMIT} here" in refusal(publisher, repository)


def test_a_tag_that_was_moved_on_the_way_is_seen_before_the_release_is_opened(
    publisher: Publisher, repository: Repository
) -> None:
    answer = stand_in(repository)

    def start(args: list[str], **options: object) -> object:
        finished = answer(args, **options)
        if len(repository.changes) == 11:
            repository.tags[TAG] = OTHER_COMMIT
        return finished

    publisher.start = start  # type: ignore[assignment]  # a narrower function does for what is called here
    with pytest.raises(PublishError, match="the tag is commit"):
        publisher.publish()
    assert repository.published == []


@pytest.mark.parametrize("is_immutable", [False, True])
def test_a_public_release_that_somebody_else_made_is_never_touched(
    is_immutable: bool, publisher: Publisher, repository: Repository
) -> None:
    release = repository.add_release(tag=TAG, is_draft=False, body="by hand\n" + MARKER.line)
    release["immutable"] = is_immutable
    message = refusal(publisher, repository)
    assert f"is {'immutable' if is_immutable else 'published'} already, and was not made by this tool" in message
    assert "hint: a release that is public is never touched: raise the version" in message


@pytest.mark.programs
@needs_gh
def test_with_gh_a_public_release_that_somebody_else_made_is_never_touched(dist: Path, gh: Repository) -> None:
    gh.add_release(tag=TAG, is_draft=False)["immutable"] = True
    assert "is immutable already, and was not made by this tool" in refusal(Publisher(folder=dist), gh)


def test_a_public_release_of_ours_that_differs_is_refused_with_every_difference(
    publisher: Publisher, repository: Repository
) -> None:
    release = repository.add_release(tag=TAG, is_draft=False, body=MARKER.line)
    names = [file.name for file in publisher.files]
    for name in names[2:]:
        repository.add_asset(release, name, (publisher.folder / name).read_bytes())
    repository.add_asset(release, names[0], b"other bytes")
    repository.add_asset(release, "extra\n\x1b[2J", b"")
    message = refusal(publisher, repository)
    assert "3 problems" in message
    assert f"already, and {names[0]} has 11 bytes" in message
    assert f"already, and {names[1]} is missing" in message
    assert r"already, and 'extra\n\x1b[2J' does not belong there" in message


def test_a_draft_that_somebody_made_by_hand_is_refused(publisher: Publisher, repository: Repository) -> None:
    draft = repository.add_release(tag=TAG, is_draft=True, body="notes\n" + MARKER.line)
    message = refusal(publisher, repository)
    assert f"draft {draft['id']} of this tag was not made by this tool" in message
    assert f"`invoke discard --tag {TAG}`" in message


def test_a_draft_of_another_commit_is_refused(publisher: Publisher, repository: Repository) -> None:
    marker = Marker(tag=TAG, commit=OTHER_COMMIT, publisher="run-1")
    draft = repository.add_release(tag=TAG, is_draft=True, body=marker.line, target=OTHER_COMMIT)
    assert f"draft {draft['id']} of this tag is of commit {OTHER_COMMIT}" in refusal(publisher, repository)


def test_our_draft_whose_commit_was_changed_by_hand_is_refused(publisher: Publisher, repository: Repository) -> None:
    draft = repository.add_release(tag=TAG, is_draft=True, body=MARKER.line, target="main")
    assert f"draft {draft['id']} of this tag is of commit {COMMIT}, and now of 'main'" in refusal(publisher, repository)


def test_a_file_that_does_not_belong_into_our_draft_is_refused(publisher: Publisher, repository: Repository) -> None:
    draft = repository.add_release(tag=TAG, is_draft=True, body=MARKER.line, target=COMMIT)
    repository.add_asset(draft, "extra.zip", b"")
    message = refusal(publisher, repository)
    assert f"draft {draft['id']} holds 'extra.zip', which does not belong to the release" in message


def test_releases_of_other_tags_are_no_hindrance(publisher: Publisher, repository: Repository) -> None:
    for tag in ("tiny-v1.2.2", "other-v1.2.3", "v1.2.3"):
        repository.add_release(tag=tag, is_draft=tag == "v1.2.3")
    publisher.publish()
    assert [release["tag_name"] for release in repository.published if release["target_commitish"] == COMMIT] == [TAG]
    assert len(repository.releases) == 4


def test_our_draft_is_gone_on_from_and_only_what_is_missing_or_wrong_is_sent(
    publisher: Publisher, repository: Repository
) -> None:
    draft = repository.add_release(tag=TAG, is_draft=True, body=MARKER.line, target=COMMIT)
    names = [file.name for file in publisher.files]
    for name in names[:7]:
        repository.add_asset(draft, name, (publisher.folder / name).read_bytes())
    repository.add_asset(draft, names[7], (publisher.folder / names[7]).read_bytes()[:-1])
    repository.add_asset(draft, names[8], b"half", state="starter")
    publisher.publish()
    assert is_settled(repository, TAG)
    assert [line.split()[0] for line in repository.changes] == ["DELETE", "DELETE", "POST", "POST", "POST", "PATCH"]


def test_a_draft_of_another_publisher_is_left_alone_and_removed_once_the_release_is_public(
    publisher: Publisher, repository: Repository
) -> None:
    twin = repository.add_release(tag=TAG, is_draft=True, body=MARKER.line, target=COMMIT)
    publisher.name = "run-2"
    assert publisher.plan().remarks == (
        f"draft {twin['id']} of another publisher is left alone until a release is public",
    )
    publisher.publish()
    assert is_settled(repository, TAG)
    assert repository.changes[-2].startswith("PATCH")
    assert repository.changes[-1] == f"DELETE /repos/owner/tiny/releases/{twin['id']}"


def test_a_draft_that_the_list_does_not_show_yet_is_not_made_twice(
    publisher: Publisher, repository: Repository
) -> None:
    repository.faults = [Fault(kind="stale", request="GET /repos/owner/tiny/releases\\?", skip=1)]
    publisher.publish()
    assert is_settled(repository, TAG)
    assert len([line for line in repository.changes if line == "POST /repos/owner/tiny/releases"]) == 1


def test_a_draft_of_ours_that_is_left_over_goes_away_once_the_release_is_public(
    publisher: Publisher, repository: Repository
) -> None:
    publisher.publish()
    repository.add_release(tag=TAG, is_draft=True, body=MARKER.line, target=COMMIT)
    publisher.publish()
    assert is_settled(repository, TAG)


def test_a_release_that_becomes_immutable_is_published_once_and_found_again(
    publisher: Publisher, repository: Repository
) -> None:
    repository.makes_immutable = True
    first = publisher.publish()
    assert publisher.publish().id == first.id
    assert repository.published[0]["immutable"]
    assert is_settled(repository, TAG)


def test_a_tag_that_an_immutable_release_used_up_is_told_and_not_tried_again(
    publisher: Publisher, repository: Repository
) -> None:
    repository.burned_tags = {TAG}
    with pytest.raises(BurnedTagError, match="GitHub never lets it be used again"):
        publisher.publish()
    assert len([line for line in repository.changes if line.startswith("PATCH")]) == 1


@pytest.mark.parametrize(
    ("others", "is_latest"),
    [
        ([], True),
        (["tiny-v1.2.2", "tiny-v1.10.0rc1", "other-v9.0.0"], True),
        (["tiny-v1.10.0"], False),
    ],
)
def test_only_the_highest_stable_release_becomes_the_latest(
    others: list[str], is_latest: bool, publisher: Publisher, repository: Repository
) -> None:
    for tag in others:
        repository.add_release(tag=tag, is_draft=False)
    repository.add_release(tag="tiny-v8.0.0", is_draft=True)
    publisher.publish()
    [release] = [release for release in repository.published if release["tag_name"] == TAG]
    assert (release["make_latest"], release["prerelease"]) == ("true" if is_latest else "false", False)


def test_notes_of_any_length_are_taken(publisher: Publisher, repository: Repository) -> None:
    publisher.notes = "- a change that takes a line — of its own\n" * 5000
    publisher.publish()
    body = repository.published[0]["body"]
    assert body.startswith(MARKER.line)
    assert 124_000 < len(body.encode()) < 125_000
    assert is_settled(repository, TAG)


def test_a_plan_names_every_step_and_reads_only(publisher: Publisher, repository: Repository) -> None:
    plan = publisher.plan()
    steps = [*map(str, plan.steps), *plan.later]
    assert steps[0] == f"make a draft of {TAG} at commit {COMMIT}"
    assert steps[1:11] == [f"upload {file.name} ({file.size_bytes} bytes)" for file in publisher.files]
    assert steps[11:] == [
        "compare GitHub's sizes and sha256 digests of 10 files with ours",
        "open it to the public as a release, the latest one",
    ]
    assert repository.changes == []
    assert EXECUTABLE in steps[0]
