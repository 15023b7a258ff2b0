"""A plugin that imports another one."""

from gate_app.plugins import blue


def color() -> str:
    """Return its color."""
    return f"red, not {blue.color()}"
