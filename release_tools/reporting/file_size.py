"""File sizes as text."""

from typing import Final

# A smaller file would be 0.0 MB.
_MIN_MEGABYTES: Final = 100_000


def format_size(size_bytes: int) -> str:
    return f"{size_bytes / 1_000_000:.1f} MB" if size_bytes >= _MIN_MEGABYTES else f"{size_bytes} bytes"
