"""Starts a script of its dependency."""

import subprocess


def work(*words: str) -> int:
    """List the lexers."""
    return subprocess.run(["pygmentize", "-L", "lexers"], check=False).returncode
