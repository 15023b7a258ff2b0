"""The command line itself: what it answers without running anything."""

import re

import pytest

from .program import Program

VERSION = re.compile(r"agent-runner \d+\.\d+\.\d+((a|b|rc)\d+)?(\+[a-z0-9.]+)?\n")


def test_version_is_one_line_of_name_and_version(program: Program) -> None:
    finished = program.run("--version")

    assert VERSION.fullmatch(finished.stdout)
    assert (finished.exit_code, finished.stderr) == (0, "")


def test_help_names_the_commands_and_exit_codes_but_not_the_hidden_command(program: Program) -> None:
    finished = program.run("--help")

    assert finished.exit_code == 0
    assert all(word in finished.stdout for word in ("run", "doctor", "exit codes:", "143"))
    assert "_mcp-echo" not in finished.stdout


def test_an_unknown_option_is_one_error_with_exit_code_2(program: Program) -> None:
    finished = program.run("run", "a.yaml", "hi", "--jsn")

    assert (finished.exit_code, finished.stdout) == (2, "")
    assert finished.errors == ["error: unrecognized arguments: --jsn", "hint: agent-runner --help"]


@pytest.mark.wording
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "error: the following arguments are required: {run,doctor}"),
        (["walk"], "error: argument {run,doctor}: invalid choice: 'walk'"),
        (["run"], "error: the following arguments are required: AGENT.yaml"),
        (["run", "a.yaml", "hi", "--timeout", "0"], "error: argument --timeout: '0' is not a number of seconds"),
        (["run", "-q", "-v", "a.yaml", "hi"], "error: argument -v/--verbose: not allowed with argument -q/--quiet"),
        (["run", "-C", "nowhere", "a.yaml", "hi"], "error: cannot change to the folder nowhere: "),
    ],
)
def test_wrong_usage_is_one_error_with_exit_code_2(program: Program, arguments: list[str], message: str) -> None:
    finished = program.run(*arguments)

    assert finished.exit_code == 2
    assert finished.errors[0].startswith(message)
    assert finished.stdout == ""
