"""Translating pydantic-ai's exceptions, and properties of the errors themselves."""

import pickle
import socket
import ssl

import pytest
from pydantic_ai import exceptions as library
from pydantic_ai.usage import RunUsage, UsageLimits

from agent_runner.agent_file import Limits
from agent_runner.errors import InternalError, LimitReachedError, McpServerError, ModelError, RunnerError
from agent_runner.library_errors import translate_error

URL = "http://localhost:1/v1/"
type Category = type[
    library.ModelRateLimitError
    | library.ModelQuotaExceededError
    | library.ModelUnavailableError
    | library.ModelServerError
    | library.ModelRequestRejectedError
]


def translate(error: BaseException, model_name: str = "openai-chat:x", limits: Limits | None = None) -> RunnerError:
    return translate_error(error, model_name=model_name, base_url=URL, limits=limits or Limits())


def http_error(category: "Category | None", status: int) -> library.ModelHTTPError:
    body = {"error": {"message": "why"}}
    return library.ModelHTTPError.for_category(category, status_code=status, model_name="x", body=body)


def connection_error(cause: BaseException | None, phase: library.TransportPhase = "connect") -> BaseException:
    error = library.ModelConnectionError("x", "Connection error.", phase=phase)
    error.__cause__ = cause
    return error


def untrusted_certificate() -> BaseException:
    error = ssl.SSLCertVerificationError()
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("category", "status", "is_retryable"),
    [
        (library.ModelAuthenticationError, 401, False),
        (library.ModelNotFoundError, 404, False),
        (library.ModelRateLimitError, 429, True),
        (library.ModelQuotaExceededError, 429, False),
        (library.ModelOverloadedError, 529, True),
        (library.ModelServerError, 500, True),
        (None, 400, False),
    ],
)
def test_http_error_keeps_status_and_reason(category: "Category | None", status: int, is_retryable: bool) -> None:
    error = translate(http_error(category, status))

    assert isinstance(error, ModelError)
    assert "http://localhost:1/v1 " in error.message
    assert error.message.endswith(f" with HTTP status {status}: why")
    assert error.retryable is is_retryable


def test_missing_responses_api_suggests_openai_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", URL)

    error = translate(http_error(library.ModelNotFoundError, 404), model_name="openai:x")

    assert "openai-chat:" in str(error.hint)


@pytest.mark.parametrize(
    ("error", "reason", "is_retryable"),
    [
        (connection_error(ConnectionRefusedError()), "refused", True),
        (connection_error(ExceptionGroup("", [OSError(), ConnectionRefusedError()])), "refused", True),
        (connection_error(socket.gaierror(-2, "Name not known")), "Name not known", True),
        (connection_error(untrusted_certificate()), "self-signed certificate", False),
        (connection_error(None, "read"), "in the middle", True),
        (connection_error(None), "Connection error.", True),
        (library.ModelTimeoutError("x", "late"), "timed out", True),
    ],
)
def test_connection_error_keeps_reason(error: BaseException, reason: str, is_retryable: bool) -> None:
    translated = translate(error)

    assert isinstance(translated, ModelError)
    assert "http://localhost:1/v1" in translated.message
    assert reason in translated.message
    assert translated.retryable is is_retryable


@pytest.mark.parametrize(
    ("name", "stopped_after"),
    [
        ("request_limit", "1 model request (limits.requests)"),
        ("total_tokens_limit", "3000000 tokens (limits.tokens)"),
        ("cost_limit", "0.5 US dollars (limits.cost_usd)"),
    ],
)
def test_limit_is_named_as_in_agent_file(name: str, stopped_after: str) -> None:
    limits = Limits(requests=1, tokens=3_000_000, cost_usd=0.5)

    error = translate(library.UsageLimitExceeded(f"Exceeded the {name} of 1"), limits=limits)

    assert isinstance(error, LimitReachedError)
    assert error.message.endswith(stopped_after)


@pytest.mark.parametrize(
    ("limits", "name"),
    [
        (UsageLimits(request_limit=1), "request_limit"),
        (UsageLimits(request_limit=None, total_tokens_limit=1), "total_tokens_limit"),
    ],
)
def test_pydantic_ai_names_limit_in_message(limits: UsageLimits, name: str) -> None:
    with pytest.raises(library.UsageLimitExceeded, match=name):
        limits.check_before_request(RunUsage(requests=2, input_tokens=9))


def test_runner_error_wins_in_exception_group() -> None:
    ours = McpServerError("gone")

    assert translate(ExceptionGroup("several", [ValueError("x"), ours])) is ours


def test_unexpected_exception_is_internal_error() -> None:
    error = translate(ZeroDivisionError("division by zero"))

    assert isinstance(error, InternalError)
    assert error.message == "ZeroDivisionError: division by zero"


def test_long_unexpected_exception_stays_one_line() -> None:
    error = translate(ValueError("a line\n" * 1000))

    assert "\n" not in error.message
    assert len(error.message) < 500


def test_errors_survive_pickling() -> None:
    error = ModelError("what", "hint", retryable=True)

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - pickled above

    assert (type(copy), copy.message, copy.hint, copy.retryable) == (ModelError, "what", "hint", True)
