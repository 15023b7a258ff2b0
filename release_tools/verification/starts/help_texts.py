"""Compare the `--help` of every command between the binary and the source."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final

from release_tools.processes.run import Finished
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext, refuse
from release_tools.verification.starts.running import bare_environment, start_program

MAXIMUM_DEPTH: Final = 3
MAXIMUM_COMMANDS: Final = 50
WIDTH: Final = 100
STARTS_AT_ONCE: Final = 2

# argparse: `{run,doctor}` in the usage line and above the list of commands, but not the choices of an option.
_CHOICES: Final = re.compile(r"(?:^\s*|\]\s+)\{([^{}]+)\}", re.MULTILINE)
# click: "Commands:". typer: "╭─ Commands ─╮". argparse allows any title, but indents only commands by four spaces.
_HEADING: Final = re.compile(r"^\W*[\w ]*commands?\b[\w ]*\W*$", re.IGNORECASE)
_LISTED: Final = re.compile(r"^[│|]?( {1,6})([A-Za-z][\w:.-]*)(?:,|\s{2,}|\s*[│|]?$)")
_ARGPARSE_INDENTATION: Final = 4


@dataclass(frozen=True, kw_only=True)
class HelpText:
    """The output of `<command> --help`."""

    command: tuple[str, ...]
    code: int
    text: str


def check_help_texts(context: VerificationContext) -> str:
    """The `--help` of every command prints the same text and exits with the same code as from source."""
    texts = read_source_texts(context)
    with ThreadPoolExecutor(STARTS_AT_ONCE) as pool:
        frozen = pool.map(lambda text: run_help(context, context.executable, text.command), texts)
        differences = {
            " ".join([*text.command, "--help"]): difference
            for text, finished in zip(texts, frozen, strict=True)
            if (difference := find_difference(text, finished))
        }
    refuse(
        context,
        differences,
        what="the help differs between the binary and the source",
        hint="a help text built from docstrings, source files or package metadata may get lost in the frozen program; "
        "bundle what it's read from",
    )
    return f"{len(texts)} commands"


def read_source_texts(context: VerificationContext) -> tuple[HelpText, ...]:
    """The help of the program and its commands from source; each help text names the commands one level down.

    Raises `CheckSkippedError` when the evidence of the build is missing or the program has no `--help`.
    """
    script = context.build.python.parent / f"{context.settings.executable}{context.platform.executable_suffix}"
    if not script.is_file():
        raise CheckFailedError(f"there is no console script {script}", "install the project's wheel next to it")
    top = _help_text(run_help(context, script, ()), ())
    if top.code != 0 or not top.text.strip():
        raise CheckSkippedError(f"from source, --help exits with {top.code} and prints nothing to compare")
    found, level = [top], [top]
    with ThreadPoolExecutor(STARTS_AT_ONCE) as pool:
        for _ in range(MAXIMUM_DEPTH):
            commands = [(*parent.command, name) for parent in level for name in listed_commands(parent.text)]
            room = MAXIMUM_COMMANDS - len(found)
            answers = pool.map(lambda command: run_help(context, script, command), commands[:room])
            seen = {text.text for text in found}
            # A name that's an argument instead of a command prints the help of its parent again.
            level = [
                text
                for command, finished in zip(commands, answers, strict=False)
                if (text := _help_text(finished, command)).code == 0 and text.text not in seen
            ]
            found += level
    return tuple(found)


def listed_commands(help_text: str) -> tuple[str, ...]:
    """The names that a help text lists as commands, in order; some may be arguments."""
    names = [name for choices in _CHOICES.findall(help_text) for name in choices.split(",")]
    names += _listed_names(help_text)
    return tuple(dict.fromkeys(name for name in names if re.fullmatch(r"[A-Za-z][\w:.-]*", name)))


def find_difference(source: HelpText, finished: Finished) -> str:
    """The first difference, or "" for none."""
    frozen = _help_text(finished, source.command)
    lines = zip_longest(source.text.splitlines(), frozen.text.splitlines())
    for number, (wanted, got) in enumerate(lines, start=1):
        if wanted != got:
            return f"line {number} is {_quoted(got)}, from source {_quoted(wanted)}"
    return f"exit code {frozen.code}, from source {source.code}" if frozen.code != source.code else ""


def run_help(context: VerificationContext, program: Path, command: Sequence[str]) -> Finished:
    """Run `<command> --help` in the same environment for the source and the binary."""
    # The binary always runs in UTF-8 mode.
    environment = {**bare_environment(context), "COLUMNS": str(WIDTH), "PYTHONUTF8": "1"}
    return start_program(context, [str(program), *command, "--help"], environment)


def _listed_names(help_text: str) -> Iterator[str]:
    is_below_heading = False
    for line in help_text.splitlines():
        if line.strip() and not line.startswith((" ", "│", "|")):
            is_below_heading = _HEADING.match(line) is not None
        elif (listed := _LISTED.match(line)) and (is_below_heading or len(listed[1]) == _ARGPARSE_INDENTATION):
            yield listed[2]


def _help_text(finished: Finished, command: Sequence[str]) -> HelpText:
    # On Windows, the binary's usage line has the suffix and the console script's doesn't.
    text = finished.output.replace(".exe", "")
    return HelpText(command=tuple(command), code=finished.code, text=text)


def _quoted(line: str | None) -> str:
    return "missing" if line is None else repr(line)
