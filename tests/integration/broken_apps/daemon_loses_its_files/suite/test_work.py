"""Black-box tests of the executable named by GATE_BINARY."""

import os
import subprocess


def test_daemon_reads_its_data() -> None:
    command = [os.environ["GATE_BINARY"], "work"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "started\n"
        assert process.wait(60) == 0
        assert process.communicate("\n", timeout=60)[0] == "gate-app\n"
