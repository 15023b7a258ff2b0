"""How existing tags, releases and drafts on GitHub change the plan."""

from pathlib import Path

import pytest

from release_tools.releasing.errors import PublishError, TagNotReusableError
from release_tools.releasing.publish.publish_plan import CreateDraft, PublishDraft
from release_tools.releasing.publish.release_body import BODY_LIMIT_BYTES, Marker
from tests.release_tools.releasing.fake_github import FakeRepository, Fault, fake_gh
from tests.release_tools.releasing.publishers import Publisher, is_fully_published
from tests.release_tools.releasing.sample_release import COMMIT, TAG

MARKER = Marker(tag=TAG, commit=COMMIT, publisher_id="run-1")
OTHER_COMMIT = "f" * 40


def problems_of(publisher: Publisher, repository: FakeRepository) -> list[str]:
    """The problems of a release that changes nothing."""
    with pytest.raises(PublishError) as caught:
        publisher.publish()
    assert repository.changes == []
    assert caught.value.tag == TAG
    return [problem.what for problem in caught.value.problems]


def test_unpushed_tag_is_refused(publisher: Publisher, repository: FakeRepository) -> None:
    repository.tags.clear()
    with pytest.raises(PublishError) as caught:
        publisher.publish()
    assert [problem.hint for problem in caught.value.problems] == [f"git push origin {TAG}"]


def test_tag_at_another_commit_is_refused(publisher: Publisher, repository: FakeRepository) -> None:
    repository.tags[TAG] = OTHER_COMMIT
    [problem] = problems_of(publisher, repository)
    assert OTHER_COMMIT in problem
    assert COMMIT in problem


def test_tag_moved_during_upload_stops_publishing(publisher: Publisher, repository: FakeRepository) -> None:
    answer = fake_gh(repository)

    def start(args: list[str], **options: object) -> object:
        finished = answer(args, **options)
        if len(repository.changes) == 11:
            repository.tags[TAG] = OTHER_COMMIT
        return finished

    publisher.start = start  # type: ignore[assignment]  # a narrower function does for what is called here
    with pytest.raises(PublishError):
        publisher.publish()
    assert repository.published == []


@pytest.mark.parametrize("is_immutable", [False, True])
def test_foreign_published_release_is_never_changed(
    is_immutable: bool, publisher: Publisher, repository: FakeRepository
) -> None:
    release = repository.add_release(tag=TAG, is_draft=False, body="by hand\n" + MARKER.line)
    release["immutable"] = is_immutable
    [problem] = problems_of(publisher, repository)
    assert str(release["id"]) in problem
    assert ("immutable" in problem) is is_immutable


def test_foreign_published_release_is_never_changed_by_gh(dist: Path, gh: FakeRepository) -> None:
    gh.add_release(tag=TAG, is_draft=False)["immutable"] = True
    assert len(problems_of(Publisher(folder=dist), gh)) == 1


def test_own_published_release_with_other_assets_is_refused(publisher: Publisher, repository: FakeRepository) -> None:
    publisher.publisher_id = "run-2"
    release = repository.add_release(tag=TAG, is_draft=False, body=MARKER.line)
    different, missing, *others = [file.name for file in publisher.files]
    for name in others:
        repository.add_asset(release, name, (publisher.folder / name).read_bytes())
    repository.add_asset(release, different, b"other bytes")
    repository.add_asset(release, "extra\n\x1b[2J", b"")
    problems = problems_of(publisher, repository)
    assert len(problems) == 3
    for name, problem in zip((missing, r"extra\n\x1b[2J", different), problems, strict=True):
        assert name in problem


@pytest.mark.parametrize(
    "body",
    ["notes\n" + MARKER.line, Marker(tag=TAG, commit=OTHER_COMMIT, publisher_id="run-1").line],
    ids=["by hand", "other commit"],
)
def test_foreign_draft_is_refused_and_its_tag_is_kept(
    body: str, publisher: Publisher, repository: FakeRepository
) -> None:
    draft = repository.add_release(tag=TAG, is_draft=True, body=body)
    with pytest.raises(PublishError) as caught:
        publisher.publish()
    assert repository.changes == []
    [problem] = caught.value.problems
    assert str(draft["id"]) in problem.what
    # `invoke discard` would delete the tag too.
    assert problem.hint.endswith(f"gh api --method DELETE repos/{{owner}}/{{repo}}/releases/{draft['id']}")


def test_unexpected_asset_of_own_draft_is_refused(publisher: Publisher, repository: FakeRepository) -> None:
    draft = repository.add_release(tag=TAG, is_draft=True, body=MARKER.line, target=COMMIT)
    repository.add_asset(draft, "extra.zip", b"")
    [problem] = problems_of(publisher, repository)
    assert "extra.zip" in problem


