"""`init` writes an agent file that works."""

import re
from pathlib import Path

import pytest

from agent_runner.agent_file import load_agent_file, parse_agent_file
from agent_runner.cli import main
from agent_runner.starter import STARTER


def test_starter_is_valid(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new.yaml"

    assert main(["init", str(path)]) == 0

    assert load_agent_file(path).settings.limits.requests == 50
    assert path.read_text().startswith("# yaml-language-server: $schema=")
    shown = capsys.readouterr()
    assert shown.out == ""
    assert f"agent-runner run {path}" in shown.err


def test_starter_is_valid_with_all_that_is_commented_out() -> None:
    keys = r"(prompt|vars|env|mcpServers|  github|commands|output_schema): ?"
    uncommented = re.sub(rf"^( *)# (?={keys})", r"\1", STARTER, flags=re.MULTILINE)

    settings = parse_agent_file(Path("a.yaml"), uncommented).settings

    assert settings.model_fields_set >= {"prompt", "vars", "env", "mcp_servers", "output_schema", "permissions"}
    assert settings.permissions.commands.allow


def test_existing_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "agent.yaml"
    path.write_text("mine")

    assert main(["init", str(path)]) == 2
    assert path.read_text() == "mine"


def test_missing_folder_is_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", str(tmp_path / "absent" / "agent.yaml")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 2
