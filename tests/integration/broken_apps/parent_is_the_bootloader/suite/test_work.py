"""Black-box tests of the executable named by GATE_BINARY."""

import os
import subprocess


def test_finds_its_parent() -> None:
    finished = subprocess.run([os.environ["GATE_BINARY"], "work"], capture_output=True, text=True, timeout=60, check=False)
    assert finished.stdout == f"{os.getpid()}\n"
