"""Building an agent from a file: what is refused only then, and what is passed on."""

import asyncio
from pathlib import Path

import pytest
from pydantic_ai.models.test import TestModel

from agent_runner.agent_file import AgentFile, AgentSettings
from agent_runner.engine import build_agent, choose_model
from agent_runner.errors import AgentFileError, EnvironmentVariableError, UsageError
from agent_runner.tools import BuiltInTools


def agent_file(**settings: object) -> AgentFile:
    return AgentFile(path=Path("agent.yaml"), settings=AgentSettings.model_validate(settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            {"model_settings": {"temprature": 1}},
            "unknown key 'temprature' in model_settings (did you mean 'temperature'?)",
        ),
        ({"output_schema": {"type": "array"}}, "output_schema: its type must be object"),
        (
            {"output_schema": {"type": "object", "required": "a"}},
            "output_schema.required: not a JSON Schema: 'a' is not of type 'array'",
        ),
        ({"capabilities": ["Nonsense"]}, "Capability 'Nonsense' is not in the provided"),
    ],
)
def test_what_pydantic_ai_would_ignore_or_refuse_is_an_error_of_the_file(
    settings: dict[str, object], message: str
) -> None:
    with pytest.raises(AgentFileError) as caught:
        build_agent(agent_file(**settings), TestModel(), [], BuiltInTools())

    assert caught.value.message.startswith(f"agent.yaml: {message}")


def test_settings_of_one_provider_and_braces_are_taken_as_they_are() -> None:
    settings = {"model_settings": {"openai_store": False}, "instructions": "{{x}}", "description": "{{y}}"}

    agent = build_agent(agent_file(**settings), TestModel(), [], BuiltInTools())

    assert (agent.name, agent.model_settings) == ("agent", {"openai_store": False})


def test_a_schema_that_contains_itself_is_an_error_of_the_file() -> None:
    schema: dict[str, object] = {"type": "object"}
    schema["properties"] = {"again": schema}
    with pytest.raises(AgentFileError, match=r"something in it contains itself"):
        build_agent(agent_file(output_schema=schema), TestModel(), [], BuiltInTools())


def test_an_answer_that_does_not_fit_its_schema_is_sent_back() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 5}}, "required": ["n"]}
    model = TestModel(custom_output_args={"n": 1})
    agent = build_agent(agent_file(output_schema=schema, retries=0), model, [], BuiltInTools())

    with pytest.raises(Exception, match="maximum output retries"):
        asyncio.run(agent.run("Go."))


def test_the_model_of_the_command_line_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)

    assert choose_model(agent_file(model="nonsense"), "test") == "test"
    with pytest.raises(UsageError, match="'nonsense' names no provider"):
        choose_model(agent_file(model="test"), "nonsense")
    with pytest.raises(AgentFileError, match=r"agent\.yaml: model 'nonsense' names no provider"):
        choose_model(agent_file(model="nonsense"), None)
    with pytest.raises(EnvironmentVariableError, match="ANTHROPIC_API_KEY"):
        choose_model(agent_file(), "anthropic:x")
