"""The model providers that this program knows, as one table, and building a model from its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from agent_runner.agent_file import did_you_mean
from agent_runner.environment import MissingVariable
from agent_runner.errors import EnvironmentVariableError, UsageError

if TYPE_CHECKING:
    from pydantic_ai.models import Model
    from pydantic_ai.providers import Provider

TEST_MODEL: Final = "test"
# Servers of one's own rarely ask for a key, but the client libraries insist on having one.
_ANY_KEY: Final = "no-key"


@dataclass(frozen=True, kw_only=True)
class KnownProvider:
    """A provider, and the environment variables that hold its key and its address."""

    prefix: str
    key: str
    url: str
    needs_key: bool = False
    needs_url: bool = False
    is_keyless_with_url: bool = False
    default_url: str | None = None


PROVIDERS: Final = (
    KnownProvider(
        prefix="openai", key="OPENAI_API_KEY", url="OPENAI_BASE_URL", needs_key=True, is_keyless_with_url=True
    ),
    KnownProvider(
        prefix="openai-chat", key="OPENAI_API_KEY", url="OPENAI_BASE_URL", needs_key=True, is_keyless_with_url=True
    ),
    KnownProvider(
        prefix="ollama", key="OLLAMA_API_KEY", url="OLLAMA_BASE_URL", default_url="http://localhost:11434/v1"
    ),
    KnownProvider(prefix="vllm", key="VLLM_API_KEY", url="VLLM_BASE_URL", needs_url=True),
    KnownProvider(prefix="anthropic", key="ANTHROPIC_API_KEY", url="ANTHROPIC_BASE_URL", needs_key=True),
)


def find_provider(model_name: str) -> KnownProvider | None:
    """Return the row for a model's name such as `ollama:qwen3`; None for the built-in `test` model.

    Raises:
        UsageError: for a name without a known prefix.
    """
    if model_name == TEST_MODEL:
        return None
    prefix, colon, name = model_name.partition(":")
    prefixes = [f"{row.prefix}:" for row in PROVIDERS]
    row = next((row for row in PROVIDERS if row.prefix == prefix), None)
    if row is not None and colon and name:
        return row
    hint = f"a model is named PROVIDER:NAME; providers are {', '.join(prefixes)} and the model 'test' needs none"
    if row is not None:
        raise UsageError(f"model {model_name!r} names a provider but no model", hint)
    if not colon:
        raise UsageError(f"model {model_name!r} names no provider", hint)
    guess = did_you_mean(f"{prefix}:", prefixes)
    raise UsageError(f"unknown model provider '{prefix}:' in {model_name!r}{guess}", hint)


def missing_model_variables(model_name: str, environ: Mapping[str, str]) -> list[MissingVariable]:
    """Return the variables that this model's provider cannot do without and that are unset or empty."""
    row = find_provider(model_name)
    if row is None:
        return []
    missing = []
    if row.needs_key and not environ.get(row.key) and not (row.is_keyless_with_url and environ.get(row.url)):
        missing.append(row.key)
    if row.needs_url and not environ.get(row.url):
        missing.append(row.url)
    return [MissingVariable(name=name, used_by=f"model {model_name}") for name in missing]


def model_base_url(model_name: str, environ: Mapping[str, str]) -> str | None:
    """Return the address to send requests to, None for the provider's own.

    Raises:
        EnvironmentVariableError: if the variable for it holds something else.
    """
    row = find_provider(model_name)
    url = None if row is None else environ.get(row.url) or row.default_url
    if row is not None and url is not None and not url.startswith(("http://", "https://")):
        raise EnvironmentVariableError(f"{row.url} is not an http:// or https:// address: {url!r}")
    return url


def build_model(model_name: str, environ: Mapping[str, str]) -> "Model":
    """Build the model; its variables have been checked before, nothing is sent.

    Raises:
        UsageError: for a name without a known prefix.
        EnvironmentVariableError: if a variable for its address, for a proxy or for certificates is unusable.
    """
    from pydantic_ai.models import infer_model

    row = find_provider(model_name)
    if row is None:
        return infer_model(model_name)
    url = model_base_url(model_name, environ)
    key = environ.get(row.key) or _ANY_KEY
    try:
        return infer_model(model_name, provider_factory=lambda _: _build_provider(row, url, key))
    except (ValueError, OSError, ImportError) as error:
        # An unusable proxy or certificate file shows when the HTTP client is built.
        hint = "check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, SSL_CERT_FILE and SSL_CERT_DIR"
        raise EnvironmentVariableError(f"cannot prepare connections to {model_name}: {error}", hint) from error


def _build_provider(
    row: KnownProvider, url: str | None, key: str
) -> "Provider[Any]":  # Any: the class of the client library, which differs
    match row.prefix:
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
