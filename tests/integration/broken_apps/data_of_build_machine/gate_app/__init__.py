"""An app with a hook for PyInstaller."""

from pathlib import Path


def hook_folders() -> list[str]:
    """The folder of the hook."""
    return [str(Path(__file__).with_name("hooks"))]
