import pytest

from release_tools.releasing.errors import DiscardDeclinedError, DiscardError, DiscardIncompleteError
from release_tools.releasing.publish.discard import discard
from tests.release_tools.releasing.fake_github import FakeRepository, Fault, fake_gh
from tests.release_tools.releasing.project_clone import ProjectClone
from tests.release_tools.releasing.publishers import Publisher

pytestmark = pytest.mark.programs

TEST_TAG = "tiny-v1.2.3rc1"
STABLE_TAG = "tiny-v1.2.3"


@pytest.fixture
def released(clone: ProjectClone, repository: FakeRepository) -> ProjectClone:
    """A test release with a draft, and a stable release, with their tags in the clone and on GitHub."""
    repository.expected = {}
    for tag in (TEST_TAG, STABLE_TAG):
        clone.git("tag", "--annotate", "--message", "x", tag)
        repository.tags[tag] = clone.commit
        repository.add_release(tag=tag, is_draft=False)
    repository.add_release(tag=TEST_TAG, is_draft=True)
    return clone


def run(
    clone: ProjectClone, repository: FakeRepository, tag: str, answer: str | None = None, *, is_confirmed: bool = False
) -> list[str]:
    """The output and the prompt. `answer` is what the user types, None without a terminal."""
    said: list[str] = []

    def ask(question: str) -> str:
        said.append(question)
        return answer or ""

    github = Publisher(folder=clone.root, start=fake_gh(repository)).github
    user = None if answer is None else ask
    discard(clone.settings, github, tag, said.append, ask=user, is_confirmed=is_confirmed)
    return said


def hint_of(clone: ProjectClone, repository: FakeRepository, tag: str, answer: str | None = None) -> str:
    """The hint of a refusal that changes nothing."""
    before = clone.git("tag", "--list")
    with pytest.raises(DiscardError) as caught:
        run(clone, repository, tag, answer)
    assert (repository.changes, clone.git("tag", "--list")) == ([], before)
    assert caught.value.tag == tag
    [problem] = caught.value.problems
    return problem.hint


def test_confirmation_deletes_release_drafts_and_tags(released: ProjectClone, repository: FakeRepository) -> None:
    *listed, question, _ = run(released, repository, TEST_TAG, f"{TEST_TAG}\n")
    for part, line in zip(("103", "101", f"{TEST_TAG} on GitHub", f"{TEST_TAG} in this clone"), listed, strict=True):
        assert part in line
    assert TEST_TAG in question
    assert [release["tag_name"] for release in repository.releases.values()] == [STABLE_TAG]
    assert list(repository.tags) == [STABLE_TAG]
    assert released.git("tag", "--list") == STABLE_TAG


@pytest.mark.parametrize("answer", ["", "y", "yes", TEST_TAG.upper(), STABLE_TAG])
def test_any_other_answer_changes_nothing(answer: str, released: ProjectClone, repository: FakeRepository) -> None:
    with pytest.raises(DiscardDeclinedError):
        run(released, repository, TEST_TAG, answer)
    assert repository.changes == []


def test_without_terminal_it_is_refused(released: ProjectClone, repository: FakeRepository) -> None:
    assert "--yes-really" in hint_of(released, repository, TEST_TAG)


def test_published_stable_release_is_refused(released: ProjectClone, repository: FakeRepository) -> None:
    assert "--yes-really" in hint_of(released, repository, STABLE_TAG, STABLE_TAG)


def test_immutable_release_is_refused(released: ProjectClone, repository: FakeRepository) -> None:
    repository.releases[101]["immutable"] = True
    assert "--yes-really" in hint_of(released, repository, TEST_TAG, TEST_TAG)


def test_yes_really_deletes_without_a_prompt(released: ProjectClone, repository: FakeRepository) -> None:
    run(released, repository, STABLE_TAG, is_confirmed=True)
    assert list(repository.tags) == [TEST_TAG]


@pytest.mark.parametrize("tag", ["v1.2.3", "main", "tiny-v", "other-v1.2.3", "tiny-v1/../../../x", "", "--all"])
def test_other_tag_is_never_deleted(tag: str, released: ProjectClone, repository: FakeRepository) -> None:
    assert "tiny-v1.2.3" in hint_of(released, repository, tag, tag)
    assert repository.log == []


def test_nothing_to_delete_needs_no_answer(released: ProjectClone, repository: FakeRepository) -> None:
    assert len(run(released, repository, "tiny-v0.0.1", "tiny-v0.0.1")) == 1


RELEASE = "DELETE /repos/owner/tiny/releases/101$"
TAG_REFERENCE = "DELETE /repos/owner/tiny/git/refs/tags/"


@pytest.mark.parametrize("status", [403, 404, 409, 422])
@pytest.mark.parametrize(("request_pattern", "remaining"), [(RELEASE, "release 101"), (TAG_REFERENCE, "on GitHub")])
def test_refused_deletion_is_never_a_success(
    released: ProjectClone, repository: FakeRepository, status: int, request_pattern: str, remaining: str
) -> None:
    repository.faults = [Fault(kind="status", request=request_pattern, status=status, message="Not Found")]
    with pytest.raises(DiscardIncompleteError) as caught:
        run(released, repository, TEST_TAG, is_confirmed=True)
    assert any(remaining in line for line in caught.value.remaining)
    assert [refusal.status for refusal in caught.value.refusals] == [status]
    # A release whose tag is gone would become a draft, and the tag in the clone is the last copy.
    assert TEST_TAG in repository.tags
    assert TEST_TAG in released.git("tag", "--list")
    run(released, repository, TEST_TAG, is_confirmed=True)
    assert list(repository.tags) == [STABLE_TAG]


def test_protected_tag_names_the_ruleset(released: ProjectClone, repository: FakeRepository) -> None:
    repository.undeletable_tags = {TEST_TAG}
    for _ in range(2):
        with pytest.raises(DiscardIncompleteError) as caught:
            run(released, repository, TEST_TAG, is_confirmed=True)
        assert "gh ruleset list" in caught.value.hint
    assert TEST_TAG in repository.tags


def test_hidden_right_is_not_a_success(released: ProjectClone, repository: FakeRepository) -> None:
    repository.token.rights -= {"contents:write"}
    repository.token.hides = True
    with pytest.raises(DiscardIncompleteError) as caught:
        run(released, repository, TEST_TAG, is_confirmed=True)
    assert "`contents: write`" in caught.value.hint


def test_deletion_that_shows_late_is_waited_for(released: ProjectClone, repository: FakeRepository) -> None:
    repository.lag = 3
    run(released, repository, TEST_TAG, is_confirmed=True)
    assert list(repository.tags) == [STABLE_TAG]


@pytest.mark.parametrize("number", range(1, 8))
def test_interrupted_deletion_is_completed(number: int, released: ProjectClone, repository: FakeRepository) -> None:
    repository.faults = [Fault(kind="drop after", request=".", skip=number - 1)]
    run(released, repository, TEST_TAG, is_confirmed=True)
    assert list(repository.tags) == [STABLE_TAG]
    assert len(run(released, repository, TEST_TAG, is_confirmed=True)) == 1
