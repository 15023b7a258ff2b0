"""What a stored run consists of, wherever it's stored: its input, its finished steps and its outcome.

A step is a model's response or the result of a tool call. Steps describe the conversation, not a position in the
program's code, so a later version can continue a run that an earlier one began. `STEP_FORMAT` changes only if it can't.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, Protocol, Self

from agent_runner import program_version
from agent_runner.errors import RunnerError, UsageError
from agent_runner.output import without_secrets

STEP_FORMAT: Final = 1
RESUME_COMMAND: Final = "agent-runner resume"

type Json = Mapping[str, Any]  # Any: JSON
type StepKind = Literal["response", "tool_result"]
type RunStatus = Literal["queued", "running", "interrupted", "completed", "failed", "cancelled"]


class IncompatibleRunError(UsageError):
    """A run was begun by a version whose steps this version can't read."""

    kind = "incompatible"


class UnknownRunError(UsageError):
    """There's no run with this ID."""

    kind = "unknown_run"


class StateError(RunnerError):
    """Runs can't be stored on this machine."""

    kind = "state"


@dataclass(frozen=True, kw_only=True)
class RunInput:
    """What a run needs to be begun again: the agent file as it was, the model, the prompt, files and variables."""

    agent_path: str
    agent_text: str
    model_names: tuple[str, ...]
    prompt: str
    directory: str
    variables: Mapping[str, str] = field(default_factory=dict)
    attachments: Sequence[Json] = ()
    # The files of the agents that the agent file names, by the path of names that leads to each.
    agent_texts: Mapping[str, str] = field(default_factory=dict)
    format: int = STEP_FORMAT
    program_version: str = ""

    def as_json(self) -> dict[str, Any]:  # Any: JSON
        """Return the input as it's stored, with the version of this program."""
        return {**asdict(self), "program_version": self.program_version or program_version()}

    @classmethod
    def from_json(cls, run_id: str, stored: Json) -> Self:
        """Return a stored input.

        Raises:
            IncompatibleRunError: if another version stored it and this one can't read it.
        """
        if stored.get("format") != STEP_FORMAT:
            version = stored.get("program_version", "another version")
            raise IncompatibleRunError(
                f"run {run_id} was begun by agent-runner {version}, whose steps have format {stored.get('format')}; "
                f"agent-runner {program_version()} reads format {STEP_FORMAT}",
                f"finish it with agent-runner {version}, or begin it again",
            )
        # A later version with the same format may store more than this one knows.
        known = {name: stored[name] for name in cls.__dataclass_fields__ if name in stored}
        return cls(**{**known, "model_names": tuple(known["model_names"])})


@dataclass(frozen=True, kw_only=True)
class Step:
    """A finished step."""

    kind: StepKind
    value: Json

    @property
    def agent(self) -> str:
        """The path of names that leads to the agent whose step it is; empty for the run's own agent."""
        return agent_of_scope(str(self.value.get("scope", "")))


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended."""

    status: Literal["completed", "failed"]
    output: object = None
    error: Json | None = None

    @classmethod
    def of_error(cls, error: RunnerError) -> Self:
        """Return the outcome of a run that this error ended."""
        described = {
            "kind": error.kind,
            "message": without_secrets(error.message),
            "hint": error.hint and without_secrets(error.hint),
            "retryable": error.retryable,
        }
        return cls(status="failed", error=described)

    def as_text(self) -> str:
        """Return the outcome as it's stored."""
        return json.dumps(asdict(self), ensure_ascii=False, default=str)


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What `runs` shows of a run."""

    run_id: str
    status: RunStatus
    created_at: str
    agent: str
    model: str
    prompt: str
    version: str
    steps: Sequence[Step] = ()
    step_count: int = 0
    worker: str | None = None
    output: object = None
    error: Json | None = None

    def as_json(self, *, with_steps: bool) -> dict[str, Any]:  # Any: JSON
        """Return the object of `runs --json`."""
        described = {**asdict(self), "steps": [asdict(step) for step in self.steps] if with_steps else self.step_count}
        del described["step_count"]
        return described


class RunStore(Protocol):
    """Where one run's steps are recorded."""

    def begin(self) -> None:
        """Store the input, unless it's stored already. Called when nothing can be wrong with it any more."""

    def steps(self) -> list[Step]:
        """Return the steps that are finished already, in order."""

    async def append(self, step: Step) -> None:
        """Record a finished step."""

    def finish(self, outcome: Outcome) -> None:
        """Record how the run ended."""


class UnstoredRun:
    """The store of an `--ephemeral` run, which keeps nothing."""

    def begin(self) -> None:
        """Do nothing."""

    def steps(self) -> list[Step]:
        """Return no steps."""
        return []

    async def append(self, step: Step) -> None:
        """Do nothing."""

    def finish(self, outcome: Outcome) -> None:
        """Do nothing."""


def agent_of_scope(scope: str) -> str:
    """Return the path of names in a path of calls."""
    return "/".join(call.partition(":")[0] for call in scope.split("/"))


def new_run_id() -> str:
    """Return a new run ID: 12 hexadecimal digits."""
    return uuid.uuid4().hex[:12]
