"""Requests to GitHub's REST API through `gh api`, with retries, rate limits, and a limit for waiting in all.

The repository is GH_REPO or the one of the clone's remote. `gh` finds the token (its own login, or GH_TOKEN), which is
never an argument and never printed.
"""

import email.parser
import email.utils
import json
import os
import re
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Literal

from release_tools.errors import CommandFailedError
from release_tools.processes.run import EnvironmentChanges, Finished, changed_environment, observe, started_with_log
from release_tools.releasing.errors import (
    GitHubRefusedError,
    GitHubUnreachableError,
    NotLoggedInError,
    RateLimitError,
    UnclearOutcomeError,
    UnknownRepositoryError,
    WaitBudgetError,
)
from release_tools.releasing.github.refusals import REDIRECTS

Method = Literal["GET", "POST", "PATCH", "DELETE"]

# gh fills in the placeholders.
_REPOSITORY: Final = "repos/{owner}/{repo}"
# https://docs.github.com/en/rest/about-the-rest-api/api-versions
_HEADERS: Final = ("Accept: application/vnd.github+json", "X-GitHub-Api-Version: 2022-11-28")
_GH_ENVIRONMENT: Final[EnvironmentChanges] = {
    "GH_PROMPT_DISABLED": "1",
    "GH_NO_UPDATE_NOTIFIER": "1",
    "NO_COLOR": "1",
    # Debug output includes the headers.
    "GH_DEBUG": None,
    "DEBUG": None,
}
# https://cli.github.com/manual/gh_help_exit-codes
_AUTHENTICATION_REQUIRED: Final = 4

_DOWNLOAD_TIMEOUT_SECONDS: Final = 1800
_FIRST_DELAY_SECONDS: Final = 1.0
MAX_ATTEMPTS: Final = 7
# How long a command may wait for GitHub in all: pauses and failed requests. Below the time limit of the job that
# publishes, so that the command itself reports what it waited for.
WAIT_BUDGET_SECONDS: Final = 900.0
# https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api says a minute where GitHub
# names no time.
_RATE_LIMIT_DELAY_SECONDS: Final = 60.0


@dataclass(frozen=True, kw_only=True)
class Response:
    """GitHub's response to a request. Header names are lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def content(self) -> Any:
        return json.loads(self.text)

    @property
    def message(self) -> str:
        """GitHub's error message on one line, with the fields it complains about."""
        try:
            errors = self.content.get("errors")
            details = [
                str(error.get("message") or f"{error.get('field')} {error.get('code')}")
                for error in (errors if isinstance(errors, list) else [])
                if isinstance(error, dict)
            ]
            return "; ".join([str(self.content["message"]), *details])[:500]
        except (ValueError, KeyError, TypeError, AttributeError):
            return self.text[:200]

    def expect(self, action: str, *statuses: int) -> "Response":
        """Return the response. Raises `GitHubRefusedError` when its status isn't one of these."""
        if self.status not in statuses:
            raise self.refusal(action)
        return self

    def refusal(self, action: str) -> GitHubRefusedError:
        """The error of a refused action."""
        return GitHubRefusedError(action, self.status, self.message, self.headers)

    @property
    def has_next_page(self) -> bool:
        """Whether GitHub links to a next page of a list."""
        # https://docs.github.com/en/rest/using-the-rest-api/using-pagination-in-the-rest-api
        return 'rel="next"' in self.headers.get("link", "")


class Clock:
    """The system clock; tests replace it."""

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def now(self) -> float:
        return time.time()


def fetch_file(
    args: Sequence[str], *, cwd: Path, environment: Mapping[str, str], timeout_seconds: float, file: Path
) -> bool:
    """Write the output of a program to a file; returns whether the program succeeded."""
    with started_with_log(
        args, cwd=cwd, environment=environment, timeout_seconds=timeout_seconds, log=file, in_background=False
    ) as program:
        return program.wait() == 0


