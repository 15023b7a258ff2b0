"""Black-box tests of the executable named by GATE_BINARY."""

import os
import subprocess


def test_child_of_c_code_is_clean() -> None:
    finished = subprocess.run([os.environ["GATE_BINARY"], "work"], capture_output=True, text=True, timeout=60, check=False)
    assert "_PYI_" not in finished.stdout
