"""Named by an entry point only."""


def formal(_name: str) -> str:
    """A greeting for any occasion."""
    return "Good day to you ✓"
