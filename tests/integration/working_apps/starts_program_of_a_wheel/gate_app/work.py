"""Starts a program that a dependency brings along, where the dependency finds it."""

import subprocess
import sys
import sysconfig
from pathlib import Path

import ninja


def work(*words: str) -> int:
    """Print a line."""
    program = Path(ninja.BIN_DIR, "ninja")
    subprocess.run([program, "--version"], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([sys.executable, "-m", "ninja", "--version"], check=True, stdout=subprocess.DEVNULL)
    if not program.is_relative_to(sys.prefix) or program.parent != Path(sysconfig.get_path("scripts")):
        return 3
    print("done", *words)
    return 0
