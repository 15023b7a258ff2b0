"""`model_settings`: the settings that pydantic-ai passes to the model, which it doesn't validate."""

from collections.abc import Mapping
from typing import Any, Final

from agent_runner.agent_file import did_you_mean
from agent_runner.errors import AgentFileError

_POSITIVE: Final = ("max_tokens", "timeout", "request_timeout", "first_event_timeout")


def check_model_settings(settings: Mapping[str, Any]) -> None:  # Any: JSON
    """Check the keys and values.

    Raises:
        AgentFileError: if a key is unknown or its value has the wrong type.
    """
    if not settings:
        return
    from pydantic import ConfigDict, ValidationError, create_model

    known = _known_settings(settings)
    for key in settings:
        if key not in known:
            raise AgentFileError(f"unknown key {key!r} in model_settings{did_you_mean(key, known)}")
    config = ConfigDict(arbitrary_types_allowed=True, strict=True)
    fields: dict[str, Any] = {key: (known[key], ...) for key in settings}
    try:
        create_model("ModelSettings", __config__=config, **fields)(**settings)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        reason = first["msg"].replace("Input should", "must").replace("valid dictionary", "mapping")
        raise AgentFileError(f"model_settings.{first['loc'][0]}: {reason.replace('a valid ', 'a ')}") from error
    for key in _POSITIVE:
        if key in settings and settings[key] <= 0:
            raise AgentFileError(f"model_settings.{key}: must be greater than 0")
    if not isinstance(settings.get("extra_body", {}), dict):
        raise AgentFileError("model_settings.extra_body: must be a mapping")
    for name, value in settings.get("extra_headers", {}).items():
        if not is_header(name, value):
            raise AgentFileError(f"model_settings.extra_headers.{name}: {NOT_A_HEADER}")


NOT_A_HEADER: Final = "can't be sent in an HTTP header: only printable ASCII characters can, without blanks around them"


def is_header(name: str, value: str) -> bool:
    """Return whether an HTTP header can have this name and value."""
    is_name = bool(name) and name.isascii() and all(char.isalnum() or char in "!#$%&'*+-.^_`|~" for char in name)
    return (
        is_name
        and value.isascii()
        and value.strip() == value
        and all(char.isprintable() or char == "\t" for char in value)
    )


def is_http_url(url: str) -> bool:
    """Return whether this is an absolute URL for HTTP with a valid host and port."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _known_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    from typing import get_type_hints

    from pydantic_ai.settings import ModelSettings

    known = get_type_hints(ModelSettings)
    # Only what's used, because importing a provider takes long.
    if any(key.startswith("openai_") for key in settings):
        from pydantic_ai.models.openai import OpenAIChatModelSettings, OpenAIResponsesModelSettings

        known |= get_type_hints(OpenAIChatModelSettings) | get_type_hints(OpenAIResponsesModelSettings)
    if any(key.startswith("anthropic_") for key in settings):
        from pydantic_ai.models.anthropic import AnthropicModelSettings

        known |= get_type_hints(AnthropicModelSettings)
    return known
