"""Block SIGINT, so that Ctrl-C prints no traceback."""

import signal

signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
