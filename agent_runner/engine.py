"""Runs an agent and streams its answer."""

import asyncio
import gc
import json
import os
from collections.abc import AsyncIterable, Iterator, Sequence
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

from agent_runner.agent_file import AgentFile, Limits
from agent_runner.approval import Approver
from agent_runner.attachments import user_content
from agent_runner.environment import (
    MissingVariable,
    exports_traces,
    hide_secrets,
    missing_file_variables,
    require_variables,
)
from agent_runner.errors import (
    AgentFileError,
    LimitReachedError,
    RunnerError,
    TimeLimitReachedError,
    UsageError,
    shorten,
)
from agent_runner.garbage_collection import resume_collection
from agent_runner.mcp_servers import McpServer, build_servers, start_servers
from agent_runner.model_settings import check_model_settings
from agent_runner.output import Reporter, RunRecord, pluralize
from agent_runner.output_schema import Schema, check_schema, find_violation
from agent_runner.processes import ChildTrackingLoop
from agent_runner.providers import (
    build_model,
    find_provider,
    hide_model_secrets,
    missing_model_variables,
    model_base_url,
)
from agent_runner.stored_runs import RESUME_COMMAND, Json, Outcome, RunStore, UnstoredRun, new_run_id
from agent_runner.third_party import import_pydantic_ai
from agent_runner.tools import BuiltInTools

if TYPE_CHECKING:
    from pydantic_ai import Agent
    from pydantic_ai.capabilities import AbstractCapability
    from pydantic_ai.messages import AgentStreamEvent
    from pydantic_ai.models import Model
    from pydantic_ai.toolsets import FunctionToolset
    from pydantic_ai.usage import UsageLimits

    from agent_runner.guard import RunGuard
    from agent_runner.journal import Journal


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """The input of a run."""

    agent_file: AgentFile
    model_names: tuple[str, ...]
    prompt: str
    time_limit_seconds: float | None
    time_limit_name: str
    attachments: Sequence[Json] = ()
    approves_all: bool = False
    run_id: str = field(default_factory=new_run_id)
    store: RunStore = field(default_factory=UnstoredRun)


def choose_models(agent_file: AgentFile, model_name: str | None) -> tuple[str, ...]:
    """Return the name of the model to use and those of its fallbacks, after checking all environment variables.

    Raises:
        AgentFileError: if there's no model, or the agent file's model is invalid.
        UsageError: if the model from the command line is invalid.
        EnvironmentVariableError: if variables are missing or invalid.
    """
    chosen = named_models(agent_file, model_name)
    check_environment(agent_file, chosen)
    return chosen


def named_models(agent_file: AgentFile, model_name: str | None) -> tuple[str, ...]:
    """Return the name of the model to use and those of its fallbacks.

    Raises:
        AgentFileError: if there's no model, or the agent file's model is invalid.
        UsageError: if the model from the command line is invalid.
    """
    chosen = agent_file.settings.model_names if model_name is None else (model_name,)
    if not chosen:
        raise AgentFileError(f"{agent_file.path}: no model", "add 'model: PROVIDER:NAME', or pass -m PROVIDER:NAME")
    for name in chosen:
        try:
            find_provider(name)
        except UsageError as error:
            if model_name is not None:
                raise
            raise AgentFileError(f"{agent_file.path}: {error.message}", error.hint) from error
    return chosen


def check_environment(agent_file: AgentFile, model_names: tuple[str, ...]) -> None:
    """Check the environment variables that a run needs.

    Raises:
        EnvironmentVariableError: if variables are missing or invalid.
    """
    missing: list[MissingVariable] = []
    agents = list(agents_with_models(agent_file, model_names))
    for each, _ in agents:
        hide_secrets(each.settings, os.environ)
        prefix = "" if each is agent_file else f"{each.path.name}: "
        missing += [
            MissingVariable(name=variable.name, used_by=f"{prefix}{variable.used_by}")
            for variable in missing_file_variables(each.settings, os.environ)
        ]
    used_models = dict.fromkeys(name for _, names in agents for name in names)
    for name in used_models:
        hide_model_secrets(name, os.environ)
    require_variables([*missing, *(lack for name in used_models for lack in missing_model_variables(name, os.environ))])
    for name in used_models:
        model_base_url(name, os.environ)


def agents_with_models(
    agent_file: AgentFile, model_names: tuple[str, ...]
) -> Iterator[tuple[AgentFile, tuple[str, ...]]]:
    """Yield an agent and all that it may call, each with its models; those without get the models of their caller.

    Raises:
        AgentFileError: if a model is invalid.
    """
    yield agent_file, model_names
    for other in agent_file.agents.values():
        yield from agents_with_models(other, models_of(other, model_names))


def models_of(agent_file: AgentFile, callers_models: tuple[str, ...]) -> tuple[str, ...]:
    """Return the models of an agent that another one calls."""
    return named_models(agent_file, None) if agent_file.settings.model_names else callers_models


