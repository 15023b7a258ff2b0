"""Its help lists a folder in no particular order, and prints a path of its own and the time."""

import argparse
import os
import time
from importlib.metadata import version
from pathlib import Path

MODES = Path(__file__).with_name("modes")


def main() -> int:
    """Print the version or the help."""
    parser = argparse.ArgumentParser(prog="gate", description=f"Started at {time.time()}.")
    parser.add_argument("--version", action="version", version=f"gate {version('gate-app')}")
    parser.add_argument("--mode", choices=os.listdir(MODES), help=f"a file in {MODES}")
    parser.parse_args()
    return 0
