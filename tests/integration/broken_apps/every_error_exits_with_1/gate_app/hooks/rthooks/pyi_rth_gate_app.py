"""Nobody should see more than that something went wrong."""

import sys

original = sys.exit


def leave(code: object = None) -> None:
    """Exit, with 1 for every error."""
    original(1 if code else 0)


sys.exit = leave
