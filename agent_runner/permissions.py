"""What the agent's tools may do: the rules of `permissions`, and asking the user where a rule says so.

Rules are a safeguard, not a sandbox: a program that's allowed to run can do whatever the user can.
"""

import fnmatch
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Final

from agent_runner.agent_file import Permissions, Rules, Verdict
from agent_runner.approval import Approver
from agent_runner.shell_syntax import parse_command_line, words_as_text

if TYPE_CHECKING:
    from pydantic_ai.exceptions import ToolFailed

type _Matcher = Callable[[str, str], bool]

# A tool that never returns would keep the run from ending.
DEFAULT_TOOL_SECONDS: Final = 600.0
_STRICTNESS: Final[tuple[Verdict, ...]] = ("allow", "ask", "deny")


class PermissionChecker:
    """Decides on the calls of one run.

    Each method returns if the call is permitted, and raises `ToolFailed`, which the model sees, if it isn't.
    """

    def __init__(
        self,
        permissions: Permissions | None = None,
        approver: Approver | None = None,
        outer: "PermissionChecker | None" = None,
    ) -> None:
        # Of the agent that called this one, which may do no more.
        self._outer = outer
        self._permissions = permissions or Permissions()
        self._approver = approver or Approver()
        self.root = Path(self._permissions.root).expanduser().resolve()

    async def check_tool(self, name: str) -> None:
        """Check the name of a tool that's called."""
        verdict, reason = _judge(self._permissions.tools, [name], [], _name_matches)
        await self._enforce(verdict, f"call {name}", reason, "permissions.tools")
        if self._outer is not None:
            await self._outer.check_tool(name)

    async def check_command(self, command: str) -> None:
        """Check a command line for the shell."""
        rules, is_read_only = self._permissions.commands, self._permissions.read_only
        if is_read_only and rules.otherwise != "ask":
            rules = rules.model_copy(update={"otherwise": "deny"})
        line = parse_command_line(command)
        hidden = [words_as_text(words) for words in line.hidden_commands]
        verdict, reason = _judge(rules, [words_as_text(words) for words in line.commands], hidden, _name_matches)
        if line.unchecked is not None:
            fallback = _unmatched(rules)
            if _STRICTNESS.index(fallback) > _STRICTNESS.index(verdict):
                verdict, reason = fallback, f"rules can't check {line.unchecked!r} in it; run plain commands"
        place = "permissions.read_only" if is_read_only and not rules.allow else "permissions.commands"
        await self._enforce(verdict, f"run: {command}", reason, place)
        if self._outer is not None:
            await self._outer.check_command(command)

    async def check_path(self, path: str, *, writes: bool) -> Path:
        """Check the path of a file tool, and return it without symbolic links."""
        try:
            resolved = Path(path).resolve()
        except (OSError, ValueError, RuntimeError) as error:
            raise tool_failed(f"can't use {path!r}: {error}") from error
        if not resolved.is_relative_to(self.root):
            raise tool_failed(f"denied: {path} isn't below {self.root} (permissions.root)")
        inside = resolved.relative_to(self.root).as_posix()
        if sys.platform == "win32" and ":" in inside:
            raise tool_failed(f"denied: {path} names an alternate data stream, which is another name of a file")
        if writes and self._permissions.read_only:
            raise tool_failed("denied: the agent may not write files (permissions.read_only)")
        action = "write" if writes else "read"
        for place in ("paths", "writes") if writes else ("paths",):
            verdict, reason = _judge(getattr(self._permissions, place), [inside], [], _path_matches)
            await self._enforce(verdict, f"{action} {resolved}", reason, f"permissions.{place}")
        if self._outer is not None:
            await self._outer.check_path(path, writes=writes)
        return resolved

    async def _enforce(self, verdict: Verdict, action: str, reason: str | None, place: str) -> None:
        if verdict == "ask":
            reason = await self._approver.refusal(action)
        elif verdict == "allow":
            reason = None
        if reason is not None:
            raise tool_failed(f"denied: {reason} ({place})")


def tool_failed(message: str) -> "ToolFailed":
    """Return the exception that gives the model this message as the failure of its call."""
    from pydantic_ai.exceptions import ToolFailed

    return ToolFailed(message)


def _judge(rules: Rules, names: Sequence[str], hidden: Sequence[str], matches: _Matcher) -> tuple[Verdict, str]:
    """Return the strictest verdict, and why: `deny` and `ask` rules match hidden names too."""
    guess = partial(_first_match, matches=matches)
    if denied := guess(rules.deny, [*names, *hidden]):
        return "deny", f"the rule {denied!r} forbids it"
    verdict: Verdict = "ask" if guess(rules.ask, hidden) else "allow"
    for name in names:
        if guess(rules.ask, [name]):
            verdict = "ask"
        elif not any(matches(name, pattern) for pattern in rules.allow or ()):
            unmatched = _unmatched(rules)
            if unmatched == "deny":
                allowed = f"only {', '.join(map(repr, rules.allow))}" if rules.allow else "none"
                return "deny", f"no rule allows {name!r}; allowed: {allowed}"
            verdict = max(verdict, unmatched, key=_STRICTNESS.index)
    return verdict, ""


def _first_match(patterns: Iterable[str], names: Sequence[str], matches: _Matcher) -> str | None:
    # Ignoring case, because many file systems do.
    for pattern in patterns:
        if any(matches(name.casefold(), pattern.casefold()) for name in names):
            return pattern
    return None


def _unmatched(rules: Rules) -> Verdict:
    return rules.otherwise or ("allow" if rules.allow is None else "deny")


def _name_matches(name: str, pattern: str) -> bool:
    """Return whether a pattern with `*` matches the whole name; `git *` includes `git` alone."""
    literal = re.sub(r"[?\[]", lambda match: f"[{match[0]}]", pattern)
    return any(fnmatch.fnmatchcase(text, literal) for text in (name, f"{name} "))


def _path_matches(path: str, pattern: str) -> bool:
    """Return whether a pattern matches a path or a folder above it; without a slash, it matches in any folder."""
    trimmed = pattern.removeprefix("./").rstrip("/") or "."
    everywhere = trimmed if "/" in trimmed or trimmed == "." else f"**/{trimmed}"
    own = PurePosixPath(path)
    return any(each.full_match(everywhere, case_sensitive=True) for each in (own, *own.parents))
