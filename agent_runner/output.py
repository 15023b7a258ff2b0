"""Writes the answer to standard output and everything else to standard error."""

import errno
import json
import os
import re
import sys
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Literal

from agent_runner.errors import OutputError, RunnerError

if TYPE_CHECKING:
    from pydantic_ai.usage import RunUsage

type Status = Literal["completed", "failed", "interrupted"]
type Detail = Literal["quiet", "normal", "verbose"]

_LONGEST_NOTE = 200

# Control characters, bidirectional controls and lone surrogates. Text from a model, server or file must not move the
# terminal's cursor, set its title or disguise itself.
_CONTROL_CHARS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# What stands in for a secret in every message.
_hidden: dict[str, str] = {}
# Hiding shorter text would garble messages and protect nothing.
_SHORTEST_SECRET = 6
_USER_INFORMATION = re.compile(r"(?<=://)[^/@\s]+@")


def hide(value: str, shown_as: str) -> None:
    """Show this text instead of a secret value in all messages."""
    from urllib.parse import quote

    for form in (value, quote(value, safe="")):
        if len(form) >= _SHORTEST_SECRET:
            _hidden.setdefault(form, shown_as)


def without_secrets(text: str) -> str:
    """Return the text without hidden values and the passwords of URLs."""
    for value in sorted(_hidden, key=len, reverse=True):
        text = text.replace(value, _hidden[value])
    return _USER_INFORMATION.sub("…@", text)


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """A run's ID and its usage so far."""

    run_id: str
    usage: "RunUsage"
    started_at: float = field(default_factory=time.monotonic)

    def usage_as_json(self) -> dict[str, Any]:  # Any: JSON
        """Return the `usage` object of `--json`."""
        return {
            "requests": self.usage.requests,
            "tool_calls": self.usage.tool_calls,
            "input_tokens": self.usage.input_tokens,
            "output_tokens": self.usage.output_tokens,
            "cost_usd": None if self.usage.cost is None else float(self.usage.cost),
            "seconds": round(time.monotonic() - self.started_at, 3),
        }


class Reporter:
    """Writes the answer, progress and outcome of one invocation."""

    def __init__(self, *, as_json: bool = False, detail: Detail = "normal") -> None:
        self.as_json = as_json
        self.detail = detail
        self.record: RunRecord | None = None
        # How to continue the run if a signal ends it.
        self.resume_hint: str | None = None
        self._is_line_open = False

    @property
    def is_verbose(self) -> bool:
        """Whether `-v` was given."""
        return self.detail == "verbose"

    def answer(self, text: str) -> None:
        """Write and flush a piece of the answer.

        Raises:
            OutputError: if standard output can't be written.
        """
        if text and not self.as_json:
            self._is_line_open = not text.endswith("\n")
            _write_stdout(replace_control_chars(text) if _is_terminal(sys.stdout) else text)

    def end_answer_line(self) -> None:
        """End the answer's last line if it's still open."""
        if self._is_line_open:
            self.answer("\n")

    def note(self, text: str) -> None:
        """Show one line of progress, unless `-q` was given."""
        if self.detail != "quiet":
            line = " ".join(text.split())
            shortened = line if len(line) <= _LONGEST_NOTE else line[: _LONGEST_NOTE - 1] + "…"
            write_stderr(shortened)

    def warn(self, text: str) -> None:
        """Show a warning, unless `-q` was given."""
        if self.detail != "quiet":
            write_stderr(f"warning: {text}")

    def document(self, content: object) -> None:
        """Write a JSON document."""
        _write_stdout(json.dumps(content, ensure_ascii=False, default=str) + "\n")

    def completed(self, output: object) -> None:
        """Finish the answer, or with `--json` write the object, and show the usage."""
        if self.as_json:
            _write_stdout(self._as_json("completed", output=output, error=None))
        self.end_answer_line()
        if self.record is not None:
            self.note(_usage_line(self.record.usage_as_json()))

    def failed(self, error: RunnerError) -> None:
        """Show the error and its hint, and with `--json` write the object."""
        if not isinstance(error, OutputError):
            try:
                self.end_answer_line()
                if self.as_json:
                    _write_stdout(self._as_json("failed", output=None, error=error))
            except OutputError as output_error:
                error = output_error
        if self.record is not None and self.record.usage.requests:
            self.note(_usage_line(self.record.usage_as_json()))
        if self.is_verbose:
            write_stderr(format_traceback(error))
        if error.message:
            write_stderr(f"error: {error.message}")
        if error.hint:
            write_stderr(f"hint: {error.hint}")

    def interrupted(self, error: RunnerError) -> None:
        """Report the signal that ended the run.

        Called in a signal handler, which may have interrupted a write to Python's buffers, so it bypasses them.
        """
        newline = "\n" if self._is_line_open else ""
        if self.resume_hint and self.detail != "quiet":
            newline += f"{self.resume_hint}\n"
        if self.as_json:
            _write_unbuffered(1, self._as_json("interrupted", output=None, error=error))
        _write_unbuffered(2, f"{newline}error: {replace_control_chars(without_secrets(error.message))}\n")

    def _as_json(self, status: Status, *, output: object, error: RunnerError | None) -> str:
        document = {
            "run_id": self.record.run_id if self.record else None,
            "status": status,
            "output": output,
            "error": error
            and {
                "kind": error.kind,
                "message": without_secrets(error.message),
                "hint": error.hint and without_secrets(error.hint),
                "retryable": error.retryable,
            },
            "usage": self.record.usage_as_json() if self.record else None,
        }
        text = json.dumps(document, ensure_ascii=False, default=str) + "\n"
        return replace_control_chars(text) if _is_terminal(sys.stdout) else text


