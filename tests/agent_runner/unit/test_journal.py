"""The journal of a run, and what it relies on in libraries."""

from decimal import Decimal

import pytest
from dbos import DBOS
from pydantic_ai.exceptions import (
    FallbackExceptionGroup,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelHTTPError,
    ModelRateLimitError,
    ModelServerError,
)
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
)
from pydantic_ai.usage import RunUsage

from agent_runner.journal import Journal, is_temporary
from agent_runner.stored_runs import Step, UnstoredRun


class StoredSteps(UnstoredRun):
    def __init__(self, *steps: Step) -> None:
        self._steps = list(steps)

    def steps(self) -> list[Step]:
        return self._steps


def response(*parts: TextPart | ToolCallPart, kept: int = 0, usage: RunUsage | None = None) -> Step:
    messages: list[ModelMessage] = [ModelRequest.user_text_prompt("hi"), ModelResponse(parts=list(parts))]
    value = {
        "kept": kept,
        "messages": ModelMessagesTypeAdapter.dump_python(messages, mode="json"),
        "usage": {"requests": 1, "cost": str(usage.cost)} if usage else {},
    }
    return Step(kind="response", value=value)


def journal(*steps: Step) -> Journal:
    return Journal(StoredSteps(*steps), retries=0, warn=lambda _: None, describe=str)


def test_history_is_rebuilt_from_steps() -> None:
    first = response(ToolCallPart("shout", {}, "call-0"), usage=RunUsage(cost=Decimal("0.25")))

    rebuilt = journal(first, Step(kind="tool_result", value={"id": "call-0"}), response(TextPart("done"), kept=2))

    assert [message.kind for message in rebuilt.history] == ["request", "response"] * 2
    assert rebuilt.answer_text() == "done"
    assert journal(first).answer_text() is None
    assert journal(first).usage.cost == Decimal("0.25")


@pytest.mark.parametrize(
    ("error", "temporary"),
    [
        (ModelRateLimitError("m", "scripted"), True),
        (ModelServerError("m", "scripted"), True),
        (ModelHTTPError(504, "m"), True),
        (ModelHTTPError(400, "m"), False),
        (ModelAuthenticationError("m", "scripted"), False),
        (ModelConnectionError("m", "reset", phase="read"), True),
        (ModelConnectionError("m", "refused", phase="connect"), False),
        (
            FallbackExceptionGroup(
                "all", [ModelAuthenticationError("m", "scripted"), ModelServerError("m", "scripted")]
            ),
            True,
        ),
    ],
)
def test_only_temporary_failures_are_retried(error: Exception, temporary: bool) -> None:
    assert is_temporary(error) is temporary


def test_dbos_can_recover_the_runs_of_another_executor() -> None:
    # It's private, and there's no public call for it.
    assert callable(DBOS._recover_pending_workflows)
