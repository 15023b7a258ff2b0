import dataclasses
import re
import sys
from pathlib import Path

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError
from release_tools.verification.starts import running
from tests.release_tools.verification.context_variants import allowing
from tests.release_tools.verification.packaged import GOOD, make_context

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="a script is no executable on Windows"),
]


def test_the_exact_version_passes(settings: ReleaseSettings) -> None:
    assert running.check_version(make_context(settings)) == "tiny 1.2.3"


@pytest.mark.parametrize(
    "code",
    [
        "print('tiny 1.2.30')",
        "print('tiny 1.2.3')\nprint('and more')",
        "print('tiny 1.2.3'); raise SystemExit(1)",
        "import sys; print('tiny 1.2.3'); print('noise', file=sys.stderr)",
        "print('1.2.3')",
    ],
    ids=["longer", "more lines", "exit code", "stderr", "no name"],
)
@pytest.mark.shows_failing("version")
def test_any_other_version_output_fails(settings: ReleaseSettings, code: str) -> None:
    with pytest.raises(CheckFailedError, match=r"--version was to print 'tiny 1.2.3' and exit with 0, but it exited"):
        running.check_version(make_context(settings, code))


def test_a_version_may_stand_among_words_that_the_project_names(settings: ReleaseSettings) -> None:
    framed = dataclasses.replace(settings, version_output="{executable}, version {version} (free)")
    context = make_context(framed, "print('tiny, version 1.2.3 (free)')")
    assert running.check_version(context) == "tiny, version 1.2.3 (free)"
    with pytest.raises(CheckFailedError, match=r"to print 'tiny, version 1.2.3 \(free\)' and exit"):
        running.check_version(make_context(framed, "print('tiny, version (free)')"))


def test_a_program_that_cannot_be_started_is_found(settings: ReleaseSettings) -> None:
    context = make_context(settings)
    context.executable.write_bytes(b"\x7fELF nonsense")
    with pytest.raises(CheckFailedError, match="cannot be started"):
        running.check_version(context)
    context.executable.unlink()
    with pytest.raises(CheckFailedError, match="was not found"):
        running.check_version(context)


def test_a_program_that_hangs_is_ended_and_found(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "START_TIMEOUT_SECONDS", 1.0)
    with pytest.raises(CheckFailedError, match="still running after"):
        running.check_version(make_context(settings, "import threading; threading.Event().wait()"))


@pytest.mark.shows_failing("smoke commands")
def test_a_smoke_command_that_fails_is_found_with_what_it_printed(settings: ReleaseSettings) -> None:
    with_command = dataclasses.replace(settings, smoke_commands=(("--version",), ("doctor",)))
    assert running.check_smoke_commands(make_context(with_command)) == "--version, doctor"
    broken = "import sys; sys.exit('no module named late' if 'doctor' in sys.argv else 0)"
    with pytest.raises(
        CheckFailedError, match=r"`tiny doctor` failed: it exited with 1 and printed:\nno module named late"
    ):
        running.check_smoke_commands(make_context(with_command, broken))


def test_smoke_commands_see_nothing_of_the_callers_environment(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "1")
    code = "import os, sys; print(*sorted(os.environ)); sys.exit(1)"
    context = make_context(dataclasses.replace(settings, smoke_commands=(("x",),)), code)
    with pytest.raises(CheckFailedError) as caught:
        running.check_smoke_commands(context)
    names = caught.value.what.splitlines()[-1].split()
    assert "TMPDIR" in names
    assert not {"HOME", "PATH", "SECRET"} & set(names)


def test_without_smoke_commands_the_check_says_so(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError, match="no smoke-commands are set"):
        running.check_smoke_commands(make_context(settings))


def test_an_unknown_option_that_is_a_usage_error_passes(settings: ReleaseSettings) -> None:
    context = make_context(settings, "import sys; sys.exit(2 if '--no-such-option-xyz' in sys.argv else 0)")
    assert running.check_unknown_option(context) == "exit code 2"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("", "it is no usage error; it exited with 0"),
        ("raise KeyError('option')", "its output holds 'Traceback"),
        ("import sys; print('[PYI-12:ERROR] Failed', file=sys.stderr); sys.exit(1)", "its output holds '[PYI-'"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "it is no usage error; it exited with -9"),
    ],
    ids=["ignored", "traceback", "bootloader", "signal"],
)
@pytest.mark.shows_failing("unknown option")
def test_an_unknown_option_that_is_ignored_or_crashes_is_found(settings: ReleaseSettings, code: str, said: str) -> None:
    with pytest.raises(CheckFailedError) as caught:
        running.check_unknown_option(make_context(settings, code))
    assert caught.value.what.startswith(f"`tiny --no-such-option-xyz`: {said}")


def test_a_program_that_takes_any_option_can_be_allowed(settings: ReleaseSettings) -> None:
    context = allowing(make_context(settings, ""), "exit code 0")
    assert running.check_unknown_option(context) == "exit code 0"


@pytest.mark.shows_failing("start-up")
def test_start_up_that_fails_at_times_is_found(settings: ReleaseSettings, tmp_path: Path) -> None:
    log = str(tmp_path / "starts")
    fails_at_third = f"import os, sys; open({log!r}, 'a').write('.'); sys.exit(os.path.getsize({log!r}) == 3)"
    with pytest.raises(CheckFailedError):
        running.check_start_up(make_context(settings, fails_at_third))


def test_start_up_is_a_figure_in_seconds(settings: ReleaseSettings) -> None:
    measured = running.check_start_up(make_context(settings))
    seconds = re.fullmatch(r"(\d+\.\d\d) s", measured.figure)
    assert seconds is not None
    assert measured.value > 0
    # Each is rounded by itself.
    assert float(seconds[1]) == pytest.approx(measured.value, abs=0.0056)


@pytest.mark.shows_failing("temporary files")
def test_what_a_start_leaves_in_the_temporary_folder_is_found(settings: ReleaseSettings) -> None:
    clean = make_context(settings)
    running.check_version(clean)
    assert running.check_temporary_files(clean) == "none left"
    leaking = make_context(settings, f"import tempfile; tempfile.mkdtemp(prefix='_MEI'); {GOOD}")
    running.check_version(leaking)
    with pytest.raises(CheckFailedError, match="left 1 entries in its temporary folder: _MEI"):
        running.check_temporary_files(leaking)
