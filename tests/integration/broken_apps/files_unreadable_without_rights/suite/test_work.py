"""Black-box tests of the executable named by GATE_BINARY."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def test_reads_its_data_without_rights() -> None:
    if Path(os.environ["GATE_BINARY"]).read_bytes().startswith(b"#!"):
        pytest.skip("from source, the environment's files are below a folder that only root can read")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        finished = subprocess.run(
            [shutil.copy(os.environ["GATE_BINARY"], folder), "work"],
            env={**os.environ, "TMPDIR": folder},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert finished.stdout == "gate-app\n"


def test_version_is_printed() -> None:
    subprocess.run([os.environ["GATE_BINARY"], "--version"], check=True, timeout=60)
