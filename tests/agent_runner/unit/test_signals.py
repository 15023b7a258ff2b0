"""A signal is obeyed at once, whatever the program is doing."""

import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for single threads")

# The other thread goes on when the loop has begun to wait. A signal that is sent to that thread ends the wait as
# little as one that came a moment before it.
WAITING = """
import signal, sys, threading
from agent_runner.signals import exit_on_signals
from agent_runner.output import Reporter
from agent_runner.processes import ChildTrackingLoop

number = getattr(signal, sys.argv[1])
# Whoever runs the tests may ignore it, as `nohup` does.
signal.signal(number, signal.SIG_DFL)

def take_signal():
    may_take.wait()
    signal.pthread_kill(threading.get_ident(), number)

may_take = threading.Event()
threading.Thread(target=take_signal).start()
sys.setswitchinterval(1000)
loop = ChildTrackingLoop()
exit_on_signals(Reporter(), loop)
loop.call_soon(may_take.set)
loop.run_forever()
"""


@pytest.mark.parametrize(("name", "exit_code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_that_does_not_interrupt_the_wait_of_the_loop_ends_the_program(name: str, exit_code: int) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", WAITING, name], capture_output=True, text=True, check=False, timeout=60
    )
    assert (finished.returncode, finished.stderr) == (exit_code, f"error: interrupted by {signal.Signals[name].name}\n")
