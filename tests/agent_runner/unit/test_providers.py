"""Model names, and what their providers need."""

import pytest

from agent_runner.environment import MissingVariable
from agent_runner.errors import EnvironmentVariableError, UsageError
from agent_runner.providers import build_model, find_provider, missing_model_variables, model_base_url


@pytest.mark.parametrize(
    ("model_name", "message"),
    [
        ("openia:gpt-4o", "unknown model provider 'openia:' in 'openia:gpt-4o' (did you mean 'openai:'?)"),
        ("gemini:pro", "unknown model provider 'gemini:' in 'gemini:pro'"),
        ("gpt-4o", "model 'gpt-4o' names no provider"),
        ("ollama:", "model 'ollama:' names a provider but no model"),
        ("ollama", "model 'ollama' names a provider but no model"),
    ],
)
def test_a_name_without_a_known_provider_is_refused_with_the_known_ones(model_name: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_provider(model_name)

    assert caught.value.message == message
    assert "openai:, openai-chat:, ollama:, vllm:, anthropic:" in str(caught.value.hint)


@pytest.mark.parametrize(
    ("model_name", "environ", "missing"),
    [
        ("test", {}, []),
        ("ollama:x", {}, []),
        ("openai:x", {}, ["OPENAI_API_KEY"]),
        ("openai-chat:x", {"OPENAI_API_KEY": ""}, ["OPENAI_API_KEY"]),
        ("openai-chat:x", {"OPENAI_BASE_URL": "http://localhost"}, []),
        ("vllm:x", {}, ["VLLM_BASE_URL"]),
        ("anthropic:x", {"ANTHROPIC_BASE_URL": "http://localhost"}, ["ANTHROPIC_API_KEY"]),
    ],
)
def test_the_variables_that_a_provider_cannot_do_without_are_missing(
    model_name: str, environ: dict[str, str], missing: list[str]
) -> None:
    expected = [MissingVariable(name=name, used_by=f"model {model_name}") for name in missing]

    assert missing_model_variables(model_name, environ) == expected


def test_ollama_is_expected_on_this_machine() -> None:
    assert model_base_url("ollama:x", {}) == "http://localhost:11434/v1"
    assert model_base_url("ollama:x", {"OLLAMA_BASE_URL": "https://far/v1"}) == "https://far/v1"
    assert model_base_url("test", {}) is None


def test_an_unusable_proxy_is_an_error_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://x")

    with pytest.raises(EnvironmentVariableError, match="cannot prepare connections to vllm:x") as caught:
        build_model("vllm:x", {"VLLM_BASE_URL": "http://localhost"})

    assert "ALL_PROXY" in str(caught.value.hint)