def test_releases_of_other_tags_are_ignored(publisher: Publisher, repository: FakeRepository) -> None:
    for tag in ("tiny-v1.2.2", "other-v1.2.3", "v1.2.3"):
        repository.add_release(tag=tag, is_draft=tag == "v1.2.3")
    publisher.publish()
    assert is_fully_published(repository, TAG)
    assert len(repository.releases) == 4


def test_own_draft_is_resumed(publisher: Publisher, repository: FakeRepository) -> None:
    draft = repository.add_release(tag=TAG, is_draft=True, body=MARKER.line, target=COMMIT)
    names = [file.name for file in publisher.files]
    for name in names[:7]:
        repository.add_asset(draft, name, (publisher.folder / name).read_bytes())
    repository.add_asset(draft, names[7], (publisher.folder / names[7]).read_bytes()[:-1])
    repository.add_asset(draft, names[8], b"half", state="starter")
    publisher.publish()
    assert is_fully_published(repository, TAG)
    assert [line.split()[0] for line in repository.changes] == ["DELETE", "DELETE", "POST", "POST", "POST", "PATCH"]


def test_draft_of_another_publisher_is_deleted_after_publishing(
    publisher: Publisher, repository: FakeRepository
) -> None:
    other = repository.add_release(tag=TAG, is_draft=True, body=MARKER.line, target=COMMIT)
    publisher.publisher_id = "run-2"
    [remark] = publisher.plan().remarks
    assert str(other["id"]) in remark
    publisher.publish()
    assert is_fully_published(repository, TAG)
    assert repository.changes[-2].startswith("PATCH")
    assert repository.changes[-1] == f"DELETE /repos/owner/tiny/releases/{other['id']}"


def test_stale_list_does_not_duplicate_draft(publisher: Publisher, repository: FakeRepository) -> None:
    repository.faults = [Fault(kind="stale", request="GET /repos/owner/tiny/releases\\?", skip=1)]
    publisher.publish()
    assert is_fully_published(repository, TAG)
    assert len([line for line in repository.changes if line == "POST /repos/owner/tiny/releases"]) == 1


def test_own_leftover_draft_is_deleted_after_publishing(publisher: Publisher, repository: FakeRepository) -> None:
    publisher.publish()
    repository.add_release(tag=TAG, is_draft=True, body=MARKER.line, target=COMMIT)
    publisher.publish()
    assert is_fully_published(repository, TAG)


def test_immutable_release_is_found_again(publisher: Publisher, repository: FakeRepository) -> None:
    repository.makes_immutable = True
    first = publisher.publish()
    assert publisher.publish().id == first.id
    assert repository.published[0]["immutable"]
    assert is_fully_published(repository, TAG)


def test_tag_of_deleted_immutable_release_is_not_retried(publisher: Publisher, repository: FakeRepository) -> None:
    repository.unusable_tags = {TAG}
    with pytest.raises(TagNotReusableError) as caught:
        publisher.publish()
    assert caught.value.tag == TAG
    assert len([line for line in repository.changes if line.startswith("PATCH")]) == 1


@pytest.mark.parametrize(
    ("others", "is_latest"),
    [
        ([], True),
        (["tiny-v1.2.2", "tiny-v1.10.0rc1", "other-v9.0.0"], True),
        (["tiny-v1.10.0"], False),
    ],
)
def test_only_highest_stable_release_is_latest(
    others: list[str], is_latest: bool, publisher: Publisher, repository: FakeRepository
) -> None:
    for tag in others:
        repository.add_release(tag=tag, is_draft=False)
    repository.add_release(tag="tiny-v8.0.0", is_draft=True)
    publisher.publish()
    [release] = [release for release in repository.published if release["tag_name"] == TAG]
    assert (repository.make_latest[release["id"]], release["prerelease"]) == ("true" if is_latest else "false", False)


def test_long_notes_are_published_truncated(publisher: Publisher, repository: FakeRepository) -> None:
    publisher.notes = "- a change that takes a line — of its own\n" * 5000
    publisher.publish()
    body = repository.published[0]["body"]
    assert body.startswith(MARKER.line)
    assert BODY_LIMIT_BYTES - 1000 < len(body.encode()) <= BODY_LIMIT_BYTES
    assert is_fully_published(repository, TAG)


def test_plan_lists_every_step_and_changes_nothing(publisher: Publisher, repository: FakeRepository) -> None:
    plan = publisher.plan()
    fields = publisher.local.fields(is_latest=True)
    assert plan.steps == (CreateDraft(fields=fields, commit=COMMIT),)
    *uploads, _, last = plan.later
    assert all(file.name in step for file, step in zip(publisher.files, uploads, strict=True))
    assert repository.changes == []
    assert last == str(PublishDraft(draft=publisher.github.create_draft(fields), fields=fields))
