"""What exceptions of the libraries mean for people."""

import pickle
import socket
import ssl

import pytest
from pydantic_ai import exceptions as library
from pydantic_ai.usage import RunUsage, UsageLimits

from agent_runner.agent_file import Limits
from agent_runner.errors import LimitReachedError, McpServerError, ModelError, RunnerError
from agent_runner.library_errors import translate_error

URL = "http://localhost:1/v1/"
type Category = type[
    library.ModelRateLimitError
    | library.ModelQuotaExceededError
    | library.ModelUnavailableError
    | library.ModelServerError
    | library.ModelRequestRejectedError
]


def explain(error: BaseException, model_name: str = "openai-chat:x", limits: Limits | None = None) -> RunnerError:
    return translate_error(error, model_name=model_name, base_url=URL, limits=limits or Limits())


def connection_error(cause: BaseException | None, phase: library.TransportPhase = "connect") -> BaseException:
    error = library.ModelConnectionError("x", "Connection error.", phase=phase)
    error.__cause__ = cause
    return error


def untrusted_certificate() -> BaseException:
    error = ssl.SSLCertVerificationError()
    error.verify_message = "self-signed certificate"
    return error


@pytest.mark.parametrize(
    ("category", "status", "message", "is_retryable"),
    [
        (library.ModelAuthenticationError, 401, "refused the key with HTTP status 401: why", False),
        (library.ModelNotFoundError, 404, "does not know 'openai-chat:x' with HTTP status 404: why", False),
        (library.ModelRateLimitError, 429, "refused too many requests with HTTP status 429: why", True),
        (
            library.ModelQuotaExceededError,
            429,
            "refused the request because the quota is used up with HTTP status 429: why",
            False,
        ),
        (library.ModelOverloadedError, 529, "failed with HTTP status 529: why", True),
        (library.ModelServerError, 500, "failed with HTTP status 500: why", True),
        (None, 400, "refused the request with HTTP status 400: why", False),
    ],
)
def test_an_http_error_says_what_it_means(
    category: "Category | None", status: int, message: str, is_retryable: bool
) -> None:
    body = {"error": {"message": "why"}}
    error = library.ModelHTTPError.for_category(category, status_code=status, model_name="x", body=body)

    explained = explain(error)

    assert isinstance(explained, ModelError)
    assert explained.message == f"the model endpoint http://localhost:1/v1 {message}"
    assert explained.retryable is is_retryable


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (connection_error(ConnectionRefusedError()), "refused the connection"),
        (connection_error(ExceptionGroup("", [OSError(), ConnectionRefusedError()])), "refused the connection"),
        (connection_error(socket.gaierror(-2, "Name not known")), "cannot be found: Name not known"),
        (connection_error(untrusted_certificate()), "has a certificate that is not trusted: self-signed certificate"),
        (connection_error(None, "read"), "broke off the connection in the middle of its answer"),
        (connection_error(None), "cannot be reached: Connection error."),
        (library.ModelTimeoutError("x", "late"), "did not answer in time"),
    ],
)
def test_a_connection_that_fails_says_how(error: BaseException, message: str) -> None:
    assert explain(error).message.startswith(f"the model endpoint http://localhost:1/v1 {message}")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("request_limit", "stopped after 1 model request (limits.requests)"),
        ("tool_calls_limit", "stopped after 2 tool calls (limits.tool_calls)"),
        ("total_tokens_limit", "stopped after 3000000 tokens (limits.tokens)"),
        ("cost_limit", "stopped after 0.5 US dollars (limits.cost_usd)"),
    ],
)
def test_a_limit_is_named_as_in_the_agent_file(name: str, message: str) -> None:
    limits = Limits(requests=1, tool_calls=2, tokens=3_000_000, cost_usd=0.5)

    explained = explain(library.UsageLimitExceeded(f"Exceeded the {name} of 1"), limits=limits)

    assert isinstance(explained, LimitReachedError)
    assert explained.message == message


def test_every_limit_of_the_library_that_is_used_has_the_name_that_is_looked_for() -> None:
    usage = RunUsage(requests=2, input_tokens=9)
    for limits, name in (
        (UsageLimits(request_limit=1), "request_limit"),
        (UsageLimits(request_limit=None, total_tokens_limit=1), "total_tokens_limit"),
    ):
        with pytest.raises(library.UsageLimitExceeded, match=name):
            limits.check_before_request(usage)


def test_of_a_group_the_error_of_this_program_is_reported() -> None:
    ours = McpServerError("gone")

    assert explain(ExceptionGroup("several", [ValueError("x"), ours])) is ours


def test_what_is_not_foreseen_names_the_exception() -> None:
    explained = explain(ZeroDivisionError("division by zero"))

    assert (explained.kind, explained.message) == ("internal", "ZeroDivisionError: division by zero")


def test_errors_survive_pickling() -> None:
    error = ModelError("what", "hint", retryable=True)

    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own

    assert (type(copy), copy.message, copy.hint, copy.retryable) == (ModelError, "what", "hint", True)
