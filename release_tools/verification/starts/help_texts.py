"""Compare the `--help` of every command between the binary and the source."""

import functools
import operator
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final

from release_tools.processes.run import Finished
from release_tools.verification.check import CheckSkippedError, Passed, VerificationContext, refuse
from release_tools.verification.starts.from_source import neutral, source_command
from release_tools.verification.starts.running import bare_environment, start_program

MAXIMUM_DEPTH: Final = 3
MAXIMUM_COMMANDS: Final = 50
# So wide that no path is broken, which would hide where it ends.
WIDTH: Final = 400
STARTS_AT_ONCE: Final = 2
# More than two, since a set of two may come in the same order by chance.
VARYING_ORDERS: Final = ("sorted", "reversed") * 2

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


def check_help_texts(context: VerificationContext) -> Passed:
    """The `--help` of every command prints the same text and exits with the same code as from source."""
    _empty_home(context)
    texts = read_source_texts(context)
    _empty_home(context)
    with ThreadPoolExecutor(STARTS_AT_ONCE) as pool:
        finished = tuple(pool.map(lambda text: run_help(context, [str(context.executable)], text.command), texts))
    compared = {
        " ".join([*source.command, "--help"]): _compare(context, source, _help_text(frozen, source.command))
        for source, frozen in zip(texts, finished, strict=True)
    }
    refuse(
        context,
        {name: difference for name, (difference, _) in compared.items() if difference},
        what="the help differs between the binary and the source",
        hint="a help text built from docstrings, source files or package metadata may get lost in the frozen program; "
        "bundle what it's read from",
    )
    notes = tuple(f"{name}: {note}" for name, (_, note) in compared.items() if note)
    figure = "1 command" if len(texts) == 1 else f"{len(texts)} commands"
    return Passed(figure=figure, notes=notes)


def read_source_texts(context: VerificationContext) -> tuple[HelpText, ...]:
    """The help of the program and its commands from source; each help text names the commands one level down.

    Raises `CheckSkippedError` when the evidence of the build is missing or the program has no `--help`.
    """
    program = source_command(context, context.executable)
    top = _help_text(run_help(context, program, ()), ())
    if top.code != 0 or not top.text.strip():
        raise CheckSkippedError(f"from source, --help exits with {top.code} and prints nothing to compare")
    found, level = [top], [top]
    with ThreadPoolExecutor(STARTS_AT_ONCE) as pool:
        for _ in range(MAXIMUM_DEPTH):
            commands = [(*parent.command, name) for parent in level for name in listed_commands(parent.text)]
            room = MAXIMUM_COMMANDS - len(found)
            answers = pool.map(lambda command: run_help(context, program, command), commands[:room])
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


def _compare(context: VerificationContext, source: HelpText, frozen: HelpText) -> tuple[str, str]:
    """The first difference, or a note on a difference that isn't one of the freeze; each "" if there's none."""
    difference = find_difference(source, frozen)
    if not difference or frozen.code != source.code:
        return difference, ""
    if _without_spaces(context, source.text) == _without_spaces(context, frozen.text):
        return "", "prints paths of the program's own files"
    # What the source prints when a folder lists its files in another order, a set is in another order, or time passes.
    others = [
        _help_text(run_help(context, source_command(context, context.executable, order=order), source.command), ())
        for order in VARYING_ORDERS
    ]
    runs = [_words(context, text.text) for text in (source, *others)]
    words = _words(context, frozen.text)
    if all(other.text == source.text for other in others):
        return difference, ""
    if words in runs:
        return "", "prints the same in another order, which also varies from source"
    constant = functools.reduce(operator.and_, runs)
    if words & constant == constant and _without_numbers(words) in map(_without_numbers, runs):
        return "", "prints numbers that also vary from source, such as the time"
    return difference, ""


def find_difference(source: HelpText, frozen: HelpText) -> str:
    """The first difference, or "" for none."""
    lines = zip_longest(source.text.splitlines(), frozen.text.splitlines())
    for number, (wanted, got) in enumerate(lines, start=1):
        if wanted != got:
            return f"line {number} is {_quoted(got)}, from source {_quoted(wanted)}"
    return f"exit code {frozen.code}, from source {source.code}" if frozen.code != source.code else ""


def run_help(context: VerificationContext, program: Sequence[str], command: Sequence[str]) -> Finished:
    """Run `<command> --help` in the same environment for the source and the binary."""
    environment = {**bare_environment(context), "COLUMNS": str(WIDTH)}
    return start_program(context, [*program, *command, "--help"], environment)


def _empty_home(context: VerificationContext) -> None:
    """Delete what earlier starts left in the home and the working directory, which a help text may print."""
    shutil.rmtree(context.users_folder, ignore_errors=True)


def _without_spaces(context: VerificationContext, text: str) -> str:
    """The text with neutral paths, which may be wrapped anywhere."""
    return neutral(context, "".join(text.split()))


def _words(context: VerificationContext, text: str) -> Counter[str]:
    """The words, without what joins them in a list."""
    return Counter(re.findall(r"[^\s,;|{}\[\]()│]+", neutral(context, text)))


def _without_numbers(words: Counter[str]) -> Counter[str]:
    return Counter(re.sub(r"\d+", "0", word) for word in words.elements())


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
