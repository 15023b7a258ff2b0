"""A command that was started ignoring Ctrl-C, as a script's background job is."""

import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[3]
IN_THE_BACKGROUND = """
import argparse, signal, subprocess, sys
from release_tools.command_line import run_command

def work(options, console):
    signal.raise_signal(signal.SIGINT)
    program = "import signal; print(signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    subprocess.run([sys.executable, "-c", program], check=True)

signal.signal(signal.SIGINT, signal.SIG_IGN)
parser = argparse.ArgumentParser()
parser.set_defaults(run=work)
sys.exit(run_command(parser))
"""


@pytest.mark.programs
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no background jobs that ignore Ctrl-C")
def test_background_job_ignores_an_interrupt_and_its_programs_do_not() -> None:
    command = [sys.executable, "-c", IN_THE_BACKGROUND]
    finished = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, timeout=60)
    assert (finished.returncode, finished.stdout.split()) == (0, ["True"]), finished.stderr
