"""The help of every command, from the binary and from source: the same text, or something was lost."""

import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Final

from release_tools.processes.run import Finished
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext, listed
from release_tools.verification.starts.running import bare_environment, start_program

MAXIMUM_DEPTH: Final = 3
MAXIMUM_COMMANDS: Final = 50
WIDTH: Final = 100
STARTS_AT_ONCE: Final = 2

# argparse: `{run,doctor}` in the usage, and above the list of commands; not the choices of an option.
_CHOICES: Final = re.compile(r"(?:^\s*|\]\s+)\{([^{}]+)\}", re.MULTILINE)
# click: "Commands:". typer: "╭─ Commands ─╮". argparse has any title, but indents commands by four and nothing else.
_HEADING: Final = re.compile(r"^\W*[\w ]*commands?\b[\w ]*\W*$", re.IGNORECASE)
_LISTED: Final = re.compile(r"^[│|]?( {1,6})([A-Za-z][\w:.-]*)(?:,|\s{2,}|\s*[│|]?$)")
_ARGPARSE_INDENTATION: Final = 4


@dataclass(frozen=True, kw_only=True)
class HelpText:
    """What `<command> --help` prints from source."""

    command: tuple[str, ...]
    code: int
    text: str


def check_help_texts(context: VerificationContext) -> str:
    """Every command's `--help` has the same text and exit code from the binary as from source."""
    texts = read_source_texts(context)
    with ThreadPoolExecutor(STARTS_AT_ONCE) as pool:
        frozen = pool.map(lambda text: ask_for_help(context, context.executable, text.command), texts)
        differences = [
            f"`{_shown(text.command)}`: {difference}"
            for text, finished in zip(texts, frozen, strict=True)
            if (difference := find_difference(text, finished)) and not context.is_allowed(_shown(text.command))
        ]
    if differences:
        raise CheckFailedError(
            f"help differs between binary and source:{listed(differences)}",
            "a text that is read from a docstring, a source file or an installed package may be lost by freezing; "
            "bundle what it is read from",
        )
    return f"{len(texts)} commands"


def read_source_texts(context: VerificationContext) -> tuple[HelpText, ...]:
    """The help of the program and of all its commands, found by reading the help of the one above.

    Raises `CheckSkippedError` when there is no source to ask, or it has no `--help`.
    """
    script = context.build.python.parent / f"{context.settings.executable}{context.platform.executable_suffix}"
    if not script.is_file():
        raise CheckFailedError(f"there is no console script {script}", "install the project's wheel beside it")
    top = _help_text(ask_for_help(context, script, ()), ())
    if top.code != 0 or not top.text.strip():
        raise CheckSkippedError(f"from source, --help exits with {top.code}; there is nothing to compare")
    found, level = [top], [top]
    with ThreadPoolExecutor(STARTS_AT_ONCE) as pool:
        for _ in range(MAXIMUM_DEPTH):
            commands = [(*parent.command, name) for parent in level for name in listed_commands(parent.text)]
            room = MAXIMUM_COMMANDS - len(found)
            answers = pool.map(lambda command: ask_for_help(context, script, command), commands[:room])
            seen = {text.text for text in found}
            # What is listed may be an argument and no command: then the help is that of the command above.
            level = [
                text
                for command, finished in zip(commands, answers, strict=False)
                if (text := _help_text(finished, command)).code == 0 and text.text not in seen
            ]
            found += level
    return tuple(found)


def listed_commands(help_text: str) -> tuple[str, ...]:
    """The names that a help text lists as commands, in its order; arguments can be among them."""
    names = [name for choices in _CHOICES.findall(help_text) for name in choices.split(",")]
    names += _listed_names(help_text)
    return tuple(dict.fromkeys(name for name in names if re.fullmatch(r"[A-Za-z][\w:.-]*", name)))


def find_difference(source: HelpText, finished: Finished) -> str:
    """The first difference, or "" where there is none."""
    frozen = _help_text(finished, source.command)
    lines = zip_longest(source.text.splitlines(), frozen.text.splitlines())
    for number, (wanted, got) in enumerate(lines, start=1):
        if wanted != got:
            return f"line {number} is {_quoted(got)}, from source {_quoted(wanted)}"
    return f"exit code {frozen.code}, from source {source.code}" if frozen.code != source.code else ""


def ask_for_help(context: VerificationContext, program: Path, command: Sequence[str]) -> Finished:
    """Run `<command> --help` in an environment that is the same for source and binary."""
    # The binary is always in UTF-8 mode.
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
    # On Windows a program is named with its suffix, a console script without.
    text = finished.output.replace(".exe", "")
    return HelpText(command=tuple(command), code=finished.code, text=text)


def _shown(command: Sequence[str]) -> str:
    return " ".join([*command, "--help"])


def _quoted(line: str | None) -> str:
    return "missing" if line is None else repr(line)