def build_models(model_names: tuple[str, ...]) -> "Model":
    """Build a model, or one that falls back to the next when a request fails."""
    models = [build_model(name, os.environ) for name in model_names]
    if len(models) == 1:
        return models[0]
    from pydantic_ai.models.fallback import FallbackModel

    return FallbackModel(*models)


def build_agent(
    agent_file: AgentFile,
    model: "Model",
    servers: list[McpServer],
    tools: BuiltInTools,
    *,
    guard: "RunGuard | None" = None,
    agents: "FunctionToolset[None] | None" = None,
) -> "Agent[Any, Any]":  # Any: the answer is text, or an object of any schema
    """Build the agent that an agent file describes.

    Raises:
        AgentFileError: if the schema or a setting for pydantic-ai is invalid.
    """
    from pydantic import ValidationError
    from pydantic_ai import Agent

    from agent_runner.guard import RunGuard, check_price

    settings = agent_file.settings
    schema = settings.output_schema
    spec = settings.model_dump(include={"model_settings", "output_schema", "capabilities"}, exclude_defaults=True)
    guard = guard or RunGuard(limits=settings.limits, expects_finish_reason=model.system != "test")
    try:
        check_price(model, settings.limits)
        check_model_settings(settings.model_settings)
        if schema is not None:
            check_schema(schema)
        agent: Agent[Any, Any] = Agent.from_spec(
            spec,
            model=model,
            name=agent_file.agent_name,
            # Not in the spec, where `{{…}}` would be expanded.
            instructions=settings.instructions,
            description=settings.description,
            retries={"tools": settings.retries.tools, "output": settings.retries.output},
            capabilities=[guard],
            toolsets=[
                tools.toolset(settings.tools),
                *(server.toolset for server in servers),
                *([] if agents is None else [agents]),
            ],
        )
    except RecursionError as error:
        raise AgentFileError(f"{agent_file.path}: a value contains itself, or is nested too deeply") from error
    except Exception as error:
        # Whatever a capability raises for its arguments.
        if isinstance(error, AgentFileError):
            raise AgentFileError(f"{agent_file.path}: {error.message}", error.hint) from error
        # Only the first line of pydantic's names the place.
        details = (
            [f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()]
            if isinstance(error, ValidationError)
            else [str(error)]
        )
        raise AgentFileError(f"{agent_file.path}: {shorten('; '.join(details))}") from error
    if schema is not None:
        agent.output_validator(partial(_require_valid_answer, schema))
    return agent


def _require_valid_answer(schema: Schema, answer: object) -> object:
    from pydantic_ai.exceptions import ModelRetry

    if violation := find_violation(schema, answer):
        raise ModelRetry(f"The answer doesn't match its schema. {violation}")
    return answer


def run_agent(request: RunRequest, reporter: Reporter, loop: ChildTrackingLoop) -> object:
    """Run the agent and return its answer: text, or an object if there's an `output_schema`.

    Raises:
        RunnerError: if the run fails, for whatever reason.
    """
    import_pydantic_ai()
    from agent_runner.journal import Journal
    from agent_runner.library_errors import translate_error

    model = build_models(request.model_names)
    limits = request.agent_file.settings.limits

    def translate(error: BaseException) -> RunnerError:
        return translate_error(error, model_name=request.model_names[0], base_url=model.base_url, limits=limits)

    journal = Journal(
        request.store,
        retries=request.agent_file.settings.retries.model,
        warn=reporter.warn,
        describe=lambda error: translate(error).message,
    )
    with _traces(reporter) as capabilities, asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            output = runner.run(_run_within_time_limit(request, model, reporter, journal, capabilities))
        except Exception as error:
            translated = translate(error)
            if journal.is_stored:
                journal.finish(Outcome.of_error(translated))
                reporter.note(_resume_hint(request))
            if translated is error:
                raise
            raise translated from error
    journal.finish(Outcome(status="completed", output=output))
    return output


def _traces(reporter: Reporter) -> "AbstractContextManager[list[AbstractCapability[Any]]]":  # Any: of any agent
    if not exports_traces(os.environ):
        return nullcontext([])
    from agent_runner.telemetry import exported_traces

    return exported_traces(os.environ, reporter.warn)


def _resume_hint(request: RunRequest) -> str:
    return f"continue this run with: {RESUME_COMMAND} {request.run_id}"


async def _run_within_time_limit(
    request: RunRequest,
    model: "Model",
    reporter: Reporter,
    journal: "Journal",
    capabilities: "list[AbstractCapability[Any]]",  # Any: of any agent
) -> object:
    timer = asyncio.timeout(request.time_limit_seconds)
    try:
        async with timer:
            return await _run(request, model, reporter, journal, capabilities=capabilities, timer=timer)
    except Exception as error:
        if timer.expired():
            limit = pluralize(request.time_limit_seconds or 0, "second")
            message = f"stopped after {limit} ({request.time_limit_name})"
            raise TimeLimitReachedError(message, f"raise {request.time_limit_name}") from error
        raise


