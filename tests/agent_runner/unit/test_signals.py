"""A signal ends the program even if it doesn't interrupt the event loop's wait."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows can't send a signal to a single thread")

# The thread continues when the event loop waits. A signal sent to that thread doesn't interrupt the wait, as if it had
# arrived just before.
SIGNAL_DURING_WAIT = """
import signal, sys, threading
from agent_runner.signals import exit_on_signals
from agent_runner.output import Reporter
from agent_runner.processes import ChildTrackingLoop

number = getattr(signal, sys.argv[1])
# The tests may run with the signal ignored, for example under `nohup`.
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
def test_signal_wakes_waiting_event_loop(name: str, exit_code: int) -> None:
    finished = subprocess.run(
        [sys.executable, "-c", SIGNAL_DURING_WAIT, name], capture_output=True, text=True, check=False, timeout=60
    )

    assert (finished.returncode, finished.stderr) == (exit_code, f"error: interrupted by {name}\n")
