"""Plain text on a Rich console."""

from rich.console import Console

from release_tools.errors import escape_control_chars


def print_plain(console: Console, text: str) -> None:
    """Print text at once, without markup, highlighting or wrapping, and with control characters escaped."""
    console.print(escape_control_chars(text), markup=False, highlight=False, soft_wrap=True)
    console.file.flush()
