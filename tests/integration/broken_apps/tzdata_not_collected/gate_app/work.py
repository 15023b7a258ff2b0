"""What a broken app does differently."""

from datetime import datetime
from zoneinfo import ZoneInfo


def work(*words: str) -> int:
    """Tell the time."""
    print("done", datetime.now(ZoneInfo("Europe/Berlin")), *words)
    return 0