class GitHubApi:
    """Sends one request at a time, as GitHub recommends, from the clone at `root`.

    `repository` is its GitHub repository, such as `github.com/owner/name`; without it, gh looks for a remote.
    """

    def __init__(
        self,
        root: Path,
        *,
        repository: str | None = None,
        clock: Clock | None = None,
        start: Callable[..., Finished] = observe,
        fetch: Callable[..., bool] = fetch_file,
        say: Callable[[str], None] = print,
    ) -> None:
        self.clock = clock or Clock()
        self.waited_seconds = 0.0
        self._root = root
        self._repository = os.environ.get("GH_REPO") or repository
        self._start = start
        self._fetch = fetch
        self._say = say

    @property
    def environment(self) -> EnvironmentChanges:
        """What makes `gh` use the repository, without prompts, colors and debug output."""
        return {**_GH_ENVIRONMENT, **self.repository_environment}

    @property
    def repository_environment(self) -> EnvironmentChanges:
        """What makes `gh` use the repository: on its own, it may choose another of several remotes."""
        if self._repository is None:
            return {}
        host = self._host
        return {"GH_REPO": self._repository, **({"GH_HOST": host} if host else {})}

    @property
    def _host(self) -> str:
        """The host in the repository's name; "" for gh's default."""
        *host, _owner, _name = (self._repository or "/").split("/")
        return "".join(host)

    def back_off(self, attempt: int, cause: str) -> None:
        """Wait after a failed attempt: one second, then twice as long each time. Raises `WaitBudgetError`."""
        self.wait(_FIRST_DELAY_SECONDS * 2 ** (attempt - 1), cause)

    def wait(self, seconds: float, cause: str) -> None:
        """Wait, if the budget allows it. Raises `WaitBudgetError`."""
        if seconds > self._remaining_seconds:
            raise WaitBudgetError(WAIT_BUDGET_SECONDS, cause)
        self.waited_seconds += seconds
        self.clock.sleep(seconds)

    @property
    def _remaining_seconds(self) -> float:
        return WAIT_BUDGET_SECONDS - self.waited_seconds

    def send(
        self,
        method: Method,
        endpoint: str,
        *,
        fields: Mapping[str, object] | None = None,
        file: Path | None = None,
        timeout_seconds: float = 120,
    ) -> Response:
        """Send a request, with `fields` as JSON or `file` as its body, and return any response below HTTP 500.

        `endpoint` is relative to the repository, or a whole URL. A request is retried after a connection failure or a
        server error. A POST is retried after a rate limit only: otherwise it may have succeeded, and
        `UnclearOutcomeError` says so. Raises `GitHubUnreachableError`, `RateLimitError`, `NotLoggedInError` or
        `UnknownRepositoryError`.
        """
        if fields is not None:
            with tempfile.TemporaryDirectory() as folder:
                body = Path(folder) / "body.json"
                body.write_text(json.dumps(fields), encoding="utf-8")
                return self.send(method, endpoint, file=body, timeout_seconds=timeout_seconds)
        request = f"{method} {endpoint.partition('://')[2].partition('/')[2] or endpoint}"
        cause = ""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            response = self._timed(method, endpoint, file, timeout_seconds)
            if isinstance(response, Response) and _is_rate_limit(response):
                cause = f"rate limit, HTTP {response.status}"
                self._wait_for_rate_limit(response, attempt)
                continue
            if isinstance(response, Response) and response.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                return self._follow_redirect(response, method, endpoint, file, timeout_seconds)
            cause = response if isinstance(response, str) else f"HTTP {response.status}"
            if method == "POST":
                raise UnclearOutcomeError(request, cause)
            if attempt < MAX_ATTEMPTS:
                self._say(f"GitHub: {request} failed ({cause}); retrying")
                self.back_off(attempt, f"{request}: {cause}")
        raise GitHubUnreachableError(request, cause, MAX_ATTEMPTS)

    def download(self, tag: str, name: str, folder: Path) -> None:
        """Download an asset of a published release into `folder`, and overwrite what's there.

        Raises `GitHubUnreachableError`, `NotLoggedInError` or `UnknownRepositoryError`. The content isn't checked.
        """
        args = ["gh", "release", "download", tag, "--pattern", name, "--dir", str(folder), "--clobber"]
        cause = ""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                environment = changed_environment(self.environment)
                timeout = _DOWNLOAD_TIMEOUT_SECONDS
                finished = self._start(args, cwd=self._root, environment=environment, timeout_seconds=timeout)
                if finished.code == 0:
                    return
                cause = _connection_failure(finished)
            except CommandFailedError:
                cause = f"not finished within {_DOWNLOAD_TIMEOUT_SECONDS} s"
            if attempt < MAX_ATTEMPTS:
                self._say(f"GitHub: the download of {name} failed ({cause}); retrying")
                self.back_off(attempt, cause)
        raise GitHubUnreachableError(f"the download of {name}", cause, MAX_ATTEMPTS)

    def fetch(self, endpoint: str, file: Path, timeout_seconds: float) -> None:
        """Write the bytes that GitHub returns to `file`. Raises `GitHubUnreachableError`."""
        args = ["gh", "api", f"{_REPOSITORY}/{endpoint}", "--header", "Accept: application/octet-stream"]
        environment = changed_environment(self.environment)
        for attempt in range(1, MAX_ATTEMPTS + 1):
            if self._fetch(args, cwd=self._root, environment=environment, timeout_seconds=timeout_seconds, file=file):
                return
            if attempt < MAX_ATTEMPTS:
                self.back_off(attempt, f"download {endpoint}")
        raise GitHubUnreachableError(f"GET {endpoint}", "the download failed", MAX_ATTEMPTS)

    def _timed(self, method: Method, endpoint: str, file: Path | None, timeout_seconds: float) -> Response | str:
        """Send a request within the budget; the time of a failed one counts as waiting."""
        started = self.clock.now()
        response = self._send_once(method, endpoint, file, min(timeout_seconds, max(self._remaining_seconds, 1.0)))
        if isinstance(response, str):
            self.waited_seconds += max(0.0, self.clock.now() - started)
        return response

    def _follow_redirect(
        self, response: Response, method: Method, endpoint: str, file: Path | None, timeout_seconds: float
    ) -> Response:
        """The response, or that of the renamed repository: gh itself doesn't repeat a request with a body there."""
        if response.status not in REDIRECTS or "://" in endpoint:
            return response
        found = self._timed("GET", "", None, timeout_seconds)
        if isinstance(found, str) or found.status != HTTPStatus.OK:
            return response
        name = str(found.content["full_name"])
        self._repository = f"{self._host}/{name}".lstrip("/")
        self._say(f"the repository is now {name}; change the URL of your remote")
        repeated = self._timed(method, endpoint, file, timeout_seconds)
        return response if isinstance(repeated, str) else repeated

    def _send_once(self, method: Method, endpoint: str, file: Path | None, timeout_seconds: float) -> Response | str:
        """The response, or why there is none."""
        url = endpoint if "://" in endpoint else f"{_REPOSITORY}/{endpoint}".rstrip("/")
        args = ["gh", "api", "--include", "--method", method, url]
        for header in _HEADERS:
            args += ["--header", header]
        if file is not None:
            content_type = "application/json" if file.suffix == ".json" else "application/octet-stream"
            args += ["--header", f"Content-Type: {content_type}", "--input", str(file)]
        environment = changed_environment(self.environment)
        try:
            finished = self._start(args, cwd=self._root, environment=environment, timeout_seconds=timeout_seconds)
        except CommandFailedError:
            return f"no response within {timeout_seconds:g} s"
        response = parse_response(finished.stdout)
        if response is None or (response.status < HTTPStatus.MULTIPLE_CHOICES and finished.code != 0):
            return _connection_failure(finished)
        if response.status < HTTPStatus.MULTIPLE_CHOICES and not _is_json(response.text):
            return "the response isn't JSON; a proxy may have sent it"
        return response

    def _wait_for_rate_limit(self, response: Response, attempt: int) -> None:
        seconds = rate_limit_seconds(response.headers, attempt, self.clock.now())
        if seconds > self._remaining_seconds:
            raise RateLimitError(seconds)
        self._say(f"GitHub: rate limit (HTTP {response.status}); waiting {seconds:.0f} s")
        self.wait(seconds, "rate limit")


