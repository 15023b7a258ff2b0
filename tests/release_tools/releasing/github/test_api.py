import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import yaml

from release_tools.errors import CommandFailedError
from release_tools.processes.run import Finished, observe
from release_tools.releasing.errors import (
    GitHubRefusedError,
    GitHubUnreachableError,
    NotLoggedInError,
    RateLimitError,
    UnclearOutcomeError,
    UnknownRepositoryError,
    WaitBudgetError,
)
from release_tools.releasing.github.api import (
    MAX_ATTEMPTS,
    WAIT_BUDGET_SECONDS,
    GitHubApi,
    Method,
    parse_response,
    rate_limit_seconds,
)
from tests.release_tools.releasing.fake_github import TOKEN, FakeRepository, Fault, FaultKind, fake_gh
from tests.release_tools.releasing.publishers import FakeClock, Publisher, is_fully_published
from tests.release_tools.releasing.sample_release import TAG

LIST = "releases?per_page=100&page=1"


def api_of(start: Callable[..., Finished], clock: FakeClock | None = None) -> GitHubApi:
    return GitHubApi(Path.cwd(), clock=clock or FakeClock(), start=start, say=lambda _: None)


def test_delays_between_attempts_double(repository: FakeRepository) -> None:
    repository.faults = [Fault(kind="status", request=".", times=100, status=503)]
    clock = FakeClock()
    with pytest.raises(GitHubUnreachableError) as caught:
        api_of(fake_gh(repository), clock).send("GET", LIST)
    assert (caught.value.request, caught.value.attempts) == (f"GET {LIST}", MAX_ATTEMPTS)
    assert clock.delays == [1, 2, 4, 8, 16, 32]
    assert len(repository.log) == MAX_ATTEMPTS


def test_idempotent_request_is_retried(repository: FakeRepository) -> None:
    release = repository.add_release(tag=TAG, is_draft=True)
    repository.faults = [Fault(kind="drop after", request=".")]
    response = api_of(fake_gh(repository)).send("DELETE", f"releases/{release['id']}")
    assert (response.status, len(repository.log)) == (404, 2)


def test_post_is_not_retried(repository: FakeRepository) -> None:
    repository.faults = [Fault(kind="drop before", request=".")]
    with pytest.raises(UnclearOutcomeError) as caught:
        api_of(fake_gh(repository)).send("POST", "releases")
    assert caught.value.request == "POST releases"
    assert len(repository.log) == 1


@pytest.mark.parametrize(
    ("headers", "attempt", "seconds"),
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
def test_rate_limit_delay_follows_headers(headers: dict[str, str], attempt: int, seconds: float) -> None:
    assert rate_limit_seconds(headers, attempt, now=1000.0) == seconds


def test_long_rate_limit_is_an_error(repository: FakeRepository) -> None:
    repository.faults = [Fault(kind="status", request=".", status=429, headers={"Retry-After": "3000"})]
    clock = FakeClock()
    with pytest.raises(RateLimitError) as caught:
        api_of(fake_gh(repository), clock).send("GET", LIST)
    assert caught.value.minutes == 50
    assert clock.delays == []


def test_rate_limit_is_waited_for_by_githubs_clock(repository: FakeRepository) -> None:
    # This machine's clock is an hour fast, so the limit seems to be reset already.
    headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "996460", "Date": "Mon, 12 Jan 1970 12:46:40 GMT"}
    repository.faults = [Fault(kind="status", request=".", status=403, headers=headers)]
    clock = FakeClock()
    api_of(fake_gh(repository), clock).send("GET", LIST)
    assert clock.delays == [61]


def test_waiting_ends_with_the_budget(repository: FakeRepository) -> None:
    repository.faults = [Fault(kind="hang", request=".", times=100)]
    clock = FakeClock()
    api = api_of(fake_gh(repository, clock.sleep), clock)
    with pytest.raises(WaitBudgetError):
        api.send("GET", LIST, timeout_seconds=600)
    assert WAIT_BUDGET_SECONDS - 1 <= sum(clock.delays) <= WAIT_BUDGET_SECONDS
    repository.faults = [Fault(kind="status", request=".", status=429, headers={"Retry-After": "60"})]
    with pytest.raises(RateLimitError):
        api.send("GET", LIST)


