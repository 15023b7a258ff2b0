"""A command that waits."""

import signal


def work(*_words: str) -> int:
    """Wait for a signal."""
    print("ready", flush=True)
    signal.pause()
    return 0
