"""Tells the time elsewhere."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def work(*words: str) -> int:
    """Print it."""
    print(datetime.now(UTC).astimezone(ZoneInfo("Europe/Berlin")))
    return 0
