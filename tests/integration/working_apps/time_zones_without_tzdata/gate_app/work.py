"""Uses a time zone without tzdata."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo


def work(*words: str) -> int:
    """Print the time in Berlin."""
    print(datetime.now(UTC).astimezone(ZoneInfo("Europe/Berlin")))
    return 0
