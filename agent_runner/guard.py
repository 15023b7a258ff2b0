"""Stops a run at its budget, and rejects responses that aren't complete.

pydantic-ai counts only tool calls that succeed, ignores a cost limit for models without a known price, and takes a
stream that breaks off for a complete answer.
"""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.messages import ModelResponse
from pydantic_ai.usage import RequestUsage

from agent_runner.agent_file import Limits
from agent_runner.errors import AgentFileError, LimitReachedError, ModelError
from agent_runner.output import pluralize

if TYPE_CHECKING:
    from pydantic_ai.messages import ToolCallPart
    from pydantic_ai.models import Model, ModelRequestContext
    from pydantic_ai.tools import RunContext, ToolDefinition

_MILLION = 1_000_000


@dataclass
class RunGuard(AbstractCapability[Any]):  # Any: of any agent
    """The guard of one run. Its counts are rebuilt when a run is resumed."""

    limits: Limits
    expects_finish_reason: bool
    _tool_calls: int = field(default=0, init=False)

    async def for_run(self, ctx: "RunContext[Any]") -> "RunGuard":
        """Return a guard that starts to count, from what a run that's continued has used."""
        guard = RunGuard(self.limits, self.expects_finish_reason)
        guard._tool_calls = ctx.usage.tool_calls
        return guard

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
            allowed = self.limits.tool_calls
            if allowed is not None and self._tool_calls >= allowed:
                message = f"stopped after {pluralize(allowed, 'tool call')} (limits.tool_calls)"
                raise LimitReachedError(message, "raise limits.tool_calls in the agent file")
            self._tool_calls += 1
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
        limit = next((name for name in ("tokens", "cost_usd") if getattr(self.limits, name) is not None), None)
        if limit is not None and ctx.usage.unmeasured_requests:
            hint = f"remove limits.{limit}, or use limits.requests and limits.seconds instead"
            raise ModelError(f"the model doesn't report its usage, which limits.{limit} needs", hint)
        return response


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
