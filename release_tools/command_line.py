"""Runs a command of `python -m release_tools…`: from its arguments to its exit code."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from release_tools.errors import ReleaseError, reporting_os_errors
from release_tools.processes.run import kill_all_at_signals
from release_tools.processes.signals import ignore_keyboard_alone


def _remove_project_from_path() -> None:
    """Remove the current folder, which `python -m` adds, from `sys.path`.

    Metadata in it, such as an `.egg-info` folder, would count as installed in the environment.
    """
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path.cwd()]


def run_command(parser: argparse.ArgumentParser) -> int:
    """Run the chosen command. Exit code 0, 1 for a failure reported on stderr, 130 after an interrupt."""
    options = parser.parse_args()
    _remove_project_from_path()
    kill_all_at_signals()
    ignore_keyboard_alone()
    # Without a terminal Rich assumes 80 columns, which would wrap the report.
    console = Console() if sys.stdout.isatty() else Console(width=120)
    try:
        with reporting_os_errors():
            options.run(options, console)
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted\nhint: run the same command again", file=sys.stderr)
        return 130
    return 0
