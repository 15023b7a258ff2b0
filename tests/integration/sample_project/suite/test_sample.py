"""Black-box tests of the sample app, on the executable named by SAMPLE_BINARY."""

import os
import subprocess


def run_sample(*args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([os.environ["SAMPLE_BINARY"], *args], capture_output=True, text=True, timeout=60, check=False)


def test_greets_with_a_module_and_a_text_that_no_import_names() -> None:
    assert run_sample("greet", "formal").stdout.strip() == "Good day to you."


def test_child_processes_see_nothing_of_the_bundle() -> None:
    assert run_sample("children").stdout.strip() == ""


def test_an_unknown_command_is_a_usage_error() -> None:
    assert run_sample("nonsense").returncode == 2
