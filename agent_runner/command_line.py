"""The commands, arguments and options of the program."""

import argparse
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from agent_runner import DISTRIBUTION_NAME, program_version
from agent_runner.errors import UsageError

# Not in the help: the MCP server that `doctor` starts.
ECHO_COMMAND = "_mcp-echo"

_EPILOG = """\
exit codes:
  0    success
  1    the run failed
  2    invalid usage, agent file or environment variable; nothing was started
  3    a limit or --timeout was reached
  130  interrupted (SIGINT)
  143  terminated (SIGTERM)
"""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Return the command and its options.

    Raises:
        UsageError: if the arguments are invalid.
        SystemExit: once `--version` or `--help` was answered.
    """
    parser = build_parser()
    options, extra = parser.parse_known_args(arguments)
    if options.command in ("run", "submit") and options.prompt is None:
        options.prompt = _prompt_after_options(extra)
        extra = extra if options.prompt is None else []
    if extra:
        parser.error(f"unrecognized arguments: {' '.join(extra)}")
    return options


def _prompt_after_options(extra: list[str]) -> str | None:
    """Return a PROMPT that follows an option, where argparse doesn't recognize an optional argument."""
    match extra:
        case ["--", prompt]:
            return prompt
        case [prompt] if prompt == "-" or not prompt.startswith("-"):
            return prompt
    return None


