"""Black-box tests of the executable named by SAMPLE_BINARY."""

import os
import subprocess


def run_sample(*args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([os.environ["SAMPLE_BINARY"], *args], capture_output=True, text=True, timeout=60, check=False)


def test_greeting_uses_dynamic_import_and_data_file() -> None:
    assert run_sample("greet", "formal").stdout.strip() == "Good day to you."


def test_children_get_no_variables_of_the_bundle() -> None:
    assert run_sample("children").stdout.strip() == ""


def test_unknown_command_is_a_usage_error() -> None:
    assert run_sample("nonsense").returncode == 2