def test_budget_ends_before_the_job_does() -> None:
    (path,) = (Path(__file__).parents[4] / ".github" / "workflows").glob("build-*-binaries.yml")
    job = yaml.safe_load(path.read_text(encoding="utf-8"))["jobs"]["create-release"]
    # Half of the time remains for uploads and for installing the tools.
    assert job["timeout-minutes"] * 60 >= 2 * WAIT_BUDGET_SECONDS


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_renamed_repository_is_followed(repository: FakeRepository, method: Method) -> None:
    repository.former_names = {"owner/tiny"}
    repository.name = "owner/renamed"
    said: list[str] = []
    api = GitHubApi(Path.cwd(), clock=FakeClock(), start=fake_gh(repository), say=said.append)
    fields = {"tag_name": TAG, "draft": True} if method == "POST" else None
    endpoint = {"GET": LIST, "POST": "releases", "DELETE": f"git/refs/tags/{TAG}"}[method]
    assert api.send(method, endpoint, fields=fields).status == {"GET": 200, "POST": 201, "DELETE": 204}[method]
    assert len(repository.drafts) == (method == "POST")
    assert any("owner/renamed" in line for line in said) is (method == "POST")


def test_renamed_repository_is_followed_by_gh(gh: FakeRepository, dist: Path) -> None:
    gh.former_names = {"owner/tiny"}
    gh.name = "owner/renamed"
    Publisher(folder=dist).publish()
    assert is_fully_published(gh, TAG)


def test_repository_of_the_remote_is_used_by_gh(
    gh: FakeRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GH_REPO")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    GitHubApi(tmp_path, repository="github.com/owner/tiny").send("GET", LIST)
    assert gh.log == [f"GET /repos/owner/tiny/{LIST}"]


def test_403_without_rate_limit_is_not_retried(repository: FakeRepository) -> None:
    repository.faults = [Fault(kind="status", request=".", status=403, message="Resource not accessible")]
    response = api_of(fake_gh(repository)).send("GET", LIST)
    with pytest.raises(GitHubRefusedError) as caught:
        response.expect("list", 200)
    assert (caught.value.status, caught.value.message) == (403, "Resource not accessible")
    assert len(repository.log) == 1


def test_gh_timeout_is_retried() -> None:
    count = 0

    def start(args: Sequence[str], **_options: object) -> Finished:
        nonlocal count
        count += 1
        raise CommandFailedError(args, "timed out")

    with pytest.raises(GitHubUnreachableError):
        api_of(start).send("GET", LIST, timeout_seconds=5)
    assert count == MAX_ATTEMPTS


@pytest.mark.parametrize("output", ["", "HTTP", "HTTP/2.0 OK\n\n", "gh: something\n\n{}", "HTTP/2.0 99999 x\n\n"])
def test_other_output_is_not_a_response(output: str) -> None:
    assert parse_response(output) is None


def test_message_names_the_refused_fields() -> None:
    errors = [{"field": "tag_name", "code": "already_exists"}, {"message": "body is too long"}, "odd"]
    response = parse_response(
        f"HTTP/1.1 422 x\nA: b\n\n{json.dumps({'message': 'Validation Failed', 'errors': errors})}"
    )
    assert response is not None
    assert response.message == "Validation Failed; tag_name already_exists; body is too long"


def test_gh_without_token_is_not_logged_in(gh: FakeRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GH_TOKEN")
    with pytest.raises(NotLoggedInError):
        api_of(observe).send("GET", LIST)
    assert gh.log == []


def test_gh_outside_a_clone_has_no_repository(
    gh: FakeRepository, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("GH_REPO")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UnknownRepositoryError):
        GitHubApi(tmp_path).send("GET", LIST)
    assert gh.log == []


@pytest.mark.usefixtures("gh")
def test_token_is_never_an_argument_or_printed(dist: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
    with pytest.raises(GitHubRefusedError) as caught:
        publisher.plan()
    assert caught.value.status == 401
    assert "another-token" not in "\n".join([*seen, *publisher.said, str(caught.value)])


def test_fake_gh_answers_like_gh(dist: Path, gh: FakeRepository) -> None:
    """Justifies the tests with `fake_gh`: the same requests and faults give the same outcomes."""
    faults: list[FaultKind] = ["drop before", "not json", "status"]
    requests: list[tuple[Method, str, Path | None]] = [
        ("GET", LIST, None),
        ("GET", "commits/tags/none", None),
        ("GET", f"commits/tags/{TAG}", None),
        ("POST", "https://uploads.github.com/repos/owner/tiny/releases/1/assets?name=x", next(dist.iterdir())),
        ("DELETE", "releases/1", None),
        *(("GET", LIST, None) for _ in faults),
    ]
    outcomes = []
    for start in (observe, fake_gh(gh)):
        gh.faults = [Fault(kind=kind, request=".", skip=5 + place) for place, kind in enumerate(faults)]
        outcomes.append([outcome(start, *request) for request in requests])
    assert outcomes[0] == outcomes[1]
    assert len(gh.log) == 2 * len(requests)


def outcome(start: Callable[..., Finished], method: Method, endpoint: str, file: Path | None) -> object:
    """The outcome of one attempt, without what differs between two servers."""
    response = api_of(start)._send_once(method, endpoint, file, 60)
    return (response.status, response.text) if not isinstance(response, str) else response.rpartition(": ")[2]
