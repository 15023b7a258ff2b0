"""Replace every error code with 1."""

import sys

original = sys.exit


def leave(code: object = None) -> None:
    """Exit with 0 or 1."""
    original(1 if code else 0)


sys.exit = leave
