"""Load a time zone without the system's time zone files."""

from typing import Any


def answer(zone: str) -> dict[str, Any]:
    """The error, or "" for none, and whether zoneinfo is bundled at all."""
    try:
        import zoneinfo  # noqa: PLC0415
    except ImportError:
        return {"is_bundled": False, "error": ""}
    zoneinfo.reset_tzpath(to=[])
    try:
        zoneinfo.ZoneInfo.no_cache(zone)
    except (OSError, LookupError, ImportError, ValueError) as error:
        return {"is_bundled": True, "error": f"{type(error).__name__}: {error}"}
    return {"is_bundled": True, "error": ""}
