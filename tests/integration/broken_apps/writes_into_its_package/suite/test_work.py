"""Black-box tests of the executable named by GATE_BINARY."""

import os
import subprocess


def test_is_killed() -> None:
    assert subprocess.run([os.environ["GATE_BINARY"], "work", "killed"], timeout=60, check=False).returncode != 0
