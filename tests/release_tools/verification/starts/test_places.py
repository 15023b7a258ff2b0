"""Every unusual place lets a good program pass, and stops one that does not work there."""

import dataclasses
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from release_tools.processes.run import Finished
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.starts import place_table
from release_tools.verification.starts.mounts import require_mounts
from release_tools.verification.starts.place_table import ROWS, ZONE_FOLDERS, Place, Row
from release_tools.verification.starts.places import check_places
from tests.release_tools.verification.conftest import MakeContext, write_script
from tests.release_tools.verification.context_variants import allowing, as_build

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="a script is no executable on Windows"),
]

# Unpacks itself before it works, as a one-file executable does.
GOOD = f"""
import os, shutil, subprocess, sys
from pathlib import Path

unpacked = Path(os.environ["TMPDIR"], f"unpacked-{{os.getpid()}}")
try:
    shutil.copy({shutil.which("true")!r}, unpacked)
    subprocess.run([unpacked], check=True)
except OSError as error:
    sys.exit(f"cannot use {{unpacked}}: {{error}}")
finally:
    unpacked.unlink(missing_ok=True)
print("tiny 1.2.3" if sys.argv[1:] == ["--version"] else "Größe")
"""
PRINTS_VERSION = "print('tiny 1.2.3' if sys.argv[1:] == ['--version'] else 'Größe ✓')"

NEEDS_ZONES = f"""
import pathlib, sys
any(any(pathlib.Path(folder).glob("*")) for folder in {ZONE_FOLDERS}) or sys.exit("no zone")
{PRINTS_VERSION}
"""

# By row: a program that does not work there, the options of its Python, and what is said of it.
BROKEN = {
    "Latin-1 locale": (f"import sys; {PRINTS_VERSION}", "-I", "UnicodeEncodeError"),
    "path with spaces and non-ASCII": (
        f"import sys; __file__.encode('ascii'); {PRINTS_VERSION}",
        "-I",
        "'ascii' codec",
    ),
    "temporary folder with spaces and non-ASCII": (
        f"import os, sys; os.environ['TMPDIR'].encode('ascii'); {PRINTS_VERSION}",
        "-I",
        "'ascii' codec",
    ),
    "no HOME": (f"import os, sys; os.environ['HOME']; {PRINTS_VERSION}", "-I", "KeyError: 'HOME'"),
    "read-only HOME": (
        f"import os, pathlib, sys; pathlib.Path(os.environ['HOME'], 'x').touch(); {PRINTS_VERSION}",
        "-I",
        "(Read-only file system|Permission denied)",
    ),
    "read-only working folder": (
        f"import pathlib, sys; pathlib.Path('x').touch(); {PRINTS_VERSION}",
        "-I",
        "(Read-only file system|Permission denied)",
    ),
    "read-only program folder": (
        f"import pathlib, sys; pathlib.Path(sys.argv[0]).with_name('log').touch(); {PRINTS_VERSION}",
        "-I",
        "(Read-only file system|Permission denied)",
    ),
    "symbolic link": (
        f"import pathlib, sys; pathlib.Path(sys.argv[0]).is_symlink() and sys.exit('is no home'); {PRINTS_VERSION}",
        "-I",
        "is no home",
    ),
    "found on the PATH": (
        f"import os, sys; os.environ['PATH'] == os.path.dirname(sys.argv[0]) and sys.exit('no PATH'); {PRINTS_VERSION}",
        "-I",
        "no PATH",
    ),
    "PYTHON variables": (f"import sys; {PRINTS_VERSION}", "", "it exited with 1"),
    "no time zones": (NEEDS_ZONES, "-I", "no zone"),
    "closed output": ("import sys; sys.stdout.write('tiny 1.2.3')", "-I", "--version crashes"),
    "temporary folder noexec": (f"import sys; {PRINTS_VERSION}", "-I", "this one exits with 0"),
    "temporary folder full": (f"import sys; {PRINTS_VERSION}", "-I", "this one exits with 0"),
}
NEED_MOUNTS = {"no time zones", "temporary folder noexec", "temporary folder full"}


def row_named(name: str, context: VerificationContext) -> Row:
    row = next(row for row in ROWS if row.name == name)
    if context.platform.os not in row.systems:
        pytest.skip(f"there is no such place on {context.platform.os}")
    if name in NEED_MOUNTS:
        require_mounts_or_skip(context)
    if name == "Latin-1 locale" and shutil.which("localedef") is None:
        pytest.skip("this machine cannot make a Latin-1 locale")
    return row


def require_mounts_or_skip(context: VerificationContext) -> None:
    try:
        require_mounts(context, context.scratch / "try")
    except CheckSkippedError as skipped:
        pytest.skip(str(skipped))


def with_smoke_command(context: VerificationContext) -> VerificationContext:
    return dataclasses.replace(context, settings=dataclasses.replace(context.settings, smoke_commands=(("greet",),)))


