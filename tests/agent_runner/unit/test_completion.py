"""Completion scripts have every command and option, and shells accept them."""

import argparse
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from agent_runner.cli import main
from agent_runner.command_line import build_parser

SHELLS = ("bash", "zsh", "fish")


def script(shell: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["completion", shell]) == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("shell", SHELLS)
def test_script_has_every_command_and_option(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = script(shell, capsys)

    assert "_mcp-echo" not in text
    commands = next(action for action in build_parser()._actions if isinstance(action, argparse._SubParsersAction))
    for name, parser in commands.choices.items():
        if name.startswith("_"):
            continue
        assert name in text
        for option in (option for action in parser._actions for option in action.option_strings):
            assert (option.lstrip("-") if shell == "fish" else option) in text, (name, option)


@pytest.mark.programs
@pytest.mark.parametrize("shell", SHELLS)
def test_shell_accepts_script(shell: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    if shutil.which(shell) is None or sys.platform == "win32":
        pytest.skip(f"{shell} isn't installed")
    path = tmp_path / "script"
    path.write_text(script(shell, capsys))

    checked = subprocess.run([shell, "-n", path], capture_output=True, text=True, check=False)

    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.programs
@pytest.mark.skipif(sys.platform != "linux", reason="bash is absent, or older than the scripts need")
def test_bash_completes_options_and_files(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "script").write_text(script("bash", capsys))
    (tmp_path / "triage.yaml").touch()
    ask = '_shtab_agent_runner; echo "${COMPREPLY[@]}"'
    code = "source ./script; COMP_CWORD=2; "
    code += f"COMP_WORDS=(agent-runner run --js); {ask}; COMP_WORDS=(agent-runner run tri); {ask}"

    completed = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path)

    assert completed.stdout.splitlines() == ["--json --json-events", "triage.yaml"]
