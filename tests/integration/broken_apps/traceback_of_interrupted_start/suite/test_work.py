"""Black-box tests of the executable named by GATE_BINARY."""

import os
import signal
import subprocess


def test_interrupted_start_is_silent() -> None:
    command = [os.environ["GATE_BINARY"], "work"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "importing\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1].count("start-gate.py") == 0
        assert process.returncode == -signal.SIGINT
