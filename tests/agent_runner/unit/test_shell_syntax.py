"""Splitting command lines for the rules of `permissions`."""

import sys

import pytest

from agent_runner.shell_syntax import parse_command_line, words_as_text

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="cmd.exe has another syntax")


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        ("git status", ["git status"]),
        ("a;b&&c||d|e&f\ng", list("abcdefg")),
        ("(a; b) && { c; }", list("abc")),
        ("if a; then b; else c; fi", list("abc")),
        ("""g'i'"t" 'a b' c\\ d""", ["git 'a b' 'c d'"]),
        ("'git status'", ["'git status'"]),
        ("a 2>/dev/null >&2 2>&1 </dev/null", ["a"]),
        ("a\\\nb", ["ab"]),
        ("", []),
    ],
)
def test_plain_commands_are_split(text: str, commands: list[str]) -> None:
    line = parse_command_line(text)

    assert [words_as_text(words) for words in line.commands] == commands
    assert line.unchecked is None


@pytest.mark.parametrize(
    ("text", "unchecked"),
    [
        ("a $(b)", "$("),
        ('a "$(b)"', "$("),
        ("a `b`", "`"),
        ("a $B", "$"),
        ("a > b", ">"),
        ("a >>b", ">>"),
        ("a >&1b", ">"),
        ("a > /dev/nullx", ">"),
        ("a < b", "<"),
        ("a <<E\nb\nE", "<<"),
        ("PATH=. a", "PATH=."),
        ("a; B=c d", "B=c"),
        ("a 'b", "'"),
    ],
)
def test_syntax_with_unknown_effect_is_reported(text: str, unchecked: str) -> None:
    assert parse_command_line(text).unchecked == unchecked


@pytest.mark.parametrize(
    "text",
    [
        *("/bin/rm -r x", "./rm -r x", "RM.exe -r x", "sudo rm -r x", "sudo -n rm -r x", "env A=b rm -r x"),
        *("sh -c 'rm -r x'", "sh -c 'true; rm -r x'", "echo $(rm -r x)", 'echo "`rm -r x`"', "xargs rm -r x"),
        *("cat <<E\nrm -r x\nE", "eval rm -r x", "A=b; rm -r x"),
    ],
)
def test_hidden_commands_are_found(text: str) -> None:
    line = parse_command_line(text)

    found = [words_as_text(words) for words in (*line.commands, *line.hidden_commands)]
    assert "rm -r x" in [command.casefold() for command in found]
