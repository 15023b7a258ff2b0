"""All that the program does only because it may be a frozen, one-file executable.

What every frozen program needs, whatever it does, the build puts into it instead.
"""

import sys
from pathlib import Path

# The hidden command that serves MCP, for `doctor`.
ECHO_COMMAND = "_mcp-echo"


def is_frozen() -> bool:
    """Tell whether this is a PyInstaller executable rather than a Python installation."""
    return bool(getattr(sys, "frozen", False))


def bundle_folder() -> Path | None:
    """Return the folder that the executable's files were unpacked to, None from source."""
    folder = getattr(sys, "_MEIPASS", None)
    return Path(folder) if is_frozen() and folder else None


def self_command(*args: str) -> list[str]:
    """Return the command line that starts this program again with `args`."""
    if is_frozen():
        return [sys.executable, *args]
    return [sys.executable, "-m", "agent_runner", *args]
