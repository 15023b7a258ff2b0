import sys
from pathlib import Path

import pytest

from release_tools.verification.check import CheckFailedError, CheckSkippedError, Passed
from release_tools.verification.starts.help_texts import check_help_texts, listed_commands
from tests.release_tools.verification.conftest import MakeContext, with_source
from tests.release_tools.verification.context_variants import allowing

# Its commands are `show`, which has a command `all`, and `export`, which has an argument and an option.
PROGRAM = """
import argparse, pathlib, sys

parser = argparse.ArgumentParser(prog="tiny")
commands = parser.add_subparsers(title="what to do", metavar="COMMAND")
show = commands.add_parser("show", help="show things")
show.add_subparsers().add_parser("all", description=SHOW_ALL)
export = commands.add_parser("export", help="write things", description=EXPORT)
export.add_argument("target", choices=["disk", "tape"])
export.add_argument("--format", choices=["json", "text"])
pathlib.Path(LOG).open("a").write(" ".join(sys.argv[1:]) + "\\n")
parser.parse_args()
"""
ARGPARSE = """\
usage: tiny [-h] [--mode {fast,slow}] {run,doctor} ...

positional arguments:
  FILE         the file
  {run,doctor}
    run        run an agent
    doctor     look
               around

options:
  --mode {fast,slow}
"""
CLICK = """\
Usage: tiny [OPTIONS] COMMAND [ARGS]...

  Does things: with commands.

Options:
  --help  Show this message and exit.

Commands:
  add-all  Add all.
  remove   Remove
           some.
"""
TYPER = """\
 Usage: tiny [OPTIONS] COMMAND [ARGS]...

╭─ Options ─────────────────────────────────╮
│ --help          Show this message.        │
╰───────────────────────────────────────────╯
╭─ Commands ────────────────────────────────╮
│ add      Add all.                         │
│ remove   Remove some of them or perhaps   │
│          all.                             │
╰───────────────────────────────────────────╯
"""
TITLED = """\
usage: tiny [-h] COMMAND ...

management commands:
  COMMAND
    start  start it

options:
  -h, --help  show this help message and exit
"""


@pytest.mark.parametrize(
    ("text", "commands"),
    [
        (ARGPARSE, ("run", "doctor")),
        (CLICK, ("add-all", "remove")),
        (TYPER, ("add", "remove")),
        (TITLED, ("COMMAND", "start")),
        ("usage: tiny [--level {1,2}] FILE\n\noptions:\n  --level {1,2}\n", ()),
    ],
    ids=["argparse", "click", "typer", "a title", "no commands"],
)
def test_commands_are_read_from_help_texts(text: str, commands: tuple[str, ...]) -> None:
    assert listed_commands(text) == commands


def program(log: Path, show_all: str = "'all of it'", export: str = "'to somewhere'") -> str:
    return PROGRAM.replace("SHOW_ALL", show_all).replace("EXPORT", export).replace("LOG", repr(str(log)))


