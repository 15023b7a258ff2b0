"""Records a run's steps, continues from those that are recorded, and retries requests that failed for the moment.

A run is continued from its conversation: pydantic-ai takes up a history that ends in a response, and the tool calls of
that response which have a recorded result aren't made again.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final, override

from pydantic import TypeAdapter
from pydantic_ai import ModelRequestNode
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import (
    FallbackExceptionGroup,
    ModelConnectionError,
    ModelHTTPError,
    ModelRateLimitError,
    ModelRetry,
    ModelServerError,
    ModelTimeoutError,
    ModelUnavailableError,
    RetryModelRequest,
    ToolFailed,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelResponse,
    TextPart,
    ToolCallPart,
    tool_return_content_ta,
)
from pydantic_ai.models import ModelRequestContext
from pydantic_ai.tools import RunContext, ToolDefinition
from pydantic_ai.usage import RunUsage

from agent_runner.errors import causes
from agent_runner.output import pluralize
from agent_runner.stored_runs import Outcome, RunStore, StateError, Step, StepKind, UnstoredRun

_FIRST_DELAY_SECONDS: Final = 1.0
_LONGEST_DELAY_SECONDS: Final = 30.0
_USAGE: Final = TypeAdapter(RunUsage)


class Journal(AbstractCapability[None]):
    """The steps of one run."""

    def __init__(
        self,
        store: RunStore,
        *,
        retries: int,
        warn: Callable[[str], None],
        describe: Callable[[Exception], str],
        scope: str = "",
    ) -> None:
        self._store = store
        self._retries = retries
        self._warn = warn
        self._describe = describe
        self.has_begun = False
        self.has_streamed = False
        self.history: list[ModelMessage] = []
        self.usage = RunUsage()
        self.responses = 0
        # Which call of another agent this is the journal of, as a path of calls; empty for the run's own agent.
        self.scope = scope
        self._tool_results: dict[str, Mapping[str, Any]] = {}  # Any: JSON
        # Those that `usage` includes already.
        self._counted: set[str] = set()
        for step in store.steps():
            self._read(step)
        self._recorded = list(self.history)

    def _read(self, step: Step) -> None:
        is_own = step.value.get("scope", "") == self.scope
        if step.kind == "tool_result":
            if is_own:
                self._tool_results[step.value["id"]] = step.value
            return
        # All agents of a run share it.
        self.usage = _USAGE.validate_python(step.value["usage"])
        if not is_own:
            self._counted.update(self._tool_results)
            return
        kept = step.value["kept"]
        self.history[kept:] = ModelMessagesTypeAdapter.validate_python(step.value["messages"])
        self.responses += 1
        self._tool_results.clear()
        self._counted.clear()

    def begin(self) -> None:
        """Store the run's input."""
        try:
            self._store.begin()
        except StateError as error:
            self._do_without_store(error)
        self.has_begun = True

    def finish(self, outcome: Outcome) -> None:
        """Record how the run ended."""
        try:
            self._store.finish(outcome)
        except StateError as error:
            self._do_without_store(error)

    @property
    def store(self) -> RunStore:
        """Where steps are recorded."""
        return self._store

    @property
    def is_stored(self) -> bool:
        """Whether the run can be continued."""
        return self.has_begun and not isinstance(self._store, UnstoredRun)

    async def _append(self, kind: StepKind, value: dict[str, Any]) -> None:  # Any: JSON
        if self.scope:
            value["scope"] = self.scope
        try:
            await self._store.append(Step(kind=kind, value=value))
        except StateError as error:
            self._do_without_store(error)

    def _do_without_store(self, error: StateError) -> None:
        # A full disk or a read-only home directory is no reason not to run.
        self._warn(f"{error.message}, so it can't be continued if it fails")
        self._store = UnstoredRun()

    def answer_text(self) -> str | None:
        """Return the answer if the last response is one, so only its delivery is missing."""
        last = self.history[-1] if self.history else None
        if not isinstance(last, ModelResponse) or last.tool_calls:
            return None
        return "".join(part.content for part in last.parts if isinstance(part, TextPart)) or None

    @override
    async def before_model_request(
        self, ctx: RunContext[None], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Note that nothing of the response has been shown."""
        self.has_streamed = False
        return request_context

    @override
    async def on_model_request_error(
        self, ctx: RunContext[None], *, request_context: ModelRequestContext, error: Exception
    ) -> ModelResponse:
        """Try again after a delay, unless a part of the response has been shown already."""
        attempt = request_context.attempt
        if self.has_streamed or attempt > self._retries or not is_temporary(error):
            raise error
        wanted = getattr(error, "retry_after", None)
        seconds = min(wanted or _FIRST_DELAY_SECONDS * 2 ** (attempt - 1), _LONGEST_DELAY_SECONDS)
        self._warn(f"{self._describe(error)}; trying again in {pluralize(seconds, 'second')}")
        await asyncio.sleep(seconds)
        raise RetryModelRequest from error

    @override
    async def after_node_run(self, ctx: RunContext[None], *, node: Any, result: Any) -> Any:  # Any: as inherited
        """Record a response, and the messages before it."""
        if (
            not isinstance(node, ModelRequestNode)
            or not ctx.messages
            or not isinstance(ctx.messages[-1], ModelResponse)
        ):
            return result
        messages = list(ctx.messages)
        kept = 0
        while kept < min(len(messages), len(self._recorded)) and messages[kept] is self._recorded[kept]:
            kept += 1
        value = {
            "kept": kept,
            "messages": ModelMessagesTypeAdapter.dump_python(messages[kept:], mode="json"),
            "usage": _USAGE.dump_python(ctx.usage, mode="json"),
        }
        await self._append("response", value)
        self._recorded = messages
        self.responses += 1
        self._tool_results.clear()
        return result

    @override
    async def wrap_tool_execute(
        self, ctx: RunContext[None], *, call: ToolCallPart, tool_def: ToolDefinition, args: Any, handler: Any
    ) -> Any:  # Any: as inherited
        """Return the recorded result of a call, or make the call and record its result."""
        recorded = self._tool_results.get(call.tool_call_id)
        if recorded is not None and recorded["tool"] == call.tool_name:
            # pydantic-ai counts the calls that it makes.
            ctx.usage.tool_calls += recorded["outcome"] == "returned" and call.tool_call_id not in self._counted
            return _recall(recorded)
        result: object = None
        failure: ToolFailed | ModelRetry | None = None
        try:
            result = await handler(args)
        except (ToolFailed, ModelRetry) as error:
            failure = error
        await self._record_result(call, result, failure)
        if failure is not None:
            raise failure
        return result

    async def _record_result(self, call: ToolCallPart, result: object, failure: ToolFailed | ModelRetry | None) -> None:
        value: dict[str, Any] = {"id": call.tool_call_id, "tool": call.tool_name, "arguments": call.args_as_json_str()}
        match failure:
            case None:
                try:
                    value |= {"outcome": "returned", "content": tool_return_content_ta.dump_python(result, mode="json")}
                except ValueError:
                    # The call is made again if the run is continued right after it.
                    return
            case ToolFailed():
                value |= {"outcome": "failed", "content": failure.message}
            case ModelRetry():
                value |= {"outcome": "retry", "content": failure.message}
        await self._append("tool_result", value)


def is_temporary(error: BaseException) -> bool:
    """Return whether the same request may succeed in a moment: it was limited, the server failed, or hung up."""
    if isinstance(error, FallbackExceptionGroup):
        return any(is_temporary(member) for member in error.exceptions)
    match error:
        case ModelTimeoutError():
            return False
        case ModelRateLimitError() | ModelUnavailableError() | ModelServerError():
            return True
        case ModelConnectionError():
            return error.phase == "read" or any(isinstance(cause, ConnectionResetError) for cause in causes(error))
        case ModelHTTPError():
            return error.status_code >= 500  # noqa: PLR2004 - HTTP
    return False


def _recall(recorded: Mapping[str, Any]) -> object:
    match recorded["outcome"]:
        case "failed":
            raise ToolFailed(recorded["content"])
        case "retry":
            raise ModelRetry(recorded["content"])
    return tool_return_content_ta.validate_python(recorded["content"])
