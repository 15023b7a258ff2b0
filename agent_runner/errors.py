"""The failures that a user can act on, each with its exit code.

Every one is shown as `error: <message>` and, where there is a next step, `hint: <hint>`. They hold nothing but
text, so that they can be pickled into a store and raised again elsewhere.
"""

from typing import ClassVar

EXIT_SUCCESS = 0
EXIT_FAILURE = 1
EXIT_USAGE = 2
EXIT_LIMIT = 3
EXIT_INTERRUPTED = 130
EXIT_TERMINATED = 143


class RunnerError(Exception):
    """A failure with a message for people, a machine-readable kind, and an exit code."""

    kind: ClassVar[str] = "internal"
    exit_code: ClassVar[int] = EXIT_FAILURE

    def __init__(self, message: str, hint: str | None = None, *, retryable: bool = False) -> None:
        # All three in `args`: that is what pickle hands back to `__init__`.
        super().__init__(message, hint)
        self.message = message
        self.hint = hint
        self.retryable = retryable

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.hint), {"retryable": self.retryable}

    def __str__(self) -> str:
        return self.message


class UsageError(RunnerError):
    """The command line asks for something that cannot be done."""

    kind = "usage"
    exit_code = EXIT_USAGE


class AgentFileError(RunnerError):
    """The agent file cannot be read, or says something that is not allowed."""

    kind = "agent_file"
    exit_code = EXIT_USAGE


class EnvironmentVariableError(RunnerError):
    """Environment variables that the run needs are missing or unusable."""

    kind = "environment"
    exit_code = EXIT_USAGE


class ModelError(RunnerError):
    """The model's endpoint failed, or what it answered cannot be used."""

    kind = "model"


class McpServerError(RunnerError):
    """An MCP server could not be started or reached, or it went away."""

    kind = "mcp_server"


class OutputError(RunnerError):
    """The answer could not be written to standard output."""

    kind = "output"


class LimitReachedError(RunnerError):
    """A limit of the agent file was reached."""

    kind = "limit"
    exit_code = EXIT_LIMIT


class TimeLimitReachedError(LimitReachedError):
    """The run took longer than `--timeout` or `limits.seconds` allows."""

    kind = "timeout"


class InterruptedRunError(RunnerError):
    """A signal ended the run; the exit code is 128 plus the signal's number, not `exit_code`."""

    kind = "interrupted"


class InternalError(RunnerError):
    """A failure that this program did not foresee."""