class _Parser(argparse.ArgumentParser):
    """Accepts no abbreviated options, and reports usage errors like all others."""

    def __init__(self, **options: Any) -> None:  # Any: as inherited
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        visible = re.sub(rf",? *'?{ECHO_COMMAND}'?", "", message)
        raise UsageError(visible, f"see {self.prog} --help")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all commands."""
    parser = _Parser(
        prog=DISTRIBUTION_NAME,
        description="Run LLM agents described in a YAML file.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {program_version()}")
    # Without `metavar`, the help shows the hidden command.
    commands = parser.add_subparsers(
        dest="command", required=True, metavar="{init,run,resume,runs,submit,worker,cancel,doctor,schema,completion}"
    )
    init = commands.add_parser(
        "init",
        help="write an agent file to start from",
        description="Write an agent file with comments to start from. An existing file isn't overwritten.",
    )
    init.add_argument(
        "agent_file",
        metavar="AGENT.yaml",
        type=Path,
        nargs="?",
        default=Path("agent.yaml"),
        help="agent.yaml by default",
    )
    _add_verbosity(init)
    _add_run(commands)
    _add_resume(commands)
    _add_runs(commands)
    _add_submit(commands)
    _add_worker(commands)
    _add_cancel(commands)
    doctor = commands.add_parser(
        "doctor",
        help="check that this program works, or that an agent file does",
        description="Check that this program works on this machine, which needs no network or API key. With an agent "
        "file, check the file instead: its keys, environment variables and model name, and that its MCP servers start.",
    )
    doctor.add_argument("agent_file", metavar="AGENT.yaml", type=Path, nargs="?", help="the agent file to check")
    _add_verbosity(doctor)
    commands.add_parser(
        "schema",
        help="print the JSON Schema of agent files, for editors",
        description="Print the JSON Schema of agent files. Point your editor to it with the first line of a file: "
        "# yaml-language-server: $schema=agent-runner.schema.json",
    )
    completion = commands.add_parser(
        "completion",
        help="print the completion script of a shell",
        description="Print the completion script of a shell. For bash, add this to ~/.bashrc: "
        'eval "$(agent-runner completion bash)"',
    )
    completion.add_argument("shell", choices=["bash", "zsh", "fish"], help="bash, zsh or fish")
    commands.add_parser(ECHO_COMMAND)
    return parser


def _add_run(commands: "argparse._SubParsersAction[_Parser]") -> None:
    run = commands.add_parser(
        "run",
        help="run an agent and print its answer",
        description="Run an agent. Its answer streams to standard output; everything else goes to standard error.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    _add_input(run)
    run.add_argument("--ephemeral", action="store_true", help="don't store the run, so it can't be continued")
    _add_run_options(run)


def _add_resume(commands: "argparse._SubParsersAction[_Parser]") -> None:
    resume = commands.add_parser(
        "resume",
        help="continue a run that failed or was interrupted",
        description="Continue a run that failed, was interrupted, or was killed. What it has finished isn't repeated.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    which = resume.add_mutually_exclusive_group(required=True)
    which.add_argument("run_id", metavar="RUN_ID", nargs="?", help="the run's ID, or its beginning")
    which.add_argument("--last", action="store_true", help="continue the run that was begun last")
    resume.add_argument("-m", "--model", help="go on with another model")
    resume.add_argument("-f", "--agent-file", type=Path, metavar="AGENT.yaml", help="go on with a changed agent file")
    _add_store(resume, "queue a run of this store again, instead of continuing one of this machine")
    _add_run_options(resume)


def _add_runs(commands: "argparse._SubParsersAction[_Parser]") -> None:
    runs = commands.add_parser(
        "runs",
        help="list the stored runs, or show one",
        description="List the stored runs, the latest first. With an ID, show a run's steps and its outcome.",
    )
    runs.add_argument("run_id", metavar="RUN_ID", nargs="?", help="the run's ID, or its beginning")
    _add_store(runs, "list the runs of this store instead of this machine's")
    runs.add_argument("--json", action="store_true", help="print JSON")
    _add_verbosity(runs)


def _add_submit(commands: "argparse._SubParsersAction[_Parser]") -> None:
    submit = commands.add_parser(
        "submit",
        help="queue a run for the workers of a shared store",
        description="Queue a run for the workers of a shared store, and print its ID.",
    )
    _add_input(submit)
    submit.add_argument("--id", help="the run's ID; submitting it twice queues one run")
    submit.add_argument("--wait", action="store_true", help="wait for the answer and print it")
    submit.add_argument("--json", action="store_true", help="print JSON")
    submit.add_argument("-C", dest="directory", type=Path, metavar="DIR", help="change to this directory first")
    _add_store(submit, "the store")
    _add_verbosity(submit)


def _add_worker(commands: "argparse._SubParsersAction[_Parser]") -> None:
    worker = commands.add_parser(
        "worker",
        help="run what's submitted to a shared store",
        description="Run what's submitted to a shared store, until SIGTERM or Ctrl-C. If a worker dies, others take "
        "over its runs within seconds.",
    )
    worker.add_argument(
        "--concurrency",
        type=_count,
        metavar="N",
        help="how many runs each worker of the store has at once; 1 until a worker sets it",
    )
    worker.add_argument(
        "--grace", type=_seconds, default=30.0, metavar="S", help="how long runs may go on after SIGTERM; 30 by default"
    )
    _add_store(worker, "the store")
    _add_verbosity(worker)


def _add_cancel(commands: "argparse._SubParsersAction[_Parser]") -> None:
    cancel = commands.add_parser("cancel", help="cancel a run of a shared store", description="Cancel a run.")
    cancel.add_argument("run_id", metavar="RUN_ID", help="the run's ID, or its beginning")
    _add_store(cancel, "the store")
    _add_verbosity(cancel)


def _add_store(parser: argparse.ArgumentParser, purpose: str) -> None:
    parser.add_argument("--store", metavar="URL", help=f"{purpose}: postgresql://USER@HOST/DATABASE")


def _add_input(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("agent_file", metavar="AGENT.yaml", type=Path, help="the agent file")
    parser.add_argument(
        "prompt",
        metavar="PROMPT",
        nargs="?",
        help="the prompt, instead of the agent file's; read from standard input if it's '-', or there's none",
    )
    parser.add_argument(
        "--var",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="the value of a variable in the agent file's `vars`; repeatable",
    )
    parser.add_argument(
        "--file",
        action="append",
        default=[],
        type=Path,
        metavar="PATH",
        help="give the model a text file, image or PDF with the prompt; repeatable",
    )
    parser.add_argument("-m", "--model", help="override the model, for example openai-chat:gpt-4o")


def _add_run_options(parser: argparse.ArgumentParser) -> None:
    formats = parser.add_mutually_exclusive_group()
    formats.add_argument(
        "--json", action="store_true", help="print the outcome as one JSON object, even if the run fails"
    )
    formats.add_argument("--json-events", action="store_true", help="print everything that happens, as JSON lines")
    parser.add_argument(
        "--transcript", type=Path, metavar="FILE", help="also write what happens to a file, as JSON lines"
    )
    parser.add_argument(
        "--timeout", type=_seconds, metavar="S", help="stop the run after S seconds; overrides limits.seconds"
    )
    parser.add_argument(
        "-y", "--yes", action="store_true", help="approve every tool call that `permissions` asks about"
    )
    parser.add_argument("-C", dest="directory", type=Path, metavar="DIR", help="change to this directory first")
    _add_verbosity(parser)


def _add_verbosity(parser: argparse.ArgumentParser) -> None:
    verbosity = parser.add_mutually_exclusive_group()
    verbosity.add_argument("-q", "--quiet", action="store_true", help="show only the answer and errors")
    verbosity.add_argument(
        "-v", "--verbose", action="store_true", help="show logs, MCP servers' standard error and tracebacks"
    )


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number of seconds")
    return seconds
