"""Stops a run at its budget, and rejects responses that aren't complete.

pydantic-ai counts only tool calls that succeed, ignores a cost limit for models without a known price, and takes a
stream that breaks off for a complete answer.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelResponse
from pydantic_ai.usage import RequestUsage, RunUsage

from agent_runner.agent_file import Limits
from agent_runner.errors import AgentFileError, LimitReachedError, ModelError
from agent_runner.output import pluralize

if TYPE_CHECKING:
    from pydantic_ai.messages import ToolCallPart
    from pydantic_ai.models import Model, ModelRequestContext
    from pydantic_ai.tools import RunContext, ToolDefinition

_MILLION = 1_000_000


@dataclass(kw_only=True)
class RunGuard(AbstractCapability[Any]):  # Any: of any agent
    """The guard of one agent at work, whose counts include those of the agents that it calls.

    pydantic-ai enforces the other limits of the run's own agent.
    """

    limits: Limits
    expects_finish_reason: bool
    # What an agent that's continued has used.
    tool_calls: int = 0
    usage: RunUsage = field(default_factory=RunUsage)
    # Another agent than the run's own has a file, and was called by one that has this guard.
    file: str = ""
    outer: "RunGuard | None" = None

    async def before_model_request(
        self, ctx: "RunContext[Any]", request_context: "ModelRequestContext"
    ) -> "ModelRequestContext":
        """Check the number of requests."""
        for guard in self._chain():
            if guard.file and guard.usage.requests >= guard.limits.requests:
                raise guard.stopped("requests", guard.limits.requests, "model request")
        return await super().before_model_request(ctx, request_context)

    async def before_tool_validate(
        self,
        ctx: "RunContext[Any]",  # noqa: ARG002 - inherited
        *,
        call: "ToolCallPart",  # noqa: ARG002 - inherited
        tool_def: "ToolDefinition",
        args: Any,
    ) -> Any:
        """Count every call, whether or not it's valid and succeeds."""
        if tool_def.kind == "function":
            for guard in self._chain():
                allowed = guard.limits.tool_calls
                if allowed is not None and guard.tool_calls >= allowed:
                    raise guard.stopped("tool_calls", allowed, "tool call")
                guard.tool_calls += 1
        return args

    async def after_model_request(
        self,
        ctx: "RunContext[Any]",
        *,
        request_context: "ModelRequestContext",  # noqa: ARG002 - inherited
        response: ModelResponse,
    ) -> ModelResponse:
        """Check the response and add its price."""
        if self.expects_finish_reason and not _is_finished(response):
            message = f"the model {response.model_name} ended its response without a finish reason"
            raise ModelError(message, "try again later", retryable=True)
        if self.limits.price is not None:
            _add_cost(ctx, response, self.limits)
        for guard in self._chain():
            guard.usage.requests += 1
            guard.usage.incr(response.usage)
            guard.check_usage()
        limit = next((name for name in ("tokens", "cost_usd") if getattr(self.limits, name) is not None), None)
        if limit is not None and ctx.usage.unmeasured_requests:
            hint = f"remove limits.{limit}, or use limits.requests and limits.seconds instead"
            raise ModelError(f"the model doesn't report its usage, which limits.{limit} needs", hint)
        return response

    def _chain(self) -> "Iterator[RunGuard]":
        guard: RunGuard | None = self
        while guard is not None:
            yield guard
            guard = guard.outer

    def check_usage(self) -> None:
        """Check what an agent that was called has used.

        Raises:
            LimitReachedError: if it's too much.
        """
        tokens, cost = self.limits.tokens, self.limits.cost_usd
        if not self.file:
            return
        if tokens is not None and self.usage.total_tokens > tokens:
            raise self.stopped("tokens", tokens, "token")
        if cost is not None and self.usage.cost is not None and self.usage.cost > Decimal(str(cost)):
            raise self.stopped("cost_usd", cost, "US dollar")

    def stopped(self, limit: str, allowed: float, noun: str) -> LimitReachedError:
        """Return the error for a limit that's reached."""
        who = f"{self.file}: " if self.file else ""
        message = f"{who}stopped after {pluralize(allowed, noun)} (limits.{limit})"
        return LimitReachedError(message, f"raise limits.{limit} in {self.file or 'the agent file'}")


def _is_finished(response: ModelResponse) -> bool:
    # Where the endpoint gave no reason, pydantic-ai assumes "stop".
    reason = (response.provider_details or {}).get("finish_reason")
    return reason not in (None, "in_progress", "queued") or response.finish_reason not in (None, "stop")


def check_price(model: "Model", limits: Limits) -> None:
    """Check that a cost limit can be enforced.

    Raises:
        AgentFileError: if the model's price isn't known.
    """
    if limits.cost_usd is None or limits.price is not None:
        return
    try:
        ModelResponse(
            parts=[],
            usage=RequestUsage(input_tokens=1, output_tokens=1),
            model_name=model.model_name,
            provider_name=model.system,
            provider_url=model.base_url,
        ).cost()
    except LookupError as error:
        hint = "add its price in US dollars per million tokens, for example limits.price: {input: 0.5, output: 1.5}"
        message = f"limits.cost_usd can't be enforced, because the price of {model.model_name} isn't known"
        raise AgentFileError(message, hint) from error


def _add_cost(ctx: "RunContext[Any]", response: ModelResponse, limits: Limits) -> None:
    price, usage = limits.price, response.usage
    if price is None:
        return
    cost = Decimal(str(price.input)) * usage.input_tokens + Decimal(str(price.output)) * usage.output_tokens
    # The library has already added what it believes the response costs.
    ctx.usage.cost = (ctx.usage.cost or Decimal(0)) - (usage.cost or Decimal(0)) + cost / _MILLION
    usage.cost = cost / _MILLION
