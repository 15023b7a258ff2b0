"""Black-box tests of the executable named by GATE_BINARY."""

import os
import select
import signal
import subprocess


def test_cleans_up_after_one_interrupt() -> None:
    command = [os.environ["GATE_BINARY"], "work"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        os.killpg(process.pid, signal.SIGINT)
        assert process.stdout.readline() == "counted\n"
        select.select([process.stdout], [], [], 1)
        process.send_signal(signal.SIGUSR1)
        assert process.communicate(timeout=60)[0] == "1\n"
