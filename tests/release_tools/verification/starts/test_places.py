"""In every unusual place, a good program passes and a program that doesn't work there fails."""

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
from release_tools.verification.starts.place_table import ROWS, ZONE_FOLDERS, Place, Row, no_home
from release_tools.verification.starts.places import check_places
from tests.release_tools.verification.conftest import MakeContext, with_source, write_script
from tests.release_tools.verification.context_variants import allowing, as_build

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows can't start a script"),
]

# Unpacks itself first, like a one-file executable.
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

# For each row, a program that doesn't work there, the options of its Python, and what the error includes.
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
        "Error: [Errno",
    ),
    "read-only working folder": (
        f"import pathlib, sys; pathlib.Path('x').touch(); {PRINTS_VERSION}",
        "-I",
        "Error: [Errno",
    ),
    "read-only program folder": (
        f"import pathlib, sys; pathlib.Path(sys.argv[0]).with_name('log').touch(); {PRINTS_VERSION}",
        "-I",
        "Error: [Errno",
    ),
    "symbolic link": (
        f"import pathlib, sys; pathlib.Path(sys.argv[0]).is_symlink() and sys.exit('a link'); {PRINTS_VERSION}",
        "-I",
        "a link",
    ),
    "found on the PATH": (
        f"import os, sys; 'PATH' in os.environ and sys.exit('no PATH'); {PRINTS_VERSION}",
        "-I",
        "no PATH",
    ),
    "PYTHON variables": (f"import sys; {PRINTS_VERSION}", "", "it exited with 1"),
    "no time zones": (NEEDS_ZONES, "-I", "no zone"),
    "closed output": ("import sys; sys.stdout.write('tiny 1.2.3')", "-I", "--version crashes"),
    "temporary folder noexec": (f"import sys; {PRINTS_VERSION}", "-I", "exits with 0"),
    "temporary folder full": (f"import sys; {PRINTS_VERSION}", "-I", "exits with 0"),
}
NEED_MOUNTS = {"no time zones", "temporary folder noexec", "temporary folder full"}


def row_named(name: str, context: VerificationContext) -> Row:
    row = next(row for row in ROWS if row.name == name)
    if context.platform.os not in row.systems:
        pytest.skip(f"there's no such place on {context.platform.os}")
    if name in NEED_MOUNTS:
        try:
            require_mounts(context, context.scratch / "try")
        except CheckSkippedError as skipped:
            pytest.skip(str(skipped))
    if name == "Latin-1 locale" and shutil.which("localedef") is None:
        pytest.skip("this machine can't generate a Latin-1 locale")
    return row


def with_smoke_command(context: VerificationContext) -> VerificationContext:
    return dataclasses.replace(context, settings=dataclasses.replace(context.settings, smoke_commands=(("greet",),)))


@pytest.mark.parametrize("name", BROKEN)
def test_good_program_works_in_every_place(make_context: MakeContext, name: str) -> None:
    context = with_smoke_command(make_context(GOOD))
    assert check_places(context, (row_named(name, context),)).figure == "1 places"


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.shows_failing("unusual places")
def test_program_that_fails_in_a_place_is_found(make_context: MakeContext, name: str) -> None:
    code, options, problem = BROKEN[name]
    context = with_smoke_command(make_context(code, options))
    row = row_named(name, context)
    with pytest.raises(CheckFailedError) as caught:
        check_places(context, (row,))
    assert caught.value.findings == (name,)
    assert problem in caught.value.what


@pytest.mark.parametrize("name", sorted(set(BROKEN) - {"temporary folder noexec", "temporary folder full"}))
def test_program_that_fails_from_source_too_passes_with_a_note(make_context: MakeContext, name: str) -> None:
    code, options, _ = BROKEN[name]
    code = code.replace("__file__", "sys.argv[0]")
    context = with_source(with_smoke_command(make_context(code, options)), code)
    row = row_named(name, context)
    if name in {"Latin-1 locale", "PYTHON variables"}:
        # The frozen interpreter ignores these, and so does the source that it's compared with.
        with pytest.raises(CheckFailedError):
            check_places(context, (row,))
    else:
        notes = check_places(context, (row,)).notes
        # Where nothing can be seen, only --version is tried.
        assert [note.partition(":")[0] for note in notes] == [name] * (1 if name == "closed output" else 2)


def test_other_error_than_from_source_is_found(make_context: MakeContext) -> None:
    context = with_source(make_context("import sys; sys.exit('no templates')"), "import sys; sys.exit('no HOME')")
    with pytest.raises(CheckFailedError) as caught:
        check_places(context, (NO_HOME,))
    assert caught.value.findings == ("no HOME",)


