"""What every `python -m release_tools…` has in common: from its arguments to its exit code."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from release_tools.errors import ReleaseError, reporting_os_errors
from release_tools.processes.run import end_all_at_signals


def _leave_the_project_folder() -> None:
    """Take the current folder, from which `python -m` loaded this, off the path.

    Metadata that other tools left there, such as an `.egg-info` folder, would count as installed in the environment.
    """
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != Path.cwd()]


def run_command(parser: argparse.ArgumentParser) -> int:
    """Exit code 0 when the archive is in `dist/`, 1 for a failure that is told on stderr, 130 when interrupted."""
    options = parser.parse_args()
    _leave_the_project_folder()
    end_all_at_signals()
    # Off a terminal there is no width to ask for, and 80 columns would fold the report.
    console = Console() if sys.stdout.isatty() else Console(width=120)
    try:
        with reporting_os_errors():
            options.run(options, console)
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted\nhint: dist/ is as it was; start again with the same command", file=sys.stderr)
        return 130
    return 0
