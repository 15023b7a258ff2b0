"""docs/agent-runner.md describes every key, option, variable and exit code, and nothing else."""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest
from jsonschema import Draft202012Validator
from pydantic import BaseModel

from agent_runner import command_line, errors
from agent_runner.agent_file import (
    AgentSettings,
    BuiltInTool,
    Limits,
    McpServerSettings,
    Permissions,
    Rules,
    editor_schema,
)
from agent_runner.providers import PROVIDERS

REFERENCE = (Path(__file__).parents[3] / "docs/agent-runner.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", REFERENCE, re.MULTILINE | re.DOTALL))


def keys(model: type[BaseModel]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def first_column(section: str) -> set[str]:
    """Return the names in the first column of a section's tables."""
    cells = re.findall(r"^\| ([^|]+?) \|", SECTIONS[section], re.MULTILINE)
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize(
    ("section", "model"), [("Agent file", AgentSettings), ("MCP servers", McpServerSettings), ("Limits", Limits)]
)
def test_tables_list_exactly_the_keys(section: str, model: type[BaseModel]) -> None:
    assert first_column(section) - {"limits"} | ({"limits"} & keys(model)) == keys(model)


@pytest.mark.parametrize("model", [Permissions, Rules])
def test_permissions_are_described(model: type[BaseModel]) -> None:
    for key in keys(model):
        assert re.search(rf"\b{key}:|`{key}`", SECTIONS["Tools and permissions"]), key


def test_exit_codes_are_those_of_the_program() -> None:
    codes = {value for name, value in vars(errors).items() if name.startswith("EXIT_")}

    table = re.findall(r"^\| ([\d, ]+) \|", SECTIONS["Exit codes"], re.MULTILINE)
    assert {int(code) for cell in table for code in cell.split(",")} == codes
    assert {int(code) for code in re.findall(r"^  (\d+) ", command_line._EPILOG, re.MULTILINE)} == codes


def test_synopsis_lists_every_command_and_option() -> None:
    commands = next(
        action for action in command_line.build_parser()._actions if isinstance(action, argparse._SubParsersAction)
    ).choices
    synopsis = REFERENCE.split("```")[1]
    for name, parser in commands.items():
        if name.startswith("_"):
            continue
        lines = " ".join(line for line in synopsis.splitlines() if line.startswith(f"agent-runner {name}"))
        assert lines, name
        for action in parser._actions:
            options = set(action.option_strings) - {"-h", "--help"}
            assert not options or options & set(re.findall(r"--?[\w-]+", lines)), (name, options)


def test_tools_providers_and_variables_are_described() -> None:
    names = [*get_args(BuiltInTool.__value__), *(f"{provider.prefix}:" for provider in PROVIDERS)]
    names += [name for provider in PROVIDERS for name in (provider.key_variable, provider.url_variable)]
    assert [name for name in names if f"`{name}`" not in REFERENCE] == []


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze isn't installed")
def test_systemd_unit_is_valid(tmp_path: Path) -> None:
    unit = next(block for block in re.findall(r"```ini\n(.*?)```", REFERENCE, re.DOTALL) if "[Service]" in block)
    path = tmp_path / "agent-runner.service"
    # It checks that the program exists.
    path.write_text(re.sub(r"(?<=ExecStart=)\S+", sys.executable, unit), encoding="utf-8")

    found = subprocess.run(["systemd-analyze", "verify", path], capture_output=True, text=True, check=False)

    assert (found.returncode, found.stderr) == (0, "")


def test_editor_schema_accepts_short_forms_and_rejects_typos() -> None:
    validator = Draft202012Validator(editor_schema())

    assert list(validator.iter_errors({"model": "test", "retries": 3, "env": ["A"], "mcpServers": {}})) == []
    assert list(validator.iter_errors({"modell": "test"}))
