"""The command line: `--version`, `--help` and usage errors."""

import re

import pytest

from .program import Program

VERSION = re.compile(r"agent-runner \d+\.\d+\.\d+((a|b|rc)\d+)?(\+[a-z0-9.]+)?\n")


def test_version_is_one_line(program: Program) -> None:
    finished = program.run("--version")

    assert VERSION.fullmatch(finished.stdout)
    assert (finished.exit_code, finished.stderr) == (0, "")


def test_help_hides_internal_command(program: Program) -> None:
    finished = program.run("--help")

    assert finished.exit_code == 0
    assert {"run", "doctor", "130", "143"} <= set(re.findall(r"\w+", finished.stdout))
    assert "_mcp-echo" not in finished.stdout


def test_unknown_option_is_usage_error(program: Program) -> None:
    finished = program.run("run", "a.yaml", "hi", "--jsn")

    assert (finished.exit_code, finished.stdout) == (2, "")
    assert finished.errors == ["error: unrecognized arguments: --jsn", "hint: see agent-runner --help"]


@pytest.mark.source_only
def test_usage_error_is_json_too(program: Program) -> None:
    finished = program.run("run", "--json", "--nonsense", "a.yaml")

    assert (finished.exit_code, finished.document["error"]["kind"]) == (2, "usage")


@pytest.mark.source_only
def test_internal_command_is_not_suggested(program: Program) -> None:
    finished = program.run("rnu")

    assert finished.exit_code == 2
    assert "_mcp-echo" not in finished.stderr


@pytest.mark.source_only
@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [(["-C", "nowhere", "agent.yaml", "hi"], b""), (["agent.yaml"], b" \n"), (["agent.yaml"], b"\xff\xfe")],
    ids=["missing directory", "empty prompt", "prompt not in UTF-8"],
)
def test_unusable_input_is_usage_error(program: Program, arguments: list[str], stdin: bytes) -> None:
    program.write("agent.yaml", "model: test\n")

    finished = program.run("run", "--json", *arguments, stdin=stdin)

    assert (finished.exit_code, finished.document["error"]["kind"]) == (2, "usage")
