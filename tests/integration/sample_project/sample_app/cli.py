"""The commands: one per thing that freezing tends to lose."""

import importlib
import importlib.metadata
import importlib.resources
import os
import subprocess
import sys

from sample import PROGRAM


def main() -> int:
    """Run one command; exit code 2 for an unknown one."""
    match sys.argv[1:]:
        case ["--version"]:
            print(f"{PROGRAM} {importlib.metadata.version('sample-app')}")
        case ["greet", kind]:
            print(greeting(kind))
        case ["distributions"]:
            print(importlib.metadata.version("platformdirs"))
        case ["children"]:
            print(child_environment())
        case _:
            print("usage: sample --version | greet KIND | distributions | children", file=sys.stderr)
            return 2
    return 0


def greeting(kind: str) -> str:
    """The text of a greeting, whose module is known by name only and whose text is a data file."""
    module = importlib.import_module(f"sample_app.greetings.{kind}")
    return importlib.resources.files("sample_app.greetings").joinpath(module.TEMPLATE).read_text().strip()


def child_environment() -> str:
    """The variables that a child process sees and that are the bundle's own: none."""
    command = ["cmd", "/c", "set"] if os.name == "nt" else ["/usr/bin/env"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return "\n".join(line for line in listed if line.startswith(("_PYI_", "LD_LIBRARY_PATH")) or "_MEI" in line)
