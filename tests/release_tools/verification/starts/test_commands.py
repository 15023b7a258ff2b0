import dataclasses
import sys
import tempfile
from pathlib import Path

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.starts import commands, running
from tests.release_tools.verification.conftest import MakeContext, with_source
from tests.release_tools.verification.context_variants import allowing
from tests.release_tools.verification.packaged import GOOD, make_context

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows can't start a script"),
]


@pytest.mark.shows_failing("smoke commands")
def test_failed_smoke_command_is_found_with_its_output(settings: ReleaseSettings) -> None:
    with_command = dataclasses.replace(settings, smoke_commands=(("--version",), ("doctor",)))
    assert commands.check_smoke_commands(make_context(with_command)) == "--version, doctor"
    broken = "import sys; sys.exit('no module named late' if 'doctor' in sys.argv else 0)"
    with pytest.raises(CheckFailedError) as caught:
        commands.check_smoke_commands(make_context(with_command, broken))
    assert caught.value.findings == ("`tiny doctor`",)
    assert "no module named late" in caught.value.what


def test_every_failed_smoke_command_is_found(settings: ReleaseSettings) -> None:
    with_commands = dataclasses.replace(settings, smoke_commands=(("a",), ("b",), ("c",)))
    context = make_context(with_commands, "import sys; sys.exit(sys.argv[1] != 'b')")
    with pytest.raises(CheckFailedError) as caught:
        commands.check_smoke_commands(context)
    assert caught.value.findings == ("`tiny a`", "`tiny c`")
    assert commands.check_smoke_commands(allowing(context, "`tiny a`", "`tiny c`")) == "a, b, c"


def test_smoke_commands_do_not_get_the_callers_environment(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "1")
    code = "import os, sys; print(*sorted(os.environ)); sys.exit(1)"
    context = make_context(dataclasses.replace(settings, smoke_commands=(("x",),)), code)
    with pytest.raises(CheckFailedError) as caught:
        commands.check_smoke_commands(context)
    names = caught.value.what.splitlines()[-1].split()
    assert {"TMPDIR", "HOME"} <= set(names)
    assert not {"PATH", "SECRET"} & set(names)


def test_project_without_smoke_commands_is_skipped(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError):
        commands.check_smoke_commands(make_context(settings))


def test_usage_error_for_unknown_option_passes(settings: ReleaseSettings) -> None:
    context = make_context(settings, "import sys; sys.exit(2 if '--no-such-option-xyz' in sys.argv else 0)")
    assert commands.check_unknown_option(context).figure == "exit code 2"


@pytest.mark.parametrize(
    ("code", "finding"),
    [
        ("", "exit code 0"),
        ("raise KeyError('option')", "Traceback (most recent call last)"),
        ("import sys; print('[PYI-12:ERROR] Failed', file=sys.stderr); sys.exit(1)", "[PYI-"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "exit code -9"),
    ],
    ids=["ignored", "traceback", "bootloader", "signal"],
)
@pytest.mark.shows_failing("unknown option")
def test_ignored_option_or_crash_is_found(settings: ReleaseSettings, code: str, finding: str) -> None:
    with pytest.raises(CheckFailedError) as caught:
        commands.check_unknown_option(make_context(settings, code))
    assert caught.value.findings == (finding,)


def test_ignoring_unknown_options_can_be_allowed(settings: ReleaseSettings) -> None:
    context = allowing(make_context(settings, ""), "exit code 0")
    assert commands.check_unknown_option(context).figure == "exit code 0"


def test_smoke_commands_run_in_empty_folders_outside_the_project(settings: ReleaseSettings, tmp_path: Path) -> None:
    code = "import os, pathlib, sys; sys.exit(f'{os.listdir()} {os.listdir(pathlib.Path.home())} {os.getcwd()}')"
    context = make_context(dataclasses.replace(settings, smoke_commands=(("x",),)), code)
    with pytest.raises(CheckFailedError) as caught:
        commands.check_smoke_commands(dataclasses.replace(context, outside=tmp_path / "outside"))
    assert f"[] [] {tmp_path / 'outside'}" in caught.value.what