async def _run(
    request: RunRequest,
    model: "Model",
    reporter: Reporter,
    journal: "Journal",
    *,
    capabilities: "list[AbstractCapability[Any]]",  # Any: of any agent
    timer: asyncio.Timeout,
) -> object:
    from agent_runner.guard import RunGuard

    settings = request.agent_file.settings
    approver = Approver(approves_all=request.approves_all)
    tools = BuiltInTools(settings, os.environ, approver)
    usage_limits = _usage_limits(settings.limits)
    guard = RunGuard(
        limits=settings.limits, expects_finish_reason=model.system != "test", tool_calls=journal.usage.tool_calls
    )
    agents: FunctionToolset[None] | None = None
    if request.agent_file.agents:
        from agent_runner.sub_agents import Caller, SharedParts, check_agents

        check_agents(request.agent_file, request.model_names)
        agents = Caller(
            agent_file=request.agent_file,
            model_names=request.model_names,
            journal=journal,
            guard=guard,
            permissions=tools.permissions,
            shared=SharedParts(
                usage=journal.usage,
                usage_limits=usage_limits,
                reporter=reporter,
                approver=approver,
                capabilities=tuple(capabilities),
            ),
        ).toolset()
    async with AsyncExitStack() as stack:
        stack.callback(tools.kill_background_processes)
        servers = build_servers(
            request.agent_file, os.environ, show_stderr=reporter.is_verbose, permissions=tools.permissions
        )
        agent = build_agent(request.agent_file, model, servers, tools, guard=guard, agents=agents)
        reporter.holds_text = bool(agents or settings.tools or settings.mcp_servers or settings.capabilities)
        record = RunRecord(run_id=request.run_id, usage=journal.usage)
        reporter.started(record, request.agent_file.agent_name, ", ".join(request.model_names))
        await start_servers(servers, stack)
        is_text = settings.output_schema is None
        # In a worker, only the first run ends the pause.
        if not gc.isenabled():
            resume_collection()
        journal.begin()
        if journal.is_stored:
            reporter.resume_hint = _resume_hint(request)
        if is_text and (answer := journal.answer_text()) is not None:
            reporter.answer(answer)
            return answer

        async def show_events(_: object, events: "AsyncIterable[AgentStreamEvent]") -> None:
            async for event in events:
                journal.has_streamed = True
                _show_event(event, reporter, is_text=is_text)

        result = await agent.run(
            None if journal.history else user_content(request.prompt, request.attachments),
            message_history=journal.history or None,
            usage=journal.usage,
            usage_limits=usage_limits,
            event_stream_handler=show_events,
            capabilities=[journal, *capabilities],
            metadata={"run_id": request.run_id},
        )
        # The answer is complete, so a server that's slow to stop must not fail the run.
        timer.reschedule(None)
    if result.response.finish_reason == "length":
        message = "the answer is cut off: the model reached its output token limit"
        raise LimitReachedError(message, "raise model_settings.max_tokens in the agent file")
    if not is_text:
        reporter.answer(json.dumps(result.output, ensure_ascii=False, indent=2))
    return result.output


def _usage_limits(limits: Limits) -> "UsageLimits":
    from pydantic_ai.usage import UsageLimits

    return UsageLimits(
        request_limit=limits.requests,
        total_tokens_limit=limits.tokens,
        cost_limit=None if limits.cost_usd is None else Decimal(str(limits.cost_usd)),
    )


def _show_event(event: "AgentStreamEvent", reporter: Reporter, *, is_text: bool) -> None:
    from pydantic_ai.messages import PartDeltaEvent, PartStartEvent, TextPart, TextPartDelta

    if isinstance(event, PartStartEvent) and event.index == 0:
        reporter.response_started()
    match event:
        case PartStartEvent(part=TextPart(content=text)) | PartDeltaEvent(delta=TextPartDelta(content_delta=text)):
            if is_text:
                reporter.answer(text)
    show_tool_event(event, reporter)


def show_tool_event(event: "AgentStreamEvent", reporter: Reporter, agent: str = "") -> None:
    """Show the event if it's about a tool call, of another agent than the run's own if one is named."""
    from pydantic_ai.messages import FunctionToolCallEvent, FunctionToolResultEvent

    match event:
        case FunctionToolCallEvent(part=call):
            reporter.tool_called(call.tool_call_id, call.tool_name, call.args_as_json_str(), agent)
        case FunctionToolResultEvent(part=result):
            text = result.model_response_str(wrap_if_error=False)
            reporter.tool_returned(result.tool_call_id, result.tool_name or "", result.outcome, text, agent)
