"""Running an agent: from a checked agent file to an answer, streaming on the way."""

import asyncio
import json
import os
import uuid
from collections.abc import AsyncIterable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from agent_runner.agent_file import AgentFile, Limits, did_you_mean
from agent_runner.environment import missing_server_variables, require_no_missing
from agent_runner.errors import AgentFileError, LimitReachedError, RunnerError, TimeLimitReachedError, UsageError
from agent_runner.garbage_collection import resume_collection
from agent_runner.mcp_servers import McpServer, build_servers
from agent_runner.output import Reporter, RunRecord, pluralize
from agent_runner.output_schema import Schema, check_schema, find_violation
from agent_runner.processes import ChildTrackingLoop
from agent_runner.providers import PROVIDERS, build_model, missing_model_variables, model_base_url
from agent_runner.third_party import import_pydantic_ai
from agent_runner.tools import BuiltInTools

if TYPE_CHECKING:
    from pydantic_ai import Agent
    from pydantic_ai.messages import AgentStreamEvent
    from pydantic_ai.models import Model
    from pydantic_ai.usage import UsageLimits


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """All that a run needs to know."""

    agent_file: AgentFile
    model_name: str
    prompt: str
    time_limit_seconds: float | None
    time_limit_name: str


def choose_model(agent_file: AgentFile, model_name: str | None) -> str:
    """Return the model to use, and check everything that can be checked before anything is started.

    Raises:
        AgentFileError: if neither the file nor the command line names a model.
        UsageError: if the model's provider is not known.
        EnvironmentVariableError: naming all missing variables at once.
    """
    chosen = agent_file.settings.model if model_name is None else model_name
    if chosen is None:
        raise AgentFileError(f"{agent_file.path}: no model", "add 'model: PROVIDER:NAME' to it, or use -m")
    try:
        missing = missing_model_variables(chosen, os.environ)
    except UsageError as error:
        if model_name is not None:
            raise
        raise AgentFileError(f"{agent_file.path}: {error.message}", error.hint) from error
    require_no_missing([*missing_server_variables(agent_file.settings, os.environ), *missing])
    model_base_url(chosen, os.environ)
    return chosen


def build_agent(
    agent_file: AgentFile, model: "Model", servers: list[McpServer], tools: BuiltInTools
) -> "Agent[Any, Any]":  # Any: the answer is text or what the schema says
    """Build the agent of a file.

    Raises:
        AgentFileError: if pydantic-ai refuses the file's settings, such as a schema that is none.
    """
    from pydantic_ai import Agent
    from pydantic_ai.exceptions import UserError

    settings = agent_file.settings
    schema = settings.output_schema
    spec = settings.model_dump(
        include={"model_settings", "output_schema", "tool_timeout", "capabilities"}, exclude_defaults=True
    )
    try:
        _check_model_settings(settings.model_settings)
        if schema is not None:
            check_schema(schema)
        agent: Agent[Any, Any] = Agent.from_spec(
            spec,
            model=model,
            name=agent_file.agent_name,
            # Not in the spec: there they would be templates, and `{{…}}` would not be literal.
            instructions=settings.instructions,
            description=settings.description,
            retries={"tools": settings.retries.tools, "output": settings.retries.output},
            toolsets=[tools.toolset(settings.tools), *(server.toolset for server in servers)],
        )
    except (AgentFileError, UserError, ValueError, TypeError, ImportError) as error:
        raise AgentFileError(f"{agent_file.path}: {' '.join(str(error).split())}") from error
    except RecursionError as error:
        # YAML lets an alias stand inside of what it names.
        raise AgentFileError(f"{agent_file.path}: something in it contains itself, or is nested too deep") from error
    if schema is not None:
        agent.output_validator(partial(_require_valid_answer, schema))
    return agent


def _check_model_settings(model_settings: dict[str, object]) -> None:
    from pydantic_ai.settings import ModelSettings

    # pydantic-ai ignores what it does not know. What only one provider knows carries that provider's name.
    known = ModelSettings.__annotations__
    own_prefixes = tuple(f"{row.prefix}_" for row in PROVIDERS)
    for key in model_settings:
        if key not in known and not key.startswith(own_prefixes):
            raise AgentFileError(f"unknown key {key!r} in model_settings{did_you_mean(key, known)}")


