"""Splits command lines into simple commands, so that rules can be compared with each.

What can't be known before a command runs is reported as such, never guessed.
"""

import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

# Words that may precede a command without being one.
_RESERVED_WORDS: Final = frozenset(("!", "{", "}", "if", "then", "else", "elif", "fi", "while", "until", "do", "done"))
# Programs that run the command in their arguments.
_WRAPPERS: Final = (
    *("bash", "builtin", "busybox", "chroot", "cmd", "command", "dash", "doas", "env", "eval", "exec", "ionice", "ksh"),
    *("nice", "nohup", "powershell", "pwsh", "setsid", "sh", "ssh", "stdbuf", "su", "sudo", "time", "timeout", "watch"),
    *("xargs", "zsh"),
)
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_REDIRECTION: Final = re.compile(r"<<?-?|>[>|]?")
# These change no file.
_HARMLESS_REDIRECTION: Final = re.compile(r"(?:[<>]|>>)(?:[ \t]*/dev/null|&[0-9-])(?![^\s;&|()<>])")
_SEPARATORS: Final = frozenset(";&|()\n")
_BLANKS: Final = frozenset(" \t\r")


@dataclass(frozen=True, kw_only=True)
class CommandLine:
    """The words of each simple command, without quotes.

    `unchecked` is syntax that can turn a command into another one, and `hidden_commands` are further commands that may
    be run: by wrappers such as `sudo`, under another path, or in a substitution.
    """

    commands: tuple[tuple[str, ...], ...]
    hidden_commands: tuple[tuple[str, ...], ...]
    unchecked: str | None


def parse_command_line(text: str) -> CommandLine:
    """Split a command line for /bin/sh, or for cmd.exe on Windows."""
    if sys.platform == "win32":
        special = re.search(r"[&|<>^%!()\n\r\"]", text)
        commands, unchecked = list(_split_crudely(text)), special[0] if special else None
    else:
        lexer = _ShellLexer(text)
        commands, unchecked = list(_drop_prefixes(lexer.commands())), lexer.unchecked
        assigned = next((words[0] for words in _split_crudely(text) if _ASSIGNMENT.match(words[0])), None)
        # PATH=… or LD_PRELOAD=… makes a program run others.
        unchecked = unchecked or assigned
    hidden = [*_hidden_commands(commands), *(_split_crudely(text) if unchecked else ())]
    return CommandLine(commands=tuple(commands), hidden_commands=tuple(hidden), unchecked=unchecked)


def words_as_text(words: Sequence[str]) -> str:
    """Join words for a comparison with a rule; words with blanks stay recognizable."""
    return " ".join(repr(word) if not word or re.search(r"\s", word) else word for word in words)


def _drop_prefixes(commands: Iterator[list[str]]) -> Iterator[tuple[str, ...]]:
    for words in commands:
        start = 0
        while start < len(words) and (words[start] in _RESERVED_WORDS or _ASSIGNMENT.match(words[start])):
            start += 1
        if words[start:]:
            yield tuple(words[start:])


def _hidden_commands(commands: Sequence[tuple[str, ...]]) -> Iterator[tuple[str, ...]]:
    for program, *arguments in commands:
        name = re.split(r"[\\/]", program)[-1].casefold().removesuffix(".exe")
        yield (name, *arguments)
        if name in _WRAPPERS:
            for index, argument in enumerate(arguments):
                yield tuple(arguments[index:])
                yield from _split_crudely(argument)


def _split_crudely(text: str) -> Iterator[tuple[str, ...]]:
    """Yield everything that might be a command if quotes and escapes meant nothing."""
    for part in re.split(r"[;&|()\n\r`]", re.sub(r"[\"'\\^@]", "", text)):
        words = part.replace("$", " ").split()
        while words and words[0] in _RESERVED_WORDS:
            words = words[1:]
        if words:
            yield tuple(words)
            name = words[0].rpartition("/")[2]
            if name != words[0]:
                yield (name, *words[1:])


class _ShellLexer:
    """Splits a command line for a POSIX shell, and notes the first syntax that can't be checked."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._position = 0
        self.unchecked: str | None = None

    def commands(self) -> Iterator[list[str]]:
        words: list[str] = []
        while self._position < len(self._text):
            char = self._text[self._position]
            if char in _SEPARATORS:
                self._position += 1
                yield words
                words = []
            elif char in _BLANKS:
                self._position += 1
            elif redirection := _REDIRECTION.match(self._text, self._position):
                harmless = _HARMLESS_REDIRECTION.match(self._text, self._position)
                if harmless is None:
                    self._note(redirection[0])
                self._position = (harmless or redirection).end()
            else:
                word = self._word()
                is_descriptor = word.isdigit() and self._text.startswith((">", "<"), self._position)
                if not is_descriptor:
                    words.append(word)
        yield words

    def _word(self) -> str:
        text, word, quote = self._text, "", ""
        while self._position < len(text):
            char = text[self._position]
            if not quote and (char in _SEPARATORS or char in _BLANKS or char in "<>"):
                break
            self._position += 1
            if char == "\\" and quote != "'":
                following = text[self._position : self._position + 1]
                self._position += 1
                keeps_backslash = quote == '"' and following not in '$`"\\\n'
                word += (char if keeps_backslash else "") + following.replace("\n", "")
            elif char == quote:
                quote = ""
            elif not quote and char in "'\"":
                quote = char
            else:
                if char in "$`" and quote != "'":
                    self._note("$(" if text.startswith("(", self._position) else char)
                word += char
        if quote:
            self._note(quote)
        return word

    def _note(self, syntax: str) -> None:
        self.unchecked = self.unchecked or syntax
