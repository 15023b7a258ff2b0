"""Runs LLM agents described in a YAML file."""

DISTRIBUTION_NAME = "agent-runner"


def program_version() -> str:
    """Return the version in the installed or bundled metadata."""
    # Imported here because every start imports this package.
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(DISTRIBUTION_NAME)
    except PackageNotFoundError:
        return "0+unknown"
