"""A plugin that nothing imports by name."""


def color() -> str:
    """Return its color."""
    return "blue"
