import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from release_tools.errors import CommandFailedError
from release_tools.processes.run import Finished, observe
from release_tools.releasing.errors import (
    GitHubRefusedError,
    GitHubUnreachableError,
    NoRepositoryError,
    NotSignedInError,
    RateLimitError,
    UnclearOutcomeError,
)
from release_tools.releasing.github.requests import (
    MOST_TRIES,
    Requests,
    Waiting,
    check,
    parse_reply,
    rate_limit_seconds,
)
from tests.release_tools.releasing.conftest import needs_gh
from tests.release_tools.releasing.github_server import TOKEN, Fault, Repository, stand_in
from tests.release_tools.releasing.publishers import Clock, Publisher
from tests.release_tools.releasing.subjects import TAG

LIST = "repos/{owner}/{repo}/releases?per_page=100&page=1"


def requests(start: object, clock: Clock) -> Requests:
    waiting = Waiting(sleep=clock.sleep, now=clock.now)
    return Requests(Path.cwd(), waiting=waiting, start=start, say=lambda _: None)  # type: ignore[arg-type]  # any start


def test_waits_become_longer_and_the_tries_have_an_end(repository: Repository) -> None:
    repository.faults = [Fault(kind="status", request=".", times=100, status=503)]
    clock = Clock()
    with pytest.raises(GitHubUnreachableError, match=r"GET releases.* failed 7 times, at last with: HTTP 503"):
        requests(stand_in(repository), clock).send("GET", LIST)
    assert clock.waits == [1, 2, 4, 8, 16, 32]
    assert len(repository.log) == MOST_TRIES


def test_what_may_be_done_twice_is_tried_again(repository: Repository) -> None:
    release = repository.add_release(tag=TAG, is_draft=True)
    repository.faults = [Fault(kind="drop after", request=".")]
    reply = requests(stand_in(repository), Clock()).send("DELETE", f"repos/{{owner}}/{{repo}}/releases/{release['id']}")
    assert (reply.status, len(repository.log)) == (404, 2)


def test_what_must_not_be_done_twice_is_told_as_unclear(repository: Repository) -> None:
    repository.faults = [Fault(kind="drop before", request=".")]
    with pytest.raises(UnclearOutcomeError, match=r"whether POST releases was done is not known: .*EOF"):
        requests(stand_in(repository), Clock()).send("POST", "repos/{owner}/{repo}/releases")
    assert len(repository.log) == 1


@pytest.mark.parametrize(
    ("headers", "number", "seconds"),
    [
        ({"retry-after": "37"}, 1, 37),
        ({"retry-after": "37", "x-ratelimit-remaining": "0", "x-ratelimit-reset": "2000"}, 3, 37),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "1100"}, 1, 101),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "900"}, 1, 1),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon"}, 1, 60),
        ({"retry-after": "-5"}, 1, 60),
        ({}, 1, 60),
        ({}, 3, 240),
    ],
)
def test_a_rate_limit_is_waited_for_as_github_says(headers: dict[str, str], number: int, seconds: float) -> None:
    assert rate_limit_seconds(headers, number, now=1000.0) == seconds


def test_a_rate_limit_that_is_too_long_is_told_with_its_minutes(repository: Repository) -> None:
    repository.faults = [Fault(kind="status", request=".", status=429, headers={"Retry-After": "3000"})]
    clock = Clock()
    with pytest.raises(RateLimitError, match="GitHub takes no more requests for 50 minutes"):
        requests(stand_in(repository), clock).send("GET", LIST)
    assert clock.waits == []


def test_a_403_that_is_no_rate_limit_is_not_tried_again(repository: Repository) -> None:
    repository.faults = [Fault(kind="status", request=".", status=403, message="Resource not accessible")]
    reply = requests(stand_in(repository), Clock()).send("GET", LIST)
    with pytest.raises(GitHubRefusedError, match=r"HTTP 403: 'Resource not accessible'\nhint: .*contents: write"):
        check(reply, "list", [200])
    assert len(repository.log) == 1


