"""Translates pydantic-ai's exceptions into this program's errors."""

import os
import socket
import ssl

from pydantic_ai import exceptions as library

from agent_runner.agent_file import Limits
from agent_runner.errors import InternalError, LimitReachedError, ModelError, RunnerError, causes, shorten
from agent_runner.output import pluralize
from agent_runner.providers import KnownProvider, find_provider


def translate_error(  # noqa: PLR0911 - one per exception class
    error: BaseException, *, model_name: str, base_url: str | None, limits: Limits
) -> RunnerError:
    """Return the error to report for an exception that ended a run."""
    if isinstance(error, BaseExceptionGroup):
        # Task groups wrap even a single exception. A `RunnerError` explains more than the exceptions beside it.
        members = error.exceptions
        member = next((member for member in members if isinstance(member, RunnerError)), members[0])
        return translate_error(member, model_name=model_name, base_url=base_url, limits=limits)
    match error:
        case RunnerError():
            return error
        case library.UsageLimitExceeded():
            return _translate_limit(error, limits)
        case library.ModelAPIError():
            return _translate_api_error(error, model_name, base_url)
        case library.UnexpectedModelBehavior():
            where = f" at {base_url.rstrip('/')}" if base_url else ""
            return ModelError(f"unexpected response from the model {model_name}{where}: {shorten(error.message)}")
        case library.AgentRunError() | library.UserError():
            return ModelError(shorten(error.message))
        case _:
            return InternalError.wrap(error)


def _translate_limit(error: library.UsageLimitExceeded, limits: Limits) -> LimitReachedError:
    # Only the message says which limit it was.
    for name, key, noun in (
        ("request_limit", "requests", "model request"),
        ("total_tokens_limit", "tokens", "token"),
        ("cost_limit", "cost_usd", "US dollar"),
    ):
        if name in error.message:
            message = f"stopped after {pluralize(getattr(limits, key), noun)} (limits.{key})"
            return LimitReachedError(message, f"raise limits.{key} in the agent file")
    return LimitReachedError(shorten(error.message))


def _translate_api_error(  # noqa: PLR0911 - one per exception class
    error: library.ModelAPIError, model_name: str, base_url: str | None
) -> ModelError:
    provider = find_provider(model_name)
    where = f"the model endpoint {base_url.rstrip('/')}" if base_url else "the model endpoint"
    status = f" with HTTP status {error.status_code}" if isinstance(error, library.ModelHTTPError) else ""
    reason = f"{status}: {detail}" if (detail := _endpoint_message(error)) else status
    match error:
        case library.ModelTimeoutError() | library.ModelRequestTimeout():
            return ModelError(f"{where} timed out", "try again later", retryable=True)
        case library.ModelConnectionError():
            return _translate_connection_error(error, where, provider, base_url)
        case library.ModelAuthenticationError():
            hint = f"check {provider.key_variable}" if provider else None
            return ModelError(f"{where} rejected the API key{reason}", hint)
        case library.ModelNotFoundError():
            return ModelError(f"{where} can't find the model {model_name}{reason}", _not_found_hint(provider))
        case library.ModelQuotaExceededError():
            return ModelError(f"the quota at {where} is exceeded{reason}", "check your plan and billing there")
        case library.ModelRateLimitError():
            return ModelError(f"{where} is rate limiting requests{reason}", "try again later", retryable=True)
        case library.ModelContextWindowExceededError():
            hint = "use a model with a larger context window, or a shorter prompt"
            return ModelError(f"the conversation exceeds the context window of {model_name}{reason}", hint)
        case library.ModelUnavailableError() | library.ModelServerError():
            return ModelError(f"{where} failed{reason}", "try again later", retryable=True)
        case _:
            return ModelError(f"{where} rejected the request{reason}")


def _translate_connection_error(
    error: library.ModelConnectionError, where: str, provider: KnownProvider | None, base_url: str | None
) -> ModelError:
    address_hint = f"check {provider.url_variable}" if provider else None
    is_broken_off = error.phase == "read" or error.in_stream
    if not is_broken_off and base_url is not None and (proxy := _proxy_of(base_url)):
        reason = next((str(cause) for cause in causes(error) if str(cause)), error.message)
        message = f"can't reach {where} through the proxy {proxy}: {shorten(reason)}"
        return ModelError(message, "check HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY", retryable=True)
    for cause in causes(error):
        match cause:
            case ConnectionRefusedError():
                is_ollama = provider is not None and provider.prefix == "ollama"
                hint = "start Ollama: ollama serve" if is_ollama else address_hint
                return ModelError(f"{where} refused the connection", hint, retryable=True)
            case socket.gaierror():
                return ModelError(f"can't resolve {where}: {cause.strerror}", address_hint, retryable=True)
            case ssl.SSLCertVerificationError():
                hint = "set SSL_CERT_FILE to a file with the certificate of its authority"
                return ModelError(f"the certificate of {where} isn't trusted: {cause.verify_message}", hint)
    if is_broken_off:
        hint = "try again later"
        return ModelError(f"{where} closed the connection in the middle of a response", hint, retryable=True)
    return ModelError(f"can't connect to {where}: {shorten(error.message)}", address_hint, retryable=True)


def _proxy_of(url: str) -> str | None:
    """Return the proxy that the environment or the system names for this URL."""
    from urllib.parse import urlsplit
    from urllib.request import getproxies, proxy_bypass

    parts, proxies = urlsplit(url), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return None if proxy is None or proxy_bypass(parts.netloc) else proxy


def _not_found_hint(provider: KnownProvider | None) -> str:
    if provider is not None and provider.prefix == "openai" and os.environ.get(provider.url_variable):
        return "use openai-chat: instead of openai: for OpenAI-compatible servers"
    return f"check the model's name{f' and {provider.url_variable}' if provider else ''}"


def _endpoint_message(error: library.ModelAPIError) -> str:
    """Return the message in the response, which each provider wraps differently; empty if there's none."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    if isinstance(body, dict):
        body = body.get("message") or body.get("error") or body.get("detail")
    return shorten(body) if isinstance(body, str) else ""
