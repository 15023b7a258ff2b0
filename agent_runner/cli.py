"""Runs a command.

Imports are where they're needed: `--version` is answered without any, and `--help` without heavy ones.
"""

import contextlib
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent_runner import DISTRIBUTION_NAME, program_version
from agent_runner.errors import (
    EXIT_FAILURE,
    EXIT_INTERRUPTED,
    EXIT_SUCCESS,
    InternalError,
    RunnerError,
)
from agent_runner.streams import configure_streams, flush_stdout

if TYPE_CHECKING:
    import argparse

    from agent_runner.output import Detail, Reporter
    from agent_runner.processes import ChildTrackingLoop


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program and return its exit code; the arguments default to `sys.argv`."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        configure_streams()
        if [*given] == ["--version"]:
            return _print_version()
        from agent_runner.command_line import parse

        return _run(parse(given))
    except SystemExit as end:
        # Raised by argparse, as for `--help`.
        flush_stdout()
        return EXIT_SUCCESS if end.code is None else int(end.code)
    except KeyboardInterrupt:
        # Before the signal handlers are installed.
        return EXIT_INTERRUPTED
    except RunnerError as error:
        from agent_runner.output import Reporter

        Reporter(as_json="--json" in given, as_events="--json-events" in given).failed(error)
        return error.exit_code


def _print_version() -> int:
    # Without argparse, which takes longer to import than everything else. Like it, this ignores that nobody reads.
    with contextlib.suppress(OSError):
        print(DISTRIBUTION_NAME, program_version(), flush=True)
    return EXIT_SUCCESS


def _run(options: "argparse.Namespace") -> int:
    from agent_runner.garbage_collection import collection_paused
    from agent_runner.output import Reporter
    from agent_runner.third_party import configure_logging

    reporter = Reporter(
        as_json=getattr(options, "json", False),
        as_events=getattr(options, "json_events", False),
        detail=_detail(options),
    )
    try:
        if getattr(options, "transcript", None) is not None:
            reporter.open_transcript(options.transcript)
        configure_logging(verbose=reporter.is_verbose, warn=reporter.warn)
        with collection_paused():
            return _dispatch(options, reporter)
    except RunnerError as error:
        reporter.failed(error)
        return error.exit_code
    except (SystemExit, KeyboardInterrupt):
        raise
    except BaseException as error:  # noqa: BLE001 - no traceback without -v, also for cancellations
        reporter.failed(InternalError.wrap(error))
        return EXIT_FAILURE


def _dispatch(options: "argparse.Namespace", reporter: "Reporter") -> int:  # noqa: PLR0911 - one per kind of command
    from agent_runner.command_line import ECHO_COMMAND

    if options.command == ECHO_COMMAND:
        from agent_runner.echo_server import serve_echo

        serve_echo()
        return EXIT_SUCCESS
    if options.command == "schema":
        from agent_runner.agent_file import editor_schema

        reporter.document(editor_schema())
        return EXIT_SUCCESS
    if options.command == "completion":
        from agent_runner.command_line import build_parser
        from agent_runner.completion import print_completion

        print_completion(build_parser(), options.shell, reporter)
        return EXIT_SUCCESS
    if options.command == "init":
        from agent_runner.starter import create_agent_file

        create_agent_file(options.agent_file, reporter)
        return EXIT_SUCCESS
    if getattr(options, "store", None) is not None or options.command in ("submit", "worker", "cancel"):
        return _use_store(options, reporter)

    from agent_runner import run_commands

    if options.command == "runs":
        return run_commands.show_runs(options, reporter)

    from agent_runner.processes import ChildTrackingLoop, kill_children_on_exit
    from agent_runner.signals import exit_on_signals
    from agent_runner.watchdog import exit_at_timeout

    kill_children_on_exit()
    loop = ChildTrackingLoop()
    exit_on_signals(reporter, loop)
    timeout = getattr(options, "timeout", None)
    stopped = exit_at_timeout(timeout, "--timeout", reporter, loop) if timeout else None
    try:
        match options.command:
            case "run":
                return run_commands.run(options, reporter, loop)
            case "resume":
                return run_commands.resume(options, reporter, loop)
        return _examine(options, reporter, loop)
    finally:
        if stopped is not None:
            stopped.set()


def _examine(options: "argparse.Namespace", reporter: "Reporter", loop: "ChildTrackingLoop") -> int:
    from agent_runner.doctor import check_agent_file, check_installation

    if options.agent_file is None:
        return check_installation(reporter)
    return check_agent_file(options.agent_file, reporter, loop)


def _use_store(options: "argparse.Namespace", reporter: "Reporter") -> int:
    from agent_runner import store_commands
    from agent_runner.processes import kill_children_on_exit

    match options.command:
        case "submit":
            return store_commands.submit(options, reporter)
        case "worker":
            kill_children_on_exit()
            return store_commands.work(options, reporter)
        case "cancel":
            return store_commands.cancel(options, reporter)
        case "resume":
            return store_commands.resume(options, reporter)
    return store_commands.show_runs(options, reporter)


def _detail(options: "argparse.Namespace") -> "Detail":
    if getattr(options, "quiet", False):
        return "quiet"
    return "verbose" if getattr(options, "verbose", False) else "normal"
