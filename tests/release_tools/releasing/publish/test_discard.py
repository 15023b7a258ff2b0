import pytest

from release_tools.releasing.errors import DiscardDeclinedError, DiscardError
from release_tools.releasing.publish.discard import discard
from tests.release_tools.releasing.clones import Workplace
from tests.release_tools.releasing.github_server import Fault, Repository, stand_in
from tests.release_tools.releasing.publishers import Publisher

pytestmark = pytest.mark.programs

TEST_TAG = "tiny-v1.2.3rc1"
STABLE_TAG = "tiny-v1.2.3"


@pytest.fixture
def released(workplace: Workplace, repository: Repository) -> Workplace:
    """A test release and a stable one, their tags here and on GitHub, and a draft of the first."""
    repository.expected = {}
    for tag in (TEST_TAG, STABLE_TAG):
        workplace.git("tag", "--annotate", "--message", "x", tag)
        repository.tags[tag] = workplace.commit
        repository.add_release(tag=tag, is_draft=False)
    repository.add_release(tag=TEST_TAG, is_draft=True)
    return workplace


def run(
    workplace: Workplace, repository: Repository, tag: str, answer: str | None = None, *, is_sure: bool = False
) -> list[str]:
    """What is said; `answer` is what a person types, None where nobody is there."""
    said: list[str] = []

    def ask(question: str) -> str:
        said.append(question)
        return answer or ""

    github = Publisher(folder=workplace.root, start=stand_in(repository)).github
    person = None if answer is None else ask
    discard(workplace.settings, github, tag, said.append, ask=person, is_sure=is_sure)
    return said


def refusal(workplace: Workplace, repository: Repository, tag: str, answer: str | None = None) -> str:
    before = workplace.git("tag", "--list")
    with pytest.raises(DiscardError) as caught:
        run(workplace, repository, tag, answer)
    assert (repository.changes, workplace.git("tag", "--list")) == ([], before)
    return str(caught.value)


def test_a_test_release_goes_away_with_its_draft_and_its_tags_once_its_name_was_typed(
    released: Workplace, repository: Repository
) -> None:
    said = run(released, repository, TEST_TAG, f"{TEST_TAG}\n")
    assert said == [
        "to take away: the draft 103 with 0 files",
        "to take away: the public release 101 with 0 files",
        f"to take away: the tag {TEST_TAG} on GitHub, at {released.commit}",
        f"to take away: the tag {TEST_TAG} in this clone, at {released.commit}",
        f"Type {TEST_TAG} to take all of this away: ",
        f"nothing is left of {TEST_TAG}",
    ]
    assert [release["tag_name"] for release in repository.releases.values()] == [STABLE_TAG]
    assert list(repository.tags) == [STABLE_TAG]
    assert released.git("tag", "--list") == STABLE_TAG


@pytest.mark.parametrize("answer", ["", "y", "yes", TEST_TAG.upper(), STABLE_TAG])
def test_any_other_answer_changes_nothing(answer: str, released: Workplace, repository: Repository) -> None:
    with pytest.raises(DiscardDeclinedError, match="hint: nothing was changed"):
        run(released, repository, TEST_TAG, answer)
    assert repository.changes == []


def test_where_nobody_can_be_asked_it_is_refused(released: Workplace, repository: Repository) -> None:
    message = refusal(released, repository, TEST_TAG)
    assert "nobody can be asked, since the standard input is no terminal" in message
    assert "--yes-really" in message


def test_a_public_stable_release_is_refused_even_to_a_person(released: Workplace, repository: Repository) -> None:
    message = refusal(released, repository, STABLE_TAG, STABLE_TAG)
    assert "1.2.3 is a stable release that is public: users may depend on it" in message


def test_an_immutable_release_is_refused_since_its_tag_would_be_lost(
    released: Workplace, repository: Repository
) -> None:
    repository.releases[101]["immutable"] = True
    assert "GitHub will never let the name of its tag be used again" in refusal(
        released, repository, TEST_TAG, TEST_TAG
    )


def test_one_who_is_sure_is_not_asked(released: Workplace, repository: Repository) -> None:
    assert run(released, repository, STABLE_TAG, is_sure=True)[-1] == f"nothing is left of {STABLE_TAG}"
    assert list(repository.tags) == [TEST_TAG]


@pytest.mark.parametrize("tag", ["v1.2.3", "main", "tiny-v", "other-v1.2.3", "tiny-v1/../../../x", "", "--all"])
def test_what_is_no_tag_of_this_project_is_never_taken_away(
    tag: str, released: Workplace, repository: Repository
) -> None:
    assert "it is not the tag of a release of this project" in refusal(released, repository, tag, tag)
    assert repository.log == []


def test_when_nothing_is_there_nothing_is_asked(released: Workplace, repository: Repository) -> None:
    assert run(released, repository, "tiny-v0.0.1", "tiny-v0.0.1") == ["there is nothing of tiny-v0.0.1"]


@pytest.mark.parametrize("number", range(1, 8))
def test_after_an_interruption_anywhere_the_rest_is_taken_away(
    number: int, released: Workplace, repository: Repository
) -> None:
    repository.faults = [Fault(kind="drop after", request=".", skip=number - 1)]
    assert run(released, repository, TEST_TAG, is_sure=True)[-1] == f"nothing is left of {TEST_TAG}"
    assert run(released, repository, TEST_TAG, is_sure=True) == [f"there is nothing of {TEST_TAG}"]
