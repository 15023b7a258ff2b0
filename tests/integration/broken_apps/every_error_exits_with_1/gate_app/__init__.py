"""An app that works, until one thing in it is broken."""

from pathlib import Path


def hook_folders() -> list[str]:
    """Where PyInstaller finds hooks for this package."""
    return [str(Path(__file__).with_name("hooks"))]
