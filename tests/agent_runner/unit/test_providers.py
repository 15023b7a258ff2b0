"""Model names, and the environment variables of their providers."""

import pytest

from agent_runner.environment import MissingVariable
from agent_runner.errors import EnvironmentVariableError, UsageError
from agent_runner.providers import build_model, find_provider, missing_model_variables, model_base_url


@pytest.mark.parametrize("model_name", ["openia:gpt-4o", "gemini:pro", "gpt-4o", "ollama:", "ollama"])
def test_invalid_model_name_lists_providers(model_name: str) -> None:
    with pytest.raises(UsageError) as caught:
        find_provider(model_name)

    assert repr(model_name) in caught.value.message
    assert "openai:, openai-chat:, ollama:, vllm:, anthropic:" in str(caught.value.hint)
    assert ("did you mean 'openai:'?" in caught.value.message) is (model_name == "openia:gpt-4o")


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
def test_required_variables_are_missing(model_name: str, environ: dict[str, str], missing: list[str]) -> None:
    expected = [MissingVariable(name=name, used_by=f"model {model_name}") for name in missing]

    assert missing_model_variables(model_name, environ) == expected


def test_ollama_defaults_to_localhost() -> None:
    assert model_base_url("ollama:x", {}) == "http://localhost:11434/v1"
    assert model_base_url("ollama:x", {"OLLAMA_BASE_URL": "https://far/v1"}) == "https://far/v1"
    assert model_base_url("test", {}) is None


def test_base_url_without_scheme_is_environment_error() -> None:
    with pytest.raises(EnvironmentVariableError) as caught:
        model_base_url("vllm:x", {"VLLM_BASE_URL": "localhost:8000"})

    assert "VLLM_BASE_URL" in caught.value.message


def test_invalid_proxy_is_environment_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "nonsense://x")

    with pytest.raises(EnvironmentVariableError) as caught:
        build_model("vllm:x", {"VLLM_BASE_URL": "http://localhost"})

    assert "ALL_PROXY" in str(caught.value.hint)
