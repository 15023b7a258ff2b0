"""Starts its workers when it's imported."""

import multiprocessing

WORKERS = multiprocessing.Pool(2)


def work(*words: str) -> int:
    """Let a worker print."""
    WORKERS.map(print, words)
    return 0
