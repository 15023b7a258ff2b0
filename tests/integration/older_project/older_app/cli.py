"""Print the versions of the dependencies, by their metadata and by their code."""

import argparse
from importlib.metadata import version

import packaging
import packaging.version
import rich
import setuptools

NAMES = ("packaging", "rich", "setuptools")


def main() -> int:
    parser = argparse.ArgumentParser(prog="older", description=__doc__)
    parser.add_argument("--version", action="version", version=f"older {version('older-app')}")
    parser.add_argument("command", choices=["versions"])
    parser.parse_args()
    rich.print({name: version(name) for name in NAMES})
    # Later releases lack this class.
    is_old = hasattr(packaging.version, "LegacyVersion")
    return (
        0 if is_old and all(module.__version__ == version(module.__name__) for module in (packaging, setuptools)) else 1
    )
