"""Nobody should see a traceback after Ctrl-C."""

import signal

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
