"""One request to GitHub by the `gh` program, and what to do when the network or GitHub does not play along.

`gh` finds the repository (the checkout's remote, or GH_REPO) and the token (its own login, or GH_TOKEN); neither is
ever an argument or shown.
"""

import email.parser
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final, Literal

from release_tools.errors import CommandFailedError
from release_tools.processes.run import EnvironmentChanges, Finished, changed_environment, observe
from release_tools.releasing.errors import (
    GitHubRefusedError,
    GitHubUnreachableError,
    NoRepositoryError,
    NotSignedInError,
    RateLimitError,
    UnclearOutcomeError,
)

Method = Literal["GET", "POST", "PATCH", "DELETE"]

# https://docs.github.com/en/rest/about-the-rest-api/api-versions
_HEADERS: Final = ("Accept: application/vnd.github+json", "X-GitHub-Api-Version: 2022-11-28")
_QUIET: Final[EnvironmentChanges] = {
    "GH_PROMPT_DISABLED": "1",
    "GH_NO_UPDATE_NOTIFIER": "1",
    "NO_COLOR": "1",
    # They would show headers.
    "GH_DEBUG": None,
    "DEBUG": None,
}
# gh's own exit code for "not signed in": https://cli.github.com/manual/gh_help_exit-codes
_NOT_SIGNED_IN: Final = 4

FIRST_WAIT_SECONDS: Final = 1.0
MOST_TRIES: Final = 7
# https://docs.github.com/en/rest/using-the-rest-api/best-practices-for-using-the-rest-api says a minute where GitHub
# gives no time. Longer than the other is not waited: a job has a time limit of its own.
RATE_LIMIT_WAIT_SECONDS: Final = 60.0
LONGEST_WAIT_SECONDS: Final = 900.0


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What GitHub answered. The names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def message(self) -> str:
        """GitHub's own words for a refusal, on one line, with the fields that it complains about."""
        try:
            content = json.loads(self.text)
            details = [
                str(error.get("message") or f"{error.get('field')} {error.get('code')}") for error in _list(content)
            ]
            return "; ".join([str(content["message"]), *details])[:500]
        except (ValueError, KeyError, TypeError, AttributeError):
            return self.text[:200]


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """How time passes: the tests bring a clock of their own."""

    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.time


class Requests:
    """Sends requests one after the other, as GitHub asks for, from the checkout at `root`."""

    def __init__(
        self,
        root: Path,
        *,
        waiting: Waiting | None = None,
        start: Callable[..., Finished] = observe,
        say: Callable[[str], None] = print,
    ) -> None:
        self._root = root
        self._start = start
        self._say = say
        self._waiting = waiting or Waiting()

    def pause(self, number: int) -> None:
        """Wait before try `number` + 1: one second, then twice as long each time."""
        self._waiting.sleep(FIRST_WAIT_SECONDS * 2 ** (number - 1))

    def send(self, method: Method, endpoint: str, *, body: Path | None = None, seconds: float = 120) -> Reply:
        """One request, repeated while the network or GitHub is in trouble; a refusal (4xx) is returned as it is.

        A POST is repeated only after a rate limit, which is certain to have changed nothing: after anything else the
        thing may have been made, and `UnclearOutcomeError` says so. Raises `GitHubUnreachableError`, `RateLimitError`,
        `NotSignedInError` or `NoRepositoryError` for what no repetition mends. `body` is a file that is sent; `seconds`
        limit one try.
        """
        trouble = ""
        for number in range(1, MOST_TRIES + 1):
            reply = self._try(method, endpoint, body, seconds)
            if isinstance(reply, Reply) and _is_rate_limit(reply):
                trouble = f"rate limit, HTTP {reply.status}"
                self._wait_for_rate_limit(reply, number)
                continue
            if isinstance(reply, Reply) and reply.status < HTTPStatus.INTERNAL_SERVER_ERROR:
                return reply
            trouble = reply if isinstance(reply, str) else f"HTTP {reply.status}"
            if method == "POST":
                raise UnclearOutcomeError(f"{method} {_shown(endpoint)}", trouble)
            if number < MOST_TRIES:
                self._say(f"GitHub: {method} {_shown(endpoint)}: {trouble}; trying again")
                self.pause(number)
        raise GitHubUnreachableError(f"{method} {_shown(endpoint)}", trouble, MOST_TRIES)

    def _try(self, method: Method, endpoint: str, body: Path | None, seconds: float) -> Reply | str:
        """The reply, or what kept it from coming."""
        args = ["gh", "api", "--include", "--method", method, endpoint]
        for header in _HEADERS:
            args += ["--header", header]
        if body is not None:
            kind = "application/json" if body.suffix == ".json" else "application/octet-stream"
            args += ["--header", f"Content-Type: {kind}", "--input", str(body)]
        try:
            finished = self._start(
                args, cwd=self._root, environment=changed_environment(_QUIET), timeout_seconds=seconds
            )
        except CommandFailedError:
            return f"no answer within {seconds:g} s"
        reply = parse_reply(finished.stdout)
        if reply is None or (reply.status < HTTPStatus.BAD_REQUEST and finished.code != 0):
            return _trouble(finished)
        if reply.status < HTTPStatus.MULTIPLE_CHOICES and not _is_json(reply.text):
            return "an answer that is no JSON, as of a proxy"
        return reply

    def _wait_for_rate_limit(self, reply: Reply, number: int) -> None:
        seconds = rate_limit_seconds(reply.headers, number, self._waiting.now())
        if seconds > LONGEST_WAIT_SECONDS:
            raise RateLimitError(seconds)
        self._say(f"GitHub asks to wait {seconds:.0f} s (HTTP {reply.status})")
        self._waiting.sleep(seconds)