def test_source_finds_the_place_as_the_binary_did(make_context: MakeContext) -> None:
    code = "import os, sys; os.listdir() and sys.exit('used'); open('x', 'w').close(); sys.exit('not used')"
    row = Row(name="new", set_up=lambda context, folder: dataclasses.replace(no_home(context, folder), cwd=folder))
    context = with_source(make_context(code), code)
    assert len(check_places(context, (row,)).notes) == 1
    # Nothing was deleted between them.
    assert len([*context.scratch.rglob("x")]) == 2


def test_every_posix_place_has_a_broken_program() -> None:
    assert set(BROKEN) == {row.name for row in ROWS if row.systems != ("windows",)}


@pytest.mark.parametrize("name", ["temporary folder noexec", "temporary folder full"])
def test_unclear_error_in_unusable_folder_is_found(make_context: MakeContext, name: str) -> None:
    context = make_context("import sys; sys.exit('libz.so.1: failed to map')")
    row = row_named(name, context)
    with pytest.raises(CheckFailedError) as caught:
        check_places(context, (row,))
    assert "libz.so.1: failed to map" in caught.value.what


def test_error_about_closed_output_passes(make_context: MakeContext) -> None:
    context = make_context("import sys; sys.stdout or sys.exit('standard output is closed')")
    assert check_places(context, (row_named("closed output", context),)).figure == "1 places"


@pytest.mark.parametrize(("options", "is_right"), [("-IXutf8", True), ("-I", False)])
def test_bundle_without_utf8_mode_is_found(make_context: MakeContext, options: str, is_right: bool) -> None:
    context = make_context("print('tiny 1.2.3')")
    code = "import os, pathlib; exec(pathlib.Path(os.environ['RELEASE_TOOLS_PROBE']).read_text('utf-8'))"
    context = as_build(context, probe=write_script(context.scratch / "probe", code, options))
    rows = (row_named("Latin-1 locale", context),)
    if is_right:
        assert check_places(context, rows).figure == "1 places"
    else:
        with pytest.raises(CheckFailedError) as caught:
            check_places(context, rows)
        assert caught.value.findings == ("Latin-1 locale",)


def impossible(_context: VerificationContext, _folder: Path) -> Place:
    raise CheckSkippedError("no such moon")


NO_HOME = next(row for row in ROWS if row.name == "no HOME")


def test_place_that_was_not_tried_is_reported(make_context: MakeContext) -> None:
    rows = (Row(name="dark side", set_up=impossible), NO_HOME)
    assert check_places(make_context(GOOD), rows).figure == "1 places; not tried: dark side (no such moon)"


def test_allowed_place_passes(make_context: MakeContext) -> None:
    context = make_context("import os; os.environ['HOME']")
    assert check_places(allowing(context, "no HOME"), (NO_HOME,)).figure == "1 places"


def test_quick_build_reports_the_places_it_omits(make_context: MakeContext) -> None:
    context = dataclasses.replace(make_context(GOOD), is_quick=True)
    rows = (NO_HOME, *(dataclasses.replace(NO_HOME, name=name) for name in ("second", "third")))
    assert check_places(context, rows).figure == "2 places; not tried: third (--quick)"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has mount namespaces")
def test_forbidden_mounts_are_reported_in_the_systems_words(
    make_context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make_context(GOOD)
    unshare = write_script(context.scratch / "bin" / "unshare", "import sys; sys.exit('Operation not permitted')")
    monkeypatch.setenv("PATH", str(unshare.parent))
    with pytest.raises(CheckSkippedError, match="Operation not permitted"):
        require_mounts(context, context.scratch / "try")


@pytest.fixture
def set_up_code_page(
    make_context: MakeContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, int], Place]:
    """Set up the place on a fake Windows, where chcp prints this and exits with this code."""

    def set_up(output: str, code: int) -> Place:
        def chcp(_: VerificationContext, args: list[str], __: Mapping[str, str]) -> Finished:
            return Finished(args=tuple(args), code=code, stdout=output, stderr="", seconds=0)

        monkeypatch.setattr(place_table, "start_program", chcp)
        return place_table.other_code_page(make_context(PRINTS_VERSION), tmp_path)

    return set_up


@pytest.mark.parametrize(("output", "code"), [("Active code page: 850", 125), ("", 0)])
def test_console_without_code_pages_is_skipped(
    set_up_code_page: Callable[[str, int], Place], output: str, code: int
) -> None:
    with pytest.raises(CheckSkippedError):
        set_up_code_page(output, code)


def test_code_page_of_the_console_is_restored(set_up_code_page: Callable[[str, int], Place], tmp_path: Path) -> None:
    assert set_up_code_page("P\\xa0gina de c\\xa2digos activa: 850\r\n", 0).prefix == (str(tmp_path / "start.cmd"),)
    lines = (tmp_path / "start.cmd").read_bytes().split(b"\r\n")
    to_437, back = (
        rb"%SystemRoot%\System32\chcp.com 437 >nul || exit /b 125",
        rb"%SystemRoot%\System32\chcp.com 850 >nul",
    )
    assert lines.index(to_437) < lines.index(b"%*") < lines.index(back)
