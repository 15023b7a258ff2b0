"""Runs LLM agents described in a file."""

DISTRIBUTION_NAME = "agent-runner"


def program_version() -> str:
    """Return the exact version that the installed or bundled metadata states."""
    # Here, because whatever is imported first of all delays every start.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(DISTRIBUTION_NAME)
    except PackageNotFoundError:
        return "0+unknown"