def parse_response(output: str) -> Response | None:
    """The response that `gh api --include` printed; None when the output is something else."""
    head, _, text = output.partition("\n\n")
    status_line, _, headers = head.partition("\n")
    match = re.match(r"HTTP/\S+ (\d{3})\b", status_line)
    if match is None:
        return None
    parsed = email.parser.HeaderParser().parsestr(headers)
    return Response(status=int(match[1]), headers={name.lower(): str(parsed[name]) for name in parsed}, text=text)


def rate_limit_seconds(headers: Mapping[str, str], attempt: int, now: float) -> float:
    """How long to wait for a rate limit: until the time GitHub names, else a minute, doubled with each attempt."""
    retry_after = headers.get("retry-after", "")
    if retry_after.isdecimal():
        return float(retry_after)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        # By GitHub's clock: this machine's may be hours off.
        return max(1.0, float(reset) - _github_time(headers, now) + 1.0)
    return float(_RATE_LIMIT_DELAY_SECONDS * 2 ** (attempt - 1))


def _github_time(headers: Mapping[str, str], now: float) -> float:
    """The time of a response by GitHub's clock, or `now` where it isn't named."""
    try:
        return email.utils.parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return now


def _is_rate_limit(response: Response) -> bool:
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return response.status == HTTPStatus.FORBIDDEN and (
        "retry-after" in response.headers
        or response.headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in response.message.lower()
    )


def _connection_failure(finished: Finished) -> str:
    lines = finished.stderr.strip().splitlines()
    last = lines[-1] if lines else f"gh exited with code {finished.code}"
    if finished.code == _AUTHENTICATION_REQUIRED or "gh auth login" in finished.stderr:
        raise NotLoggedInError
    if "expand placeholder" in finished.stderr or "git remote" in finished.stderr:
        raise UnknownRepositoryError(last)
    return last[:300]


def _is_json(text: str) -> bool:
    try:
        json.loads(text or "null")
    except ValueError:
        return False
    return True
