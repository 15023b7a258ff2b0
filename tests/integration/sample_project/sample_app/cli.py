"""One command for each thing that freezing tends to break."""

import importlib
import importlib.metadata
import importlib.resources
import os
import subprocess
import sys

from sample import PROGRAM


def main() -> int:
    """Run a command, or exit with 2 if it's unknown."""
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
    """Import the greeting's module by name, and read its text from a data file."""
    module = importlib.import_module(f"sample_app.greetings.{kind}")
    return importlib.resources.files("sample_app.greetings").joinpath(module.TEMPLATE).read_text().strip()


def child_environment() -> str:
    """The variables of the bundle that a child process inherits: none, if all is well."""
    command = ["cmd", "/c", "set"] if os.name == "nt" else ["/usr/bin/env"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return "\n".join(line for line in listed if line.startswith(("_PYI_", "LD_LIBRARY_PATH")) or "_MEI" in line)