def _require_valid_answer(schema: Schema, answer: object) -> object:
    from pydantic_ai.exceptions import ModelRetry

    if mismatch := find_violation(schema, answer):
        raise ModelRetry(f"The answer does not fit its schema. {mismatch}")
    return answer


def run_agent(request: RunRequest, reporter: Reporter, loop: ChildTrackingLoop) -> object:
    """Run the agent and return its answer: text, or the object that `output_schema` asks for.

    Raises:
        RunnerError: whatever went wrong, explained.
    """
    import_pydantic_ai()
    from pydantic_ai.usage import RunUsage

    from agent_runner.library_errors import translate_error

    model = build_model(request.model_name, os.environ)
    record = RunRecord(run_id=uuid.uuid4().hex[:12], usage=RunUsage())
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            return runner.run(_run_within_time_limit(request, model, reporter, record))
        except RunnerError:
            raise
        except Exception as error:
            limits = request.agent_file.settings.limits
            raise translate_error(
                error, model_name=request.model_name, base_url=model.base_url, limits=limits
            ) from error


async def _run_within_time_limit(request: RunRequest, model: "Model", reporter: Reporter, record: RunRecord) -> object:
    timer = asyncio.timeout(request.time_limit_seconds)
    try:
        async with timer:
            return await _run(request, model, reporter, record, timer)
    except Exception as error:
        if timer.expired():
            message = (
                f"stopped after {pluralize(request.time_limit_seconds or 0, 'second')} ({request.time_limit_name})"
            )
            raise TimeLimitReachedError(message, f"raise {request.time_limit_name}") from error
        raise


async def _run(
    request: RunRequest, model: "Model", reporter: Reporter, record: RunRecord, timer: asyncio.Timeout
) -> object:
    settings = request.agent_file.settings
    tools = BuiltInTools()
    async with AsyncExitStack() as stack:
        stack.callback(tools.kill_background_processes)
        servers = build_servers(request.agent_file, os.environ, show_stderr=reporter.is_verbose)
        agent = build_agent(request.agent_file, model, servers, tools)
        reporter.record = record
        reporter.note(f"run {record.run_id}: {request.agent_file.agent_name} on {request.model_name}")
        for server in servers:
            await server.start(stack)
        is_text = settings.output_schema is None
        resume_collection()
        result = await agent.run(
            request.prompt,
            usage=record.usage,
            usage_limits=_usage_limits(settings.limits),
            event_stream_handler=lambda _, events: _show_events(events, reporter, is_text=is_text),
        )
        # The answer is there: a server that is slow to end shall not spoil it.
        timer.reschedule(None)
    if result.response.finish_reason == "length":
        message = "the answer is cut off: the model reached the most tokens it may use for one"
        raise LimitReachedError(message, "raise model_settings.max_tokens in the agent file")
    if not is_text:
        reporter.answer(json.dumps(result.output, ensure_ascii=False, indent=2))
    return result.output


def _usage_limits(limits: Limits) -> "UsageLimits":
    from pydantic_ai.usage import UsageLimits

    return UsageLimits(
        request_limit=limits.requests,
        tool_calls_limit=limits.tool_calls,
        total_tokens_limit=limits.tokens,
        cost_limit=None if limits.cost_usd is None else Decimal(str(limits.cost_usd)),
    )


async def _show_events(events: "AsyncIterable[AgentStreamEvent]", reporter: Reporter, *, is_text: bool) -> None:
    async for event in events:
        _show_event(event, reporter, is_text=is_text)


def _show_event(event: "AgentStreamEvent", reporter: Reporter, *, is_text: bool) -> None:
    from pydantic_ai.messages import (
        FunctionToolCallEvent,
        FunctionToolResultEvent,
        PartDeltaEvent,
        PartStartEvent,
        TextPart,
        TextPartDelta,
    )

    match event:
        case PartStartEvent(part=TextPart(content=text)) | PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            if is_text:
                reporter.answer(text)
        case FunctionToolCallEvent(part=call):
            reporter.end_answer_line()
            reporter.note(f"> {call.tool_name}({call.args_as_json_str()})")
        case FunctionToolResultEvent(part=result):
            reporter.note(f"< {_first_line(result.model_response_str(wrap_if_error=False))}")


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
