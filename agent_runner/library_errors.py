"""Telling people what an exception of the libraries means for them, and what they can do.

The one place where pydantic-ai's exceptions become this program's errors.
"""

import os
import socket
import ssl
from collections.abc import Iterator

from pydantic_ai import exceptions as library

from agent_runner.agent_file import Limits
from agent_runner.errors import InternalError, LimitReachedError, ModelError, RunnerError
from agent_runner.output import pluralize
from agent_runner.providers import KnownProvider, find_provider

_LONGEST_DETAIL = 400


def translate_error(  # noqa: PLR0911 - one for each kind of exception
    error: BaseException, *, model_name: str, base_url: str | None, limits: Limits
) -> RunnerError:
    """Return the error to report for an exception that ended a run."""
    if isinstance(error, BaseExceptionGroup):
        # Task groups wrap even a single exception. Of several, one of ours says most.
        ours = [inner for inner in error.exceptions if isinstance(inner, RunnerError)]
        inner = ours[0] if ours else error.exceptions[0]
        return translate_error(inner, model_name=model_name, base_url=base_url, limits=limits)
    match error:
        case RunnerError():
            return error
        case library.UsageLimitExceeded():
            return _explain_limit(error, limits)
        case library.ModelAPIError():
            return _explain_endpoint(error, model_name, base_url)
        case library.UnexpectedModelBehavior():
            where = f" at {base_url.rstrip('/')}" if base_url else ""
            return ModelError(f"the model {model_name}{where} did not answer as it must: {_shorten(error.message)}")
        case library.AgentRunError() | library.UserError():
            return ModelError(_shorten(error.message))
        case _:
            text = _shorten(str(error)) or "no message"
            return InternalError(f"{type(error).__name__}: {text}", "run it again with -v to see where this comes from")


def _explain_limit(error: library.UsageLimitExceeded, limits: Limits) -> LimitReachedError:
    # The library says which limit only in its message.
    for name, key, noun in (
        ("request_limit", "requests", "model request"),
        ("tool_calls_limit", "tool_calls", "tool call"),
        ("total_tokens_limit", "tokens", "token"),
        ("cost_limit", "cost_usd", "US dollar"),
    ):
        if name in error.message:
            message = f"stopped after {pluralize(getattr(limits, key), noun)} (limits.{key})"
            return LimitReachedError(message, f"raise limits.{key} in the agent file")
    return LimitReachedError(_shorten(error.message))


def _explain_endpoint(  # noqa: PLR0911 - one for each kind of exception
    error: library.ModelAPIError, model_name: str, base_url: str | None
) -> ModelError:
    row = find_provider(model_name)
    where = f"the model endpoint {base_url.rstrip('/')}" if base_url else "the model endpoint"
    status = f" with HTTP status {error.status_code}" if isinstance(error, library.ModelHTTPError) else ""
    reason = f"{status}: {detail}" if (detail := _endpoint_detail(error)) else status
    match error:
        case library.ModelTimeoutError() | library.ModelRequestTimeout():
            return ModelError(f"{where} did not answer in time", retryable=True)
        case library.ModelConnectionError():
            return _explain_connection(error, where, row)
        case library.ModelAuthenticationError():
            return ModelError(f"{where} refused the key{reason}", f"check {row.key}" if row else None)
        case library.ModelNotFoundError():
            return ModelError(f"{where} does not know {model_name!r}{reason}", _hint_not_found(row))
        case library.ModelQuotaExceededError():
            return ModelError(f"{where} refused the request because the quota is used up{reason}")
        case library.ModelRateLimitError():
            return ModelError(f"{where} refused too many requests{reason}", "try again later", retryable=True)
        case library.ModelContextWindowExceededError():
            return ModelError(f"the conversation has become too long for {model_name}{reason}")
        case library.ModelUnavailableError() | library.ModelServerError():
            return ModelError(f"{where} failed{reason}", "try again later", retryable=True)
        case _:
            return ModelError(f"{where} refused the request{reason}")


def _explain_connection(error: library.ModelConnectionError, where: str, row: KnownProvider | None) -> ModelError:
    address = f"check {row.url}" if row else None
    for cause in _causes(error):
        match cause:
            case ConnectionRefusedError():
                is_ollama = row is not None and row.prefix == "ollama"
                hint = "is Ollama running? start it with: ollama serve" if is_ollama else address
                return ModelError(f"{where} refused the connection", hint, retryable=True)
            case socket.gaierror():
                return ModelError(f"{where} cannot be found: {cause.strerror}", address, retryable=True)
            case ssl.SSLCertVerificationError():
                hint = "set SSL_CERT_FILE to a file with the authority that signed it"
                return ModelError(f"{where} has a certificate that is not trusted: {cause.verify_message}", hint)
    if error.phase == "read" or error.in_stream:
        return ModelError(f"{where} broke off the connection in the middle of its answer", retryable=True)
    return ModelError(f"{where} cannot be reached: {_shorten(error.message)}", address, retryable=True)


def _hint_not_found(row: KnownProvider | None) -> str:
    if row is not None and row.prefix == "openai" and os.environ.get(row.url):
        return "for OpenAI-compatible servers use openai-chat: instead of openai:"
    return f"check the model's name{f' and {row.url}' if row else ''}"


def _endpoint_detail(error: library.ModelAPIError) -> str:
    """Return the endpoint's own message; providers wrap it in different ways."""
    body = error.body
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        body = body["error"]
    if isinstance(body, dict):
        body = body.get("message") or body.get("error") or body.get("detail")
    return _shorten(body) if isinstance(body, str) else ""


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the exception and all those that led to it, also through groups."""
    pending: list[BaseException] = [error]
    seen: set[int] = set()
    while pending:
        current = pending.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            pending.extend(current.exceptions)
        pending.extend(cause for cause in (current.__context__, current.__cause__) if cause is not None)


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_DETAIL else f"{line[:_LONGEST_DETAIL]}…"
