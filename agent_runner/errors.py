"""The errors that a user can act on, each with its exit code.

They're shown as `error: <message>` and, where there's something to do, `hint: <hint>`. They can be pickled, because
DBOS stores the error of a failed workflow.
"""

from collections.abc import Iterator
from typing import ClassVar, Self

EXIT_SUCCESS = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_LIMIT = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143

# The longest part of a message that comes from elsewhere, in characters.
_MAX_DETAIL = 400


class RunnerError(Exception):
    """The base class: a message, a hint, a machine-readable kind and an exit code."""

    kind: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = EXIT_FAILURE

    def __init__(self, message: str, hint: str | None = None, *, retryable: bool = False) -> None:
        super().__init__(message, hint)
        self.message = message
        self.hint = hint
        self.retryable = retryable

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.hint), {"retryable": self.retryable}

    def __str__(self) -> str:
        return self.message


class UsageError(RunnerError):
    """The command line is invalid."""

    kind = "usage"
    exit_code = EXIT_USAGE


class AgentFileError(RunnerError):
    """The agent file can't be read or is invalid."""

    kind = "agent_file"
    exit_code = EXIT_USAGE


class EnvironmentVariableError(RunnerError):
    """Environment variables are missing or invalid."""

    kind = "environment"
    exit_code = EXIT_USAGE


class ModelError(RunnerError):
    """The model's endpoint failed, or its response is unusable."""

    kind = "model"


class McpServerError(RunnerError):
    """An MCP server failed to start, can't be reached, or exited."""

    kind = "mcp_server"


class OutputError(RunnerError):
    """The answer can't be written to standard output."""

    kind = "output"


class LimitReachedError(RunnerError):
    """The run reached a limit of the agent file."""

    kind = "limit"
    exit_code = EXIT_LIMIT


class TimeLimitReachedError(LimitReachedError):
    """The run reached `--timeout` or `limits.seconds`."""

    kind = "timeout"


class InterruptedRunError(RunnerError):
    """A signal ended the run; the exit code is 128 plus the signal's number, not `exit_code`."""

    kind = "interrupted"


class InternalError(RunnerError):
    """An unexpected exception, which is probably a bug."""

    @classmethod
    def wrap(cls, error: BaseException) -> Self:
        """Return the error to report for an unexpected exception."""
        text = shorten(str(error)) or "no message"
        wrapped = cls(f"{type(error).__name__}: {text}", "run again with -v to see the traceback")
        wrapped.__cause__ = error
        return wrapped


def shorten(text: str) -> str:
    """The text on one line, cut off where it's longer than an error message should be."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_DETAIL else f"{line[:_MAX_DETAIL]}…"


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an exception and everything that led to it, including the members of exception groups."""
    pending = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if current is None or id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        # httpx raises some exceptions `from None`, which keeps the context.
        pending.append(current.__cause__ or current.__context__)
        if isinstance(current, BaseExceptionGroup):
            pending.extend(current.exceptions)
