"""Imports third-party libraries and keeps them from printing anything of their own."""

import logging
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import override

from agent_runner.errors import EnvironmentVariableError
from agent_runner.lazy_packages import install_lazy_packages
from agent_runner.left_out import install_stand_in
from agent_runner.output import replace_control_chars, without_secrets

LOG_LEVEL_VARIABLE = "AGENT_RUNNER_LOG"
_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# fastmcp reads its settings while it's imported, from the environment and from `.env` in the working directory, and
# fails on invalid ones. Such a `.env` usually belongs to another program.
_FASTMCP_PREFIX = "FASTMCP_"
_MCP_SETTINGS = {
    "FASTMCP_LOG_ENABLED": "false",
    "FASTMCP_ENV_FILE": os.devnull,
    # Type checks at run time in a store of OAuth tokens, which takes a tenth of the time to the first token.
    "PY_KEY_VALUE_DISABLE_BEARTYPE": "true",
}

_IMPORT_LOCK = threading.Lock()


def configure_logging(*, verbose: bool, warn: Callable[[str], None]) -> None:
    """Configure logging, warnings and unraisable exceptions. Call this before importing anything heavy.

    Raises:
        EnvironmentVariableError: if `AGENT_RUNNER_LOG` isn't a log level.
    """
    level = os.environ.get(LOG_LEVEL_VARIABLE, "").upper()
    if level and level not in _LEVELS:
        raise EnvironmentVariableError(
            f"invalid {LOG_LEVEL_VARIABLE}: {level!r}", f"set it to one of {', '.join(_LEVELS)}"
        )
    if level or verbose:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(_SafeFormatter("%(levelname)s %(name)s: %(message)s"))
        logging.basicConfig(level=level or "INFO", handlers=[handler])
    else:
        logging.getLogger().addHandler(logging.NullHandler())
        logging.getLogger().setLevel(logging.CRITICAL)
    if not verbose:
        # Pipes and event loops that are collected after the loop is closed raise exceptions that nobody can act on.
        sys.unraisablehook = lambda _: None
    shown: set[str] = set()

    def show_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
        is_for_users = category.__module__.startswith("pydantic_ai") and not issubclass(category, DeprecationWarning)
        if (verbose or is_for_users) and str(message) not in shown:
            shown.add(str(message))
            warn(str(message))

    warnings.showwarning = show_warning


class _SafeFormatter(logging.Formatter):
    """Formats what libraries log without secrets and control characters."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        return replace_control_chars(without_secrets(super().format(record)))


def import_mcp() -> None:
    """Import the MCP client, ignoring settings and log output of fastmcp."""
    install_stand_in()
    import_pydantic_ai()
    # The environment belongs to the whole process, and a worker begins several runs at once.
    with _IMPORT_LOCK, _changed_environment(_FASTMCP_PREFIX, _MCP_SETTINGS):
        import mcp_types._wire_base

        # Each version of the protocol has a hundred models. pydantic builds those that are used, when they are.
        mcp_types._wire_base.WireModel.model_config["defer_build"] = True  # noqa: SLF001 - no public base class
        import pydantic_ai.mcp  # noqa: F401 - for its side effects


def import_pydantic_ai() -> None:
    """Import pydantic-ai without its banner, and without what a run doesn't use."""
    install_lazy_packages()
    import pydantic_ai

    pydantic_ai.BANNER_ENABLED = False


@contextmanager
def _changed_environment(prefix: str, changes: dict[str, str]) -> Iterator[None]:
    # Restored afterwards, because tools inherit the environment.
    before = {name: value for name, value in os.environ.items() if name.upper().startswith(prefix) or name in changes}
    for name in before:
        del os.environ[name]
    os.environ.update(changes)
    try:
        yield
    finally:
        for name in changes:
            del os.environ[name]
        os.environ.update(before)