def test_a_gh_that_does_not_end_is_trouble_like_any_other() -> None:
    def start(args: Sequence[str], **_options: object) -> Finished:
        raise CommandFailedError(args, "was still running")

    with pytest.raises(GitHubUnreachableError, match="no answer within 5 s"):
        requests(start, Clock()).send("GET", LIST, seconds=5)


@pytest.mark.parametrize("output", ["", "HTTP", "HTTP/2.0 OK\n\n", "gh: something\n\n{}", "HTTP/2.0 99999 x\n\n"])
def test_what_is_no_answer_of_a_server_is_not_read_as_one(output: str) -> None:
    assert parse_reply(output) is None


def test_the_words_of_a_refusal_name_the_field_that_it_is_about() -> None:
    errors = [{"field": "tag_name", "code": "already_exists"}, {"message": "body is too long"}, "odd"]
    reply = parse_reply(f"HTTP/1.1 422 x\nA: b\n\n{json.dumps({'message': 'Validation Failed', 'errors': errors})}")
    assert reply is not None
    assert reply.message == "Validation Failed; tag_name already_exists; body is too long"


@pytest.mark.programs
@needs_gh
def test_gh_without_a_token_says_how_to_sign_in(gh: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GH_TOKEN")
    with pytest.raises(NotSignedInError, match="hint: run `gh auth login`"):
        requests(observe, Clock()).send("GET", LIST)
    assert gh.log == []


@pytest.mark.programs
@needs_gh
def test_gh_outside_a_clone_says_that_it_does_not_know_the_repository(
    gh: Repository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GH_REPO")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(NoRepositoryError, match="hint: run it in a clone whose remote is on GitHub, or set GH_REPO"):
        Requests(tmp_path).send("GET", LIST)
    assert gh.log == []


@pytest.mark.programs
@needs_gh
@pytest.mark.usefixtures("gh")
def test_a_wrong_token_is_told_and_no_token_is_ever_an_argument_or_said(
    dist: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GH_DEBUG", "api")
    seen: list[str] = []

    def start(args: Sequence[str], **options: object) -> Finished:
        finished = observe(args, **options)  # type: ignore[arg-type]  # handed through
        seen.extend([*args, finished.output])
        return finished

    publisher = Publisher(folder=dist, start=start)
    publisher.plan()
    assert TOKEN not in "\n".join([*seen, *publisher.said])
    monkeypatch.setenv("GH_TOKEN", "another-token")
    with pytest.raises(GitHubRefusedError, match="HTTP 401: 'Bad credentials'") as caught:
        publisher.plan()
    assert "another-token" not in "\n".join([*seen, *publisher.said, str(caught.value)])


@pytest.mark.programs
@needs_gh
def test_the_stand_in_answers_as_gh_does(dist: Path, gh: Repository) -> None:
    """What the other tests rest on: the same requests, faults among them, look the same through both."""
    file = next(dist.iterdir())
    faults = ["drop before", "not json", "status"]
    wanted = [
        ("GET", LIST, None),
        ("GET", "repos/{owner}/{repo}/commits/tags/none", None),
        ("GET", f"repos/{{owner}}/{{repo}}/commits/tags/{TAG}", None),
        ("POST", "https://uploads.github.com/repos/owner/tiny/releases/1/assets?name=x", file),
        ("DELETE", "repos/{owner}/{repo}/releases/1", None),
        *[("GET", LIST, None)] * len(faults),
    ]
    answers = []
    for start in (observe, stand_in(gh)):
        gh.faults = [Fault(kind=kind, request=".", skip=5 + place) for place, kind in enumerate(faults)]  # type: ignore[arg-type]  # kinds
        answers.append([outcome(start, method, endpoint, body) for method, endpoint, body in wanted])
    assert answers[0] == answers[1]
    assert len(gh.log) == 2 * len(wanted)


def outcome(start: object, method: str, endpoint: str, body: Path | None) -> object:
    """What one try came to, without what differs between two servers."""
    reply = requests(start, Clock())._try(method, endpoint, body, 60)  # type: ignore[arg-type]  # one of them
    return (reply.status, reply.text) if not isinstance(reply, str) else reply.rpartition(": ")[2]
