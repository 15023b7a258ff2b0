"""Black-box tests of the executable named by GATE_BINARY."""

import os
import subprocess
from pathlib import Path


def test_next_start_removes_the_folder(tmp_path: Path) -> None:
    command = [os.environ["GATE_BINARY"], "work"]
    environment = {**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path), "TMP": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, env=environment) as process:
        assert process.stdout
        assert process.stdout.readline().strip() == b"ready"
        process.kill()
    subprocess.run(command, env=environment, input=b"\n", stdout=subprocess.PIPE, timeout=60, check=True)
    assert list(tmp_path.iterdir()) == []
