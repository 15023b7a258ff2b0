"""Making the libraries silent, so that standard error holds only what this program says."""

import logging
import os
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from agent_runner.errors import EnvironmentVariableError

LOG_LEVEL_VARIABLE = "AGENT_RUNNER_LOG"
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# fastmcp takes its settings from the environment while it is imported, and from `.env` in the working folder. What is
# there is hardly meant for it, and it refuses to be imported if it cannot make sense of it.
_FASTMCP_PREFIX = "FASTMCP_"
_FASTMCP_SETTINGS = {"FASTMCP_LOG_ENABLED": "false", "FASTMCP_ENV_FILE": os.devnull}


def configure_logging(*, verbose: bool, warn: Callable[[str], None]) -> None:
    """Route logging, warnings and errors in destructors; call it before any heavy import.

    Raises:
        EnvironmentVariableError: if `AGENT_RUNNER_LOG` is not the name of a level.
    """
    level = os.environ.get(LOG_LEVEL_VARIABLE, "").upper()
    if level and level not in _LEVELS:
        raise EnvironmentVariableError(f"{LOG_LEVEL_VARIABLE}={level} is not one of {', '.join(_LEVELS)}")
    if level or verbose:
        logging.basicConfig(level=level or "INFO", format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    else:
        logging.getLogger().addHandler(logging.NullHandler())
        logging.getLogger().setLevel(logging.CRITICAL)
    if not verbose:
        # Pipes and loops that are collected after the loop has closed complain, to no one's benefit.
        sys.unraisablehook = lambda _: None
    shown: set[str] = set()

    def show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        is_for_users = category.__module__.startswith("pydantic_ai") and not issubclass(category, DeprecationWarning)
        if (verbose or is_for_users) and str(message) not in shown:
            shown.add(str(message))
            warn(str(message))

    warnings.showwarning = show_warning


def import_mcp() -> None:
    """Import the MCP client's library with its own logging and settings switched off."""
    with _changed_environment(_FASTMCP_PREFIX, _FASTMCP_SETTINGS):
        import pydantic_ai.mcp  # noqa: F401 - for its effect


def import_pydantic_ai() -> None:
    """Import pydantic-ai with its first-run advertisement switched off."""
    import pydantic_ai

    pydantic_ai.BANNER_ENABLED = False


@contextmanager
def _changed_environment(prefix: str, changes: dict[str, str]) -> Iterator[None]:
    # Put back afterwards: what a tool runs shall see the user's environment, not ours.
    before = {name: value for name, value in os.environ.items() if name.upper().startswith(prefix)}
    for name in before:
        del os.environ[name]
    os.environ.update(changes)
    try:
        yield
    finally:
        for name in changes:
            del os.environ[name]
        os.environ.update(before)
