"""Black-box tests of the executable named by GATE_BINARY."""

import os
import signal
import subprocess


def test_interrupt_ends_the_program() -> None:
    command = [os.environ["GATE_BINARY"], "work"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        assert process.returncode == -signal.SIGINT
