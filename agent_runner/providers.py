"""The known model providers, and how to build a model from a name such as `ollama:qwen3`."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from agent_runner.agent_file import did_you_mean
from agent_runner.environment import MissingVariable
from agent_runner.errors import EnvironmentVariableError, UsageError
from agent_runner.model_settings import NOT_A_HEADER, is_header, is_http_url
from agent_runner.output import hide, hide_credentials

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.providers import Provider

TEST_MODEL: Final = "test"
# Self-hosted servers rarely need a key, but the client libraries do.
_PLACEHOLDER_KEY: Final = "no-key"


@dataclass(frozen=True, kw_only=True)
class KnownProvider:
    """A provider and the environment variables with its API key and base URL."""

    prefix: str
    key_variable: str
    url_variable: str
    needs_key: bool = False
    # With a base URL set, the provider is a compatible server, which may not need a key.
    url_replaces_key: bool = False
    needs_url: bool = False
    default_url: str | None = None


_OPENAI: Final = KnownProvider(
    prefix="openai",
    key_variable="OPENAI_API_KEY",
    url_variable="OPENAI_BASE_URL",
    needs_key=True,
    url_replaces_key=True,
)
PROVIDERS: Final = (
    _OPENAI,
    replace(_OPENAI, prefix="openai-chat"),
    KnownProvider(
        prefix="ollama",
        key_variable="OLLAMA_API_KEY",
        url_variable="OLLAMA_BASE_URL",
        default_url="http://localhost:11434/v1",
    ),
    KnownProvider(prefix="vllm", key_variable="VLLM_API_KEY", url_variable="VLLM_BASE_URL", needs_url=True),
    KnownProvider(
        prefix="anthropic", key_variable="ANTHROPIC_API_KEY", url_variable="ANTHROPIC_BASE_URL", needs_key=True
    ),
)


def find_provider(model_name: str) -> KnownProvider | None:
    """Return the provider of a model; None for the built-in `test` model.

    Raises:
        UsageError: if the name isn't `PROVIDER:NAME` with a known provider.
    """
    if model_name == TEST_MODEL:
        return None
    prefix, colon, name = model_name.partition(":")
    prefixes = [f"{provider.prefix}:" for provider in PROVIDERS]
    provider = next((provider for provider in PROVIDERS if provider.prefix == prefix), None)
    if provider is not None and name:
        return provider
    hint = f"use PROVIDER:NAME with one of {', '.join(prefixes)}, or '{TEST_MODEL}'"
    if provider is not None:
        raise UsageError(f"model {model_name!r} has no name after the provider", hint)
    if not colon:
        raise UsageError(f"model {model_name!r} has no provider", hint)
    guess = did_you_mean(f"{prefix}:", prefixes)
    raise UsageError(f"unknown model provider '{prefix}:' in {model_name!r}{guess}", hint)


def missing_model_variables(model_name: str, environ: Mapping[str, str]) -> list[MissingVariable]:
    """Return the variables that the model's provider requires and that are unset or empty."""
    provider = find_provider(model_name)
    if provider is None:
        return []
    has_key, has_url = bool(environ.get(provider.key_variable)), bool(environ.get(provider.url_variable))
    missing = []
    if provider.needs_key and not has_key and not (provider.url_replaces_key and has_url):
        missing.append(provider.key_variable)
    if provider.needs_url and not has_url:
        missing.append(provider.url_variable)
    return [MissingVariable(name=name, used_by=f"model {model_name}") for name in missing]


def hide_model_secrets(model_name: str, environ: Mapping[str, str]) -> None:
    """Have messages show neither the API key nor the credentials in the base URL."""
    provider = find_provider(model_name)
    if provider is not None:
        hide(environ.get(provider.key_variable, ""), f"${provider.key_variable}")
        hide_credentials(environ.get(provider.url_variable, ""))


def model_base_url(model_name: str, environ: Mapping[str, str]) -> str | None:
    """Return the base URL for requests; None if it's the client library's default.

    Raises:
        EnvironmentVariableError: if the variable for it isn't a URL.
    """
    provider = find_provider(model_name)
    if provider is not None:
        key = environ.get(provider.key_variable, "")
        if not is_header("Authorization", key):
            hint = "check it for a line break at its end and for characters of a word processor"
            raise EnvironmentVariableError(f"invalid {provider.key_variable}: {NOT_A_HEADER}", hint)
    url = None if provider is None else environ.get(provider.url_variable) or provider.default_url
    if provider is not None and url is not None and not is_http_url(url):
        hint = "set it to a URL that starts with http:// or https://"
        raise EnvironmentVariableError(f"invalid {provider.url_variable}: {url!r}", hint)
    return url


def build_model(model_name: str, environ: Mapping[str, str]) -> "Model":
    """Build a model without sending any request.

    Raises:
        UsageError: if the model's provider is unknown.
        EnvironmentVariableError: if a base URL, proxy or certificate file is invalid.
    """
    from pydantic_ai.models import infer_model

    provider = find_provider(model_name)
    if provider is None:
        return infer_model(model_name)
    url = model_base_url(model_name, environ)
    key = environ.get(provider.key_variable) or _PLACEHOLDER_KEY
    try:
        return infer_model(model_name, provider_factory=lambda _: _build_provider(provider, url, key))
    except (ValueError, OSError, ImportError) as error:
        # The HTTP client is built here, and reads the proxy and the certificates.
        hint = "check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
        raise EnvironmentVariableError(f"can't create an HTTP client for {model_name}: {error}", hint) from error


def _build_provider(
    provider: KnownProvider, url: str | None, key: str
) -> "Provider[Any]":  # Any: the client class, which differs
    match provider.prefix:
        case "ollama":
            from pydantic_ai.providers.ollama import OllamaProvider

            return OllamaProvider(base_url=url, api_key=key)
        case "vllm":
            from pydantic_ai.providers.vllm import VLLMProvider

            return VLLMProvider(base_url=url, api_key=key)
        case "anthropic":
            from pydantic_ai.providers.anthropic import AnthropicProvider

            return AnthropicProvider(base_url=url, api_key=key)
        case _:
            from pydantic_ai.providers.openai import OpenAIProvider

            return OpenAIProvider(base_url=url, api_key=key)
