"""Writes the answer to standard output and everything else to standard error."""

import _thread
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

from agent_runner import program_version
from agent_runner.errors import OutputError, RunnerError, UsageError
from agent_runner.streams import discard

if TYPE_CHECKING:
    from pydantic_ai.usage import RunUsage

type Status = Literal["completed", "failed", "interrupted"]
type Detail = Literal["quiet", "normal", "verbose"]

_LONGEST_NOTE = 200
_WRITE_SECONDS = 1.0

# Control characters, bidirectional controls and lone surrogates. Text from a model, server or file must not move the
# terminal's cursor, set its title or disguise itself.
_CONTROL_CHARS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Replaces a secret in every message.
_hidden: dict[str, str] = {}
# Hiding shorter text would garble messages and protect nothing.
_SHORTEST_SECRET = 6
_USER_INFORMATION = re.compile(r"(?<=://)[^/\s]*@")


def hide(value: str, shown_as: str) -> None:
    """Show this text instead of a secret value in all messages."""
    from urllib.parse import quote, quote_plus, unquote

    # As it's written in URLs, JSON and Python. Messages put lines together.
    for line in (value, *value.splitlines()):
        forms = {line, quote(line, safe=""), quote(line), quote(line, safe="!$&'()*+,;=:@/?"), quote_plus(line)}
        for form in forms | {unquote(line), json.dumps(line)[1:-1], repr(line)[1:-1]}:
            if len(form) >= _SHORTEST_SECRET:
                _hidden.setdefault(form, shown_as)


def hide_credentials(url: str) -> None:
    """Don't show the user and password of a URL."""
    credentials = url.partition("://")[2].rpartition("@")[0]
    for part in (credentials, credentials.partition(":")[2]):
        hide(part, "…")