def configure_streams() -> None:
    """Switch both streams to UTF-8, and discard standard error if it's closed.

    Raises:
        OutputError: if standard output is closed.
    """
    if sys.stderr is None:
        sys.stderr = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - never closed
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    if sys.stdout is None:
        raise OutputError("standard output is closed", "redirect it to a file or to /dev/null")


def pluralize(number: float, noun: str) -> str:
    """Return a number and its noun: `1 request`, `2 requests`, `0.5 seconds`."""
    text = str(number) if isinstance(number, int) else f"{number:g}"
    return f"{text} {noun}" if number == 1 else f"{text} {noun}s"


def flush_stdout() -> None:
    """Flush standard output, ignoring errors."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        _discard(sys.stdout)


def write_stderr(text: str) -> None:
    """Write text to standard error, without control characters, ignoring errors."""
    try:
        print(replace_control_chars(without_secrets(text)), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        _discard(sys.stderr)


def format_traceback(error: BaseException) -> str:
    """Return an exception's traceback and its causes."""
    return "".join(traceback.format_exception(error)).rstrip()


def replace_control_chars(text: str) -> str:
    """Replace every control character with `�`, except newlines and tabs."""
    return _CONTROL_CHARS.sub("�", text.replace("\r\n", "\n"))


def _is_terminal(stream: IO[str]) -> bool:
    try:
        return stream.isatty()
    except ValueError:
        return False


def _write_stdout(text: str) -> None:
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        _discard(sys.stdout)
        if _is_closed_by_reader(error):
            # As in `… | head`: nobody needs to hear about it.
            raise OutputError("") from error
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise OutputError(f"can't write to standard output: {reason}") from error


def _is_closed_by_reader(error: OSError | ValueError) -> bool:
    if sys.platform == "win32" and isinstance(error, OSError) and error.errno == errno.EINVAL:
        return True
    return isinstance(error, BrokenPipeError)


def _write_unbuffered(descriptor: int, text: str) -> None:
    try:
        os.write(descriptor, text.encode("utf-8", errors="replace"))
    except OSError:
        return


def _discard(stream: IO[str]) -> None:
    # Otherwise Python flushes the stream again at exit, and reports that it failed.
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, stream.fileno())
    except (OSError, ValueError):
        return
    finally:
        os.close(null)


def _usage_line(usage: dict[str, Any]) -> str:
    parts = [pluralize(usage["requests"], "request"), pluralize(usage["tool_calls"], "tool call")]
    parts.append(f"{usage['input_tokens']} input and {usage['output_tokens']} output tokens")
    if usage["cost_usd"] is not None:
        parts.append(f"${usage['cost_usd']:.4f}")
    return f"usage: {', '.join([*parts, f'{usage["seconds"]:.1f} s'])}"
