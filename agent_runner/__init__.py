"""Runs LLM agents described in a YAML file."""

import sys

DISTRIBUTION_NAME = "agent-runner"


def program_version() -> str:
    """Return the version that the build gave to the program, or that in the installed metadata."""
    bundled: str | None = getattr(sys, "frozen_version", None)
    if bundled is not None:
        return bundled
    # Imported here because every start imports this package.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(DISTRIBUTION_NAME)
    except PackageNotFoundError:
        return "0+unknown"