def without_secrets(text: str) -> str:
    """Return the text without hidden values and the passwords of URLs."""
    for value in sorted(_hidden, key=len, reverse=True):
        text = text.replace(value, _hidden[value])
        if "…" in text:
            # The text may have been cut off in the middle of it.
            for length in range(len(value) - 1, _SHORTEST_SECRET - 1, -1):
                text = text.replace(f"{value[:length]}…", f"{_hidden[value]}…")
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
    """Writes the answer, progress and outcome of one invocation.

    Only the last response is the answer. Where the model may call tools, a response is the answer if it calls none, so
    its text is held back until that's known.
    """

    def __init__(self, *, as_json: bool = False, as_events: bool = False, detail: Detail = "normal") -> None:
        self.as_json = as_json
        self.as_events = as_events
        self.detail = detail
        self.record: RunRecord | None = None
        # How to continue the run if a signal ends it.
        self.resume_hint: str | None = None
        self.holds_text = False
        self._transcript: IO[str] | None = None
        self._response = ""
        self._step = 0
        self._is_line_open = False
        self._end = _thread.allocate_lock()
        self._ending_thread: int | None = None

    @property
    def is_verbose(self) -> bool:
        """Whether `-v` was given."""
        return self.detail == "verbose"

    def open_transcript(self, path: Path) -> None:
        """Also write all events but pieces of text to a file, which only its owner can read.

        Raises:
            UsageError: if the file can't be written.
        """
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            self._transcript = os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise UsageError(f"can't write {path}: {error.strerror}") from error

    def started(self, record: RunRecord, agent: str, model: str) -> None:
        """Show that a run has begun."""
        self.record = record
        self.note(f"run {record.run_id}: {agent} on {model}")
        self._emit("run", run_id=record.run_id, agent=agent, model=model, version=program_version())

    def response_started(self) -> None:
        """Show that the model responds, for another time."""
        self._set_aside()
        self._step += 1
        self._emit("step", number=self._step)

    def answer(self, text: str) -> None:
        """Write and flush a piece of a response.

        Raises:
            OutputError: if standard output can't be written.
        """
        if not text:
            return
        self._response += text
        self._emit("delta", text=text)
        if not self.holds_text:
            self._write_text(text)

    def tool_called(self, call_id: str, tool: str, arguments: str, agent: str = "") -> None:
        """Show a tool call, of another agent than the run's own if one is named."""
        if not agent:
            self._set_aside()
        self.note(f"> {agent_prefix(agent)}{tool}({arguments})")
        self._emit("tool_call", id=call_id, tool=tool, arguments=_parsed(arguments), **_agent_key(agent))

    def tool_returned(self, call_id: str, tool: str, outcome: str, result: str, agent: str = "") -> None:
        """Show the result of a tool call."""
        self.note(f"< {agent_prefix(agent)}{result.strip().partition('\n')[0]}")
        self._emit("tool_result", id=call_id, tool=tool, outcome=outcome, result=result, **_agent_key(agent))

    def note(self, text: str) -> None:
        """Show one line of progress, unless `-q` was given."""
        if self.detail != "quiet":
            line = " ".join(without_secrets(text).split())
            shortened = line if len(line) <= _LONGEST_NOTE else line[: _LONGEST_NOTE - 1] + "…"
            write_stderr(shortened)

    def warn(self, text: str) -> None:
        """Show a warning, unless `-q` was given."""
        if self.detail != "quiet":
            write_stderr(f"warning: {text}")

    def document(self, content: object) -> None:
        """Write a JSON document."""
        _write_stdout(json.dumps(content, ensure_ascii=False, default=str) + "\n")

    def claim_end(self) -> bool:
        """Whether this thread is the first that reports how the program ends; only that one may, and then ends it."""
        if self._end.acquire(blocking=False):
            self._ending_thread = _thread.get_ident()
        return self._ending_thread == _thread.get_ident()

    def completed(self, output: object) -> None:
        """Finish the answer, or with `--json` write the object, and show the usage."""
        self._require_end()
        self._finish_text()
        self._write_end("completed", output=output, error=None)
        if self.record is not None:
            self.note(_usage_line(self.record.usage_as_json()))

    def failed(self, error: RunnerError) -> None:
        """Show the error and its hint, and with `--json` write the object."""
        self._require_end()
        if not isinstance(error, OutputError):
            try:
                partial = self._response
                self._finish_text()
                self._write_end("failed", output=None, error=error, partial=partial)
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

    def interrupted(self, error: RunnerError, status: Status = "interrupted") -> None:
        """Report the signal or timeout that ends the program now.

        If another thread already reports how it ends, only standard error gets this. Python's buffers are bypassed,
        because the signal may have interrupted a write to them.
        """
        is_first = self.claim_end()
        document = self._document(status, output=None, error=error, partial=self._response)
        end = json.dumps({"type": "end", **document}, ensure_ascii=False, default=str) + "\n"
        if is_first and self._transcript is not None:
            _write_unbuffered(self._transcript.fileno(), end)
        newline = ""
        if is_first and (self.as_json or self.as_events):
            _write_unbuffered(
                1, end if self.as_events else json.dumps(document, ensure_ascii=False, default=str) + "\n"
            )
        elif is_first and self.holds_text and self._response:
            held = self._response if self._response.endswith("\n") else f"{self._response}\n"
            _write_unbuffered(1, replace_control_chars(held) if _is_terminal(sys.stdout) else held)
        elif self._is_line_open:
            newline = "\n"
        if self.resume_hint and self.detail != "quiet":
            newline += f"{self.resume_hint}\n"
        _write_unbuffered(2, f"{newline}error: {replace_control_chars(without_secrets(error.message))}\n")

    def _set_aside(self) -> None:
        """Show text that isn't the answer, because tools are called or another response follows."""
        text, self._response = self._response, ""
        if not text:
            return
        self._emit("message", text=text)
        if not self.holds_text:
            self._end_line()
        elif self.detail != "quiet" and not self.as_json and not self.as_events:
            write_stderr(text.rstrip("\n"))

    def _finish_text(self) -> None:
        text, self._response = self._response, ""
        if text:
            self._emit("message", text=text)
            if self.holds_text:
                self._write_text(text)
        self._end_line()

    def _write_text(self, text: str) -> None:
        if not self.as_json and not self.as_events:
            self._is_line_open = not text.endswith("\n")
            _write_stdout(text)

    def _end_line(self) -> None:
        if self._is_line_open:
            self._write_text("\n")

    def _require_end(self) -> None:
        if not self.claim_end():
            # Waits for the end of the program.
            self._end.acquire()

    def _write_end(self, status: Status, *, output: object, error: RunnerError | None, partial: str = "") -> None:
        document = self._document(status, output=output, error=error, partial=partial)
        if self.as_json:
            _write_stdout(json.dumps(document, ensure_ascii=False, default=str) + "\n")
        if self.record is not None:
            self._emit("usage", **self.record.usage_as_json())
        self._emit("end", **document)

    def _emit(self, kind: str, **content: object) -> None:
        if not self.as_events and self._transcript is None:
            return
        line = json.dumps({"type": kind, **content}, ensure_ascii=False, default=str) + "\n"
        if kind.startswith("tool"):
            # A tool can show what it got from the environment.
            line = without_secrets(line)
        if self.as_events:
            _write_stdout(line)
        if self._transcript is not None and kind != "delta":
            try:
                self._transcript.write(line)
                self._transcript.flush()
            except OSError as error:
                raise OutputError(f"can't write the transcript: {error.strerror}") from error

    def _document(
        self, status: Status, *, output: object, error: RunnerError | None, partial: str
    ) -> dict[str, object]:
        document: dict[str, object] = {
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
        # What the model had said when the run failed.
        return {**document, "partial_output": partial} if partial else document


def agent_prefix(agent: str) -> str:
    """Return what comes before a line about an agent; nothing for the run's own, which isn't named."""
    return f"{agent}: " if agent else ""


def _agent_key(agent: str) -> dict[str, str]:
    return {"agent": agent} if agent else {}


def _parsed(arguments: str) -> object:
    try:
        return json.loads(arguments)
    except ValueError:
        # The model may have written anything.
        return arguments


def pluralize(number: float, noun: str) -> str:
    """Return a number and its noun: `1 request`, `2 requests`, `0.5 seconds`."""
    text = str(number) if isinstance(number, int) else f"{number:g}"
    return f"{text} {noun}" if number == 1 else f"{text} {noun}s"


def write_stderr(text: str) -> None:
    """Write text to standard error, without control characters, ignoring errors."""
    try:
        print(replace_control_chars(without_secrets(text)), file=sys.stderr, flush=True)
    except (OSError, ValueError):
        discard(sys.stderr)


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
    if _is_terminal(sys.stdout):
        text = replace_control_chars(text)
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except (OSError, ValueError) as error:
        discard(sys.stdout)
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
    """Write to a descriptor, and give up after a second: nobody may be reading it."""
    finished = _thread.allocate_lock()
    finished.acquire()

    def write() -> None:
        data = text.encode("utf-8", errors="replace")
        try:
            while data:
                data = data[os.write(descriptor, data) :]
        except OSError:
            pass
        finished.release()

    # Not `threading`, whose locks the interrupted code may hold.
    _thread.start_new_thread(write, ())
    finished.acquire(timeout=_WRITE_SECONDS)


def _usage_line(usage: dict[str, Any]) -> str:
    parts = [pluralize(usage["requests"], "request"), pluralize(usage["tool_calls"], "tool call")]
    parts.append(f"{usage['input_tokens']} input and {usage['output_tokens']} output tokens")
    if usage["cost_usd"] is not None:
        parts.append(f"${usage['cost_usd']:.4f}")
    return f"usage: {', '.join([*parts, f'{usage["seconds"]:.1f} s'])}"
