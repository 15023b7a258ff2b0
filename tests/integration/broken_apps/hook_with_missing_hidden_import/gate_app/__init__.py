"""An app that brings a hook for PyInstaller."""

from pathlib import Path


def hook_folders() -> list[str]:
    """Where PyInstaller finds the hook."""
    return [str(Path(__file__).with_name("hooks"))]
