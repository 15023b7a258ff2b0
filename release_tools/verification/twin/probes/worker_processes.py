"""Let worker processes of multiprocessing do a little work, with every start method of the platform."""

import os
import time
from typing import Any

GUARD = "RELEASE_TOOLS_WORKERS"
WORKERS = 2
# A pool replaces workers that end, without an end, and as fast as the machine can.
MOST_WORKERS = 10


def answer(request: dict[str, Any]) -> dict[str, str]:
    """For each start method, the error or "" for none; empty if multiprocessing isn't bundled."""
    if GUARD in os.environ:
        # A worker that runs the program from the start instead would start more workers.
        os._exit(3)
    os.environ[GUARD] = "1"
    try:
        import multiprocessing.pool  # noqa: PLC0415
    except ImportError:
        return {}
    methods = request["methods"] or multiprocessing.get_all_start_methods()
    return {method: _problem(multiprocessing.get_context(method), request["seconds"]) for method in methods}


def _problem(context: Any, seconds: float) -> str:
    workers: set[int] = set()
    deadline = time.monotonic() + seconds
    try:
        with context.Pool(WORKERS) as pool:
            found = pool.map_async(abs, [-1, -2, -3, -4])
            while not found.ready() and time.monotonic() < deadline:
                workers |= {child.pid for child in context.active_children()}
                if len(workers) > MOST_WORKERS:
                    return "workers end before they have done anything"
                found.wait(0.01)
            results = found.get(0)
    except Exception as error:  # noqa: BLE001 - any error is the answer
        return f"{type(error).__name__} {error}".strip()
    return "" if results == [1, 2, 3, 4] else f"wrong results: {results}"
