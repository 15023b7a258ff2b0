"""Choosing the model and building the agent."""

import asyncio
from pathlib import Path

import pytest
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.models.test import TestModel

from agent_runner.agent_file import AgentFile, AgentSettings
from agent_runner.engine import build_agent, choose_models
from agent_runner.errors import AgentFileError, EnvironmentVariableError, RunnerError, UsageError
from agent_runner.tools import BuiltInTools


def agent_file(**settings: object) -> AgentFile:
    return AgentFile(path=Path("agent.yaml"), settings=AgentSettings.model_validate(settings))


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ({"model_settings": {"temprature": 1}}, "'temprature' in model_settings (did you mean 'temperature'?)"),
        ({"output_schema": {"type": "array"}}, "output_schema: "),
        ({"output_schema": {"type": "object", "required": "a"}}, "output_schema.required: "),
        ({"output_schema": {"type": "object", "properties": {"a": {"$ref": "https://e.org"}}}}, "properties.a.$ref: "),
        ({"output_schema": {"type": "object", "allOf": [{"$ref": "#"}]}}, "refers to itself"),
        ({"output_schema": {"type": "object", "patternProperties": {"(?=a)": {}}}}, "patternProperties: "),
        ({"model_settings": {"timeout": "abc"}}, "model_settings.timeout: "),
        ({"model_settings": {"extra_body": 5}}, "model_settings.extra_body: "),
        ({"capabilities": [3]}, "capabilities.0: "),
        ({"capabilities": ["Nonsense"]}, "'Nonsense'"),
    ],
)
def test_invalid_setting_is_agent_file_error(settings: dict[str, object], place: str) -> None:
    with pytest.raises(AgentFileError) as caught:
        build_agent(agent_file(**settings), TestModel(), [], BuiltInTools())

    assert caught.value.message.startswith("agent.yaml: ")
    assert place in caught.value.message


def test_provider_settings_and_braces_are_literal() -> None:
    settings = {"model_settings": {"openai_store": False}, "instructions": "{{x}}", "description": "{{y}}"}

    agent = build_agent(agent_file(**settings), TestModel(), [], BuiltInTools())

    assert (agent.name, agent.model_settings) == ("agent", {"openai_store": False})


def test_answer_that_violates_schema_is_rejected() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 5}}, "required": ["n"]}
    model = TestModel(custom_output_args={"n": 1})
    agent = build_agent(agent_file(output_schema=schema, retries=0), model, [], BuiltInTools())

    with pytest.raises(UnexpectedModelBehavior):
        asyncio.run(agent.run("Go."))


def test_model_option_overrides_agent_file() -> None:
    assert choose_models(agent_file(model="nonsense"), "test") == ("test",)


@pytest.mark.parametrize(
    ("in_file", "option", "error"),
    [
        ("test", "nonsense", UsageError),
        ("nonsense", None, AgentFileError),
        (None, None, AgentFileError),
        (None, "anthropic:x", EnvironmentVariableError),
    ],
)
def test_unusable_model_blames_its_source(
    monkeypatch: pytest.MonkeyPatch, in_file: str | None, option: str | None, error: type[RunnerError]
) -> None:
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)

    with pytest.raises(error):
        choose_models(agent_file(model=in_file), option)
