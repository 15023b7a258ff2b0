"""Uses a time zone."""

from datetime import datetime
from zoneinfo import ZoneInfo


def work(*words: str) -> int:
    """Print the time in Berlin."""
    print("done", datetime.now(ZoneInfo("Europe/Berlin")), *words)
    return 0
