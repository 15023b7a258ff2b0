"""The agents that another agent may call: each is a tool with a prompt as its argument and the answer as its result.

A called agent has its own model, tools and MCP servers, and a conversation of its own at each call. What it uses counts
for its caller's limits too, and the rules of its caller's permissions apply to it as well.
"""

import asyncio
import os
from collections.abc import AsyncIterable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Annotated, Any
from urllib.parse import quote

from pydantic import Field
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import ToolFailed, UsageLimitExceeded
from pydantic_ai.messages import AgentStreamEvent, ModelResponse
from pydantic_ai.tools import RunContext, Tool
from pydantic_ai.toolsets import FunctionToolset
from pydantic_ai.usage import RunUsage, UsageLimits

from agent_runner.agent_file import AgentFile
from agent_runner.approval import Approver
from agent_runner.engine import build_agent, build_models, models_of, show_tool_event
from agent_runner.errors import RunnerError, TimeLimitReachedError
from agent_runner.guard import RunGuard
from agent_runner.journal import Journal
from agent_runner.library_errors import translate_error
from agent_runner.mcp_servers import build_servers, start_servers
from agent_runner.output import Reporter, pluralize
from agent_runner.permissions import PermissionChecker, tool_failed
from agent_runner.stored_runs import agent_of_scope
from agent_runner.tools import BuiltInTools
from agent_runner.variables import fill_variables

type Task = Annotated[str, Field(min_length=1, description="The task, with all that the agent needs to know for it.")]


@dataclass(frozen=True, kw_only=True)
class SharedParts:
    """What all agents of a run share."""

    # What all of them use together, and the limits of the run's own agent.
    usage: RunUsage
    usage_limits: UsageLimits
    reporter: Reporter
    approver: Approver
    # What traces them.
    capabilities: tuple[AbstractCapability[Any], ...]  # Any: of any agent


@dataclass(frozen=True, kw_only=True)
class Caller:
    """An agent at work that may call others."""

    agent_file: AgentFile
    model_names: tuple[str, ...]
    journal: Journal
    guard: RunGuard
    permissions: PermissionChecker
    shared: SharedParts

    def toolset(self) -> FunctionToolset[None]:
        """Return the toolset with a tool for each agent."""
        return FunctionToolset([self._tool(name, other) for name, other in self.agent_file.agents.items()], id="agents")

    def _tool(self, name: str, agent_file: AgentFile) -> Tool[None]:
        async def call(ctx: RunContext[None], prompt: Task) -> object:
            await self.permissions.check_tool(name)
            return await _Call(self, name, str(ctx.tool_call_id)).answer(prompt)

        description = agent_file.settings.description or f"Give a task to the agent {agent_file.agent_name}."
        return Tool(call, name=name, description=description)