@pytest.mark.parametrize("name", BROKEN)
def test_a_good_program_works_in_every_place(make_context: MakeContext, name: str) -> None:
    context = with_smoke_command(make_context(GOOD))
    assert check_places(context, (row_named(name, context),)) == "1 places"


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.shows_failing("unusual places")
def test_a_program_that_does_not_work_in_a_place_is_found(make_context: MakeContext, name: str) -> None:
    code, options, said = BROKEN[name]
    context = with_smoke_command(make_context(code, options))
    with pytest.raises(CheckFailedError, match=rf"(?s)work in some places: {name}: .*{said}"):
        check_places(context, (row_named(name, context),))


def test_every_place_of_this_kind_of_system_has_been_tried() -> None:
    assert set(BROKEN) == {row.name for row in ROWS if row.systems != ("windows",)}


@pytest.mark.parametrize("name", ["temporary folder noexec", "temporary folder full"])
def test_a_failure_that_does_not_say_why_is_found(make_context: MakeContext, name: str) -> None:
    context = make_context("import sys; sys.exit('libz.so.1: failed to map')")
    with pytest.raises(CheckFailedError, match=r"(?s)the message does not name .*libz.so.1: failed to map"):
        check_places(context, (row_named(name, context),))


def test_a_closed_output_may_be_an_error_with_a_message(make_context: MakeContext) -> None:
    context = make_context("import sys; sys.stdout or sys.exit('standard output is closed')")
    assert check_places(context, (row_named("closed output", context),)) == "1 places"


@pytest.mark.parametrize(("options", "is_right"), [("-IXutf8", True), ("-I", False)])
def test_a_bundle_that_follows_the_locale_is_found_also_where_the_app_prints_plain_ascii(
    make_context: MakeContext, options: str, is_right: bool
) -> None:
    context = make_context("print('tiny 1.2.3')")
    code = "import os, pathlib; exec(pathlib.Path(os.environ['RELEASE_TOOLS_PROBE']).read_text('utf-8'))"
    context = as_build(context, probe=write_script(context.scratch / "probe", code, options))
    rows = (row_named("Latin-1 locale", context),)
    if is_right:
        assert check_places(context, rows) == "1 places"
    else:
        with pytest.raises(CheckFailedError, match=r"a script in the bundle was to print"):
            check_places(context, rows)


def test_a_place_that_cannot_be_had_is_named_with_the_reason(make_context: MakeContext) -> None:
    def arrange(_context: VerificationContext, _folder: Path) -> Place:
        raise CheckSkippedError("no such moon")

    rows = (Row(name="dark side", arrange=arrange), next(row for row in ROWS if row.name == "no HOME"))
    assert check_places(make_context(GOOD), rows) == "1 places; not tried: dark side (no such moon)"


def test_a_place_where_the_program_need_not_work_can_be_allowed(make_context: MakeContext) -> None:
    context = make_context("import os; os.environ['HOME']")
    rows = (next(row for row in ROWS if row.name == "no HOME"),)
    assert check_places(allowing(context, "no HOME"), rows) == "0 places; not tried: no HOME (allowed)"


def test_a_machine_that_permits_no_mounts_is_told_in_its_own_words(
    make_context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make_context(GOOD)
    unshare = write_script(context.scratch / "bin" / "unshare", "import sys; sys.exit('Operation not permitted')")
    monkeypatch.setenv("PATH", str(unshare.parent))
    rows = tuple(row for row in ROWS if row.name == "temporary folder full" and context.platform.os in row.systems)
    expected = "0 places; not tried: temporary folder full (private mounts are not permitted here: "
    assert not rows or check_places(context, rows) == f"{expected}Operation not permitted)"


@pytest.fixture
def arrange_code_page(
    make_context: MakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, int], Place]:
    """Arranges the place where chcp says this and ends so. The border is Windows, which runs the batch files."""

    def arrange(words: str, code: int) -> Place:
        def answer(_: VerificationContext, args: list[str], __: Mapping[str, str]) -> Finished:
            return Finished(args=tuple(args), code=code, stdout=words, stderr="", seconds=0)

        monkeypatch.setattr(place_table, "start_program", answer)
        return place_table.other_code_page(make_context(PRINTS_VERSION), tmp_path)

    return arrange


@pytest.mark.parametrize(("words", "code"), [("Active code page: 850", 125), ("", 0)])
def test_a_console_that_takes_no_code_page_is_named(
    arrange_code_page: Callable[[str, int], Place], words: str, code: int
) -> None:
    with pytest.raises(CheckSkippedError, match="chcp refuses it in this console"):
        arrange_code_page(words, code)


def test_the_code_page_of_the_console_is_given_back(
    arrange_code_page: Callable[[str, int], Place], tmp_path: Path
) -> None:
    assert arrange_code_page("P\\xa0gina de c\\xa2digos activa: 850\r\n", 0).through == (str(tmp_path / "start.cmd"),)
    lines = (tmp_path / "start.cmd").read_bytes().split(b"\r\n")
    to_437, back = (
        rb"%SystemRoot%\System32\chcp.com 437 >nul || exit /b 125",
        rb"%SystemRoot%\System32\chcp.com 850 >nul",
    )
    assert lines.index(to_437) < lines.index(b"%*") < lines.index(back)