def test_smoke_command_that_fails_from_source_too_says_so(make_source_context: MakeContext) -> None:
    same = make_source_context("import sys; sys.exit('no terminal')", "import sys; sys.exit('no terminal')")
    other = make_source_context("import sys; sys.exit('no templates')", "import sys; sys.exit(3)")
    with pytest.raises(CheckFailedError) as caught:
        commands.check_smoke_commands(same)
    assert "from source too" in caught.value.what
    assert "smoke-commands" in caught.value.hint
    with pytest.raises(CheckFailedError) as caught:
        commands.check_smoke_commands(other)
    assert "from source, it exits with 3" in caught.value.what


@pytest.mark.parametrize(
    ("frozen", "source", "is_found"),
    [
        ("pass", "pass", False),
        ("import sys; sys.argv[2]", "import sys; sys.argv[2]", False),
        ("import sys; sys.argv[2]", "import sys; sys.exit(2)", True),
        ("import sys; sys.argv[2]", "raise KeyError('lost')", True),
        ("pass", "import sys; sys.exit(2)", True),
    ],
    ids=["ignored", "crash", "crash only frozen", "other crash", "ignored only frozen"],
)
def test_unknown_option_may_do_what_it_does_from_source(
    make_source_context: MakeContext, frozen: str, source: str, is_found: bool
) -> None:
    context = make_source_context(frozen, source)
    if is_found:
        with pytest.raises(CheckFailedError):
            commands.check_unknown_option(context)
    else:
        assert "as from source" in commands.check_unknown_option(context).notes[0]


@pytest.mark.shows_failing("temporary files")
def test_leftover_temporary_folder_is_found(settings: ReleaseSettings) -> None:
    clean = make_context(settings)
    running.check_version(clean)
    assert commands.check_temporary_files(clean).figure == "none left"
    leaking = make_context(settings, f"import os; os.mkdir(os.environ['TMPDIR'] + '/_MEI1'); {GOOD}")
    running.check_version(leaking)
    with pytest.raises(CheckFailedError) as caught:
        commands.check_temporary_files(leaking)
    assert caught.value.findings == ("_MEI1",)


def test_leftover_has_the_same_name_in_every_build(settings: ReleaseSettings) -> None:
    context = make_context(settings, f"import tempfile; tempfile.mkstemp('.log', 'tiny-'); {GOOD}")
    running.check_version(context)
    with pytest.raises(CheckFailedError) as caught:
        commands.check_temporary_files(context)
    assert caught.value.findings == ("tiny-*.log",)


@pytest.mark.parametrize(("name", "is_found"), [("cache", False), ("_MEI1", True)])
def test_temporary_file_that_the_source_leaves_too_is_noted(
    make_source_context: MakeContext, name: str, is_found: bool
) -> None:
    leaves = "import os; open(os.path.join(os.environ['TMPDIR'], '{}'), 'w').close(); print('tiny 1.2.3')"
    context = make_source_context(leaves.format(name), leaves.format(name))
    running.check_version(context)
    if is_found:
        with pytest.raises(CheckFailedError):
            commands.check_temporary_files(context)
    else:
        assert "as from source" in commands.check_temporary_files(context).notes[0]


@pytest.fixture
def make_source_context(settings: ReleaseSettings, tmp_path: Path) -> MakeContext:
    """Make a context with a smoke command, of a program with this code and the source with that code."""

    def make(frozen: str, source: str) -> VerificationContext:
        root = Path(tempfile.mkdtemp(dir=tmp_path))
        changed = dataclasses.replace(settings, root=root, smoke_commands=(("x",),))
        return with_source(make_context(changed, frozen), source)

    return make