def parse_reply(output: str) -> Reply | None:
    """What `gh api --include` printed; None when it is no answer of a server."""
    head, _, text = output.partition("\n\n")
    status_line, _, headers = head.partition("\n")
    match = re.match(r"HTTP/\S+ (\d{3})\b", status_line)
    if match is None:
        return None
    parsed = email.parser.HeaderParser().parsestr(headers)
    return Reply(status=int(match[1]), headers={name.lower(): str(parsed[name]) for name in parsed}, text=text)


def rate_limit_seconds(headers: Mapping[str, str], number: int, now: float) -> float:
    """How long to wait after a rate limit on try `number`: what GitHub says, else a minute, doubled each time."""
    stated = headers.get("retry-after", "")
    if stated.isdecimal():
        return float(stated)
    reset = headers.get("x-ratelimit-reset", "")
    if headers.get("x-ratelimit-remaining") == "0" and reset.isdecimal():
        # A second more, since the clocks differ.
        return max(1.0, float(reset) - now + 1.0)
    return float(RATE_LIMIT_WAIT_SECONDS * 2 ** (number - 1))


def check(reply: Reply, action: str, expected: Sequence[int]) -> Reply:
    """The reply itself when its status is one of `expected`. Raises `GitHubRefusedError` with GitHub's words."""
    if reply.status not in expected:
        raise GitHubRefusedError(action, reply.status, reply.message)
    return reply


def _is_rate_limit(reply: Reply) -> bool:
    if reply.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return reply.status == HTTPStatus.FORBIDDEN and (
        "retry-after" in reply.headers
        or reply.headers.get("x-ratelimit-remaining") == "0"
        or "rate limit" in reply.message.lower()
    )


def _trouble(finished: Finished) -> str:
    lines = finished.stderr.strip().splitlines()
    last = lines[-1] if lines else f"gh ended with exit code {finished.code}"
    if finished.code == _NOT_SIGNED_IN or "gh auth login" in finished.stderr:
        raise NotSignedInError
    if "expand placeholder" in finished.stderr or "git remote" in finished.stderr:
        raise NoRepositoryError(last)
    return last[:300]


def _is_json(text: str) -> bool:
    try:
        json.loads(text or "null")
    except ValueError:
        return False
    return True


def _list(content: Mapping[str, object]) -> list[Mapping[str, object]]:
    errors = content.get("errors")
    return [error for error in errors if isinstance(error, dict)] if isinstance(errors, list) else []


def _shown(endpoint: str) -> str:
    """The endpoint without the part that is the same for all."""
    path = endpoint.partition("://")[2].partition("/")[2] or endpoint
    return path.removeprefix("repos/{owner}/{repo}/")