@pytest.mark.programs
@pytest.mark.skipif(sys.platform == "win32", reason="Windows can't start a script")
class TestPrograms:
    def test_same_help_of_nested_commands_passes(self, make_context: MakeContext, tmp_path: Path) -> None:
        source, frozen = tmp_path / "source", tmp_path / "frozen"
        context = with_source(make_context(program(frozen)), program(source))
        assert check_help_texts(context) == Passed(figure="4 commands")
        assert set(frozen.read_text().splitlines()) == {"--help", "show --help", "show all --help", "export --help"}

    @pytest.mark.shows_failing("help texts")
    def test_lost_help_text_is_found_with_its_line(self, make_context: MakeContext, tmp_path: Path) -> None:
        lost = program(tmp_path / "log", show_all="None")
        context = with_source(make_context(lost), program(tmp_path / "log"))
        with pytest.raises(CheckFailedError) as caught:
            check_help_texts(context)
        assert caught.value.findings == ("show all --help",)
        assert "line 3 is 'options:', from source 'all of it'" in caught.value.what

    def test_command_that_crashes_only_frozen_is_found(self, make_context: MakeContext, tmp_path: Path) -> None:
        broken = program(tmp_path / "log", export="__import__('no_such_module') if 'export' in sys.argv else None")
        context = with_source(make_context(broken), program(tmp_path / "log"))
        with pytest.raises(CheckFailedError) as caught:
            check_help_texts(context)
        assert caught.value.findings == ("export --help",)

    def test_different_exit_code_is_found(self, make_context: MakeContext) -> None:
        context = with_source(make_context("print('help'); raise SystemExit(3)"), "print('help')")
        with pytest.raises(CheckFailedError) as caught:
            check_help_texts(context)
        assert caught.value.findings == ("--help",)

    def test_allowed_difference_passes(self, make_context: MakeContext, tmp_path: Path) -> None:
        context = make_context(program(tmp_path / "log", show_all="None"))
        context = with_source(allowing(context, "show all --help"), program(tmp_path / "log"))
        assert check_help_texts(context) == Passed(figure="4 commands")

    def test_program_without_help_is_skipped(self, make_context: MakeContext) -> None:
        context = with_source(make_context("print('help')"), "raise SystemExit(2)")
        with pytest.raises(CheckSkippedError):
            check_help_texts(context)

    @pytest.mark.parametrize(
        ("code", "note"),
        [
            ("print('templates in', __file__)", "paths"),
            ("import os; print('modes:', ', '.join(os.listdir(FOLDER)))", "order"),
            ("import os; print('modes:', *(entry.name for entry in os.scandir(FOLDER)), sep='\\n')", "order"),
            ("print('modes:', {chr(number) for number in range(65, 91)})", "order"),
            ("import time; print('now', time.time_ns())", "numbers"),
            (
                "import pathlib; home = pathlib.Path.home(); print(home, [*home.iterdir()]); (home / 'used').touch()",
                "",
            ),
        ],
        ids=["path", "listed folder", "scanned folder", "set", "time", "home"],
    )
    def test_what_varies_from_source_is_noted(
        self, make_context: MakeContext, tmp_path: Path, code: str, note: str
    ) -> None:
        folder = tmp_path / "modes"
        folder.mkdir()
        for name in ("slow", "fast", "other"):
            (folder / name).touch()
        code = f"FOLDER = {str(folder)!r}\n{code}"
        # The binary sees the folder's files in yet another order.
        frozen = code.replace("os.listdir(FOLDER)", "['other', 'slow', 'fast']")
        frozen = frozen.replace("entry.name for entry in os.scandir(FOLDER)", "['other', 'slow', 'fast']")
        frozen = frozen.replace(
            "__file__", "__import__('os').environ['TMPDIR'] + '/_MEI00001234abcdef/tiny_app/cli.py'"
        )
        context = with_source(make_context(frozen), code)
        notes = check_help_texts(context).notes
        assert [note for text in notes if note in text] == ([note] if note else [])

    @pytest.mark.parametrize(
        ("frozen", "source"),
        [
            ("import os; print('modes:', 'other', 'fast')", "import os; print('modes:', *os.listdir(FOLDER))"),
            ("import time; print('12', time.time_ns())", "import time; print('21', time.time_ns())"),
            ("print('b a')", "print('a b')"),
            ("print('templates in /tmp')", "print('templates in', __file__)"),
        ],
        ids=["listing", "number", "order", "path"],
    )
    def test_what_is_constant_from_source_must_be_the_same(
        self, make_context: MakeContext, tmp_path: Path, frozen: str, source: str
    ) -> None:
        for name in ("slow", "fast", "other"):
            (tmp_path / "modes" / name).mkdir(parents=True)
        context = with_source(make_context(frozen), f"FOLDER = {str(tmp_path / 'modes')!r}\n{source}")
        with pytest.raises(CheckFailedError) as caught:
            check_help_texts(context)
        assert caught.value.findings == ("--help",)
