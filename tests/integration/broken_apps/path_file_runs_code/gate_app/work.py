"""Needs the patch."""

import platformdirs


def work(*words: str) -> int:
    """Fail without the patch."""
    assert platformdirs.is_patched  # type: ignore[attr-defined]
    print("done", *words)
    return 0