class _Call:
    """One call of an agent."""

    def __init__(self, caller: Caller, name: str, call_id: str) -> None:
        self._caller = caller
        self._agent_file = _prepared(caller.agent_file, name)
        self._model_names = models_of(self._agent_file, caller.model_names)
        self._model = build_models(self._model_names)
        outer = caller.journal
        # Call IDs may repeat, but not within a response.
        scope = f"{name}:{outer.responses}:{quote(call_id, safe='')}"
        self._journal = Journal(
            outer.store,
            retries=self._agent_file.settings.retries.model,
            warn=lambda text: caller.shared.reporter.warn(f"{self._path}: {text}"),
            describe=lambda error: self._translate(error).message,
            scope=f"{outer.scope}/{scope}" if outer.scope else scope,
        )
        responses = list(self._responses())
        used = RunUsage(requests=len(responses))
        for response in responses:
            used.incr(response.usage)
        self._guard = RunGuard(
            limits=self._agent_file.settings.limits,
            expects_finish_reason=self._model.system != "test",
            tool_calls=sum(len(response.tool_calls) for response in responses),
            usage=used,
            file=str(self._agent_file.path),
            outer=caller.guard,
        )

    async def answer(self, prompt: str) -> object:
        """Return the agent's answer, continuing after its last recorded step."""
        seconds = self._agent_file.settings.limits.seconds
        timer = asyncio.timeout(seconds)
        try:
            async with timer:
                return await self._answer(prompt)
        except (ToolFailed, UsageLimitExceeded):
            # What the caller's model sees, or a limit of the run's own agent.
            raise
        except Exception as error:
            if seconds is not None and timer.expired():
                path = self._agent_file.path
                message = f"{path}: stopped after {pluralize(seconds, 'second')} (limits.seconds)"
                raise TimeLimitReachedError(message, f"raise limits.seconds in {path}") from error
            translated = self._translate(error)
            if translated is error:
                raise
            raise translated from error

    async def _answer(self, prompt: str) -> object:
        shared, settings, journal = self._caller.shared, self._agent_file.settings, self._journal
        if settings.output_schema is None and (recorded := journal.answer_text()) is not None:
            return recorded
        tools = BuiltInTools(settings, os.environ, shared.approver, self._caller.permissions)
        async with AsyncExitStack() as stack:
            stack.callback(tools.kill_background_processes)
            servers = build_servers(
                self._agent_file, os.environ, show_stderr=shared.reporter.is_verbose, permissions=tools.permissions
            )
            callees = Caller(
                agent_file=self._agent_file,
                model_names=self._model_names,
                journal=journal,
                guard=self._guard,
                permissions=tools.permissions,
                shared=shared,
            )
            agent = build_agent(
                self._agent_file, self._model, servers, tools, guard=self._guard, agents=callees.toolset()
            )
            await start_servers(servers, stack)
            result = await agent.run(
                None if journal.history else prompt,
                message_history=journal.history or None,
                usage=shared.usage,
                usage_limits=shared.usage_limits,
                event_stream_handler=self._show_events,
                capabilities=[journal, *shared.capabilities],
            )
        if result.response.finish_reason == "length":
            raise tool_failed("the agent's answer is cut off: its model reached its output token limit")
        return result.output

    def _translate(self, error: BaseException) -> RunnerError:
        limits = self._agent_file.settings.limits
        return translate_error(error, model_name=self._model_names[0], base_url=self._model.base_url, limits=limits)

    @property
    def _path(self) -> str:
        return agent_of_scope(self._journal.scope)

    def _responses(self) -> Iterator[ModelResponse]:
        return (message for message in self._journal.history if isinstance(message, ModelResponse))

    async def _show_events(self, _: object, events: AsyncIterable[AgentStreamEvent]) -> None:
        async for event in events:
            show_tool_event(event, self._caller.shared.reporter, self._path)


def check_agents(caller: AgentFile, callers_models: tuple[str, ...]) -> None:
    """Check everything about the agents of an agent file that can be checked before one is called.

    Raises:
        AgentFileError: if an agent file can't be used.
    """
    for name in caller.agents:
        agent_file = _prepared(caller, name)
        model_names = models_of(agent_file, callers_models)
        servers = build_servers(agent_file, os.environ, show_stderr=False)
        tools = BuiltInTools(agent_file.settings, os.environ)
        build_agent(agent_file, build_models(model_names), servers, tools)
        check_agents(agent_file, model_names)


def _prepared(caller: AgentFile, name: str) -> AgentFile:
    """Return an agent's file with its variables, and what it takes over from its caller."""
    agent_file = fill_variables(caller.agents[name], {}, with_prompt=False)
    settings, callers_limits = agent_file.settings, caller.settings.limits
    limits = settings.limits
    if limits.price is None and not settings.model_names:
        limits = limits.model_copy(update={"price": callers_limits.price})
    if limits.cost_usd is None:
        # What it costs counts for its caller, so its price must be known.
        limits = limits.model_copy(update={"cost_usd": callers_limits.cost_usd})
    return replace(agent_file, settings=settings.model_copy(update={"limits": limits}))
