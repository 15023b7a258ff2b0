"""Black-box tests of the executable named by GATE_BINARY."""

import os
import subprocess
from pathlib import Path


def test_finds_itself() -> None:
    path = Path(os.environ["GATE_BINARY"])
    environment = {**os.environ, "PATH": f"{path.parent}{os.pathsep}{os.environ['PATH']}"}
    finished = subprocess.run(
        [path.name, "work"], env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert finished.stdout == "True\n"
