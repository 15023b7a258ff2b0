import dataclasses
import sys
from pathlib import Path

import pytest

from release_tools.processes.run import Finished
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import (
    Assumption,
    CheckFailedError,
    Passed,
    VerificationContext,
)
from release_tools.verification.starts import running
from tests.release_tools.verification.packaged import make_context

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows can't start a script"),
]


@pytest.mark.parametrize("output", ["1.2.3", "tiny, version 1.2.3", "tiny v1.2.3 (free)", "tiny: 1.2.3,\nPython 3.13"])
def test_any_format_passes_without_the_setting(settings: ReleaseSettings, output: str) -> None:
    assert running.check_version(make_context(settings, f"print({output!r})")) == output


def test_exact_version_passes(settings: ReleaseSettings) -> None:
    assert running.check_version(make_context(settings)) == "tiny 1.2.3"


@pytest.mark.parametrize(
    "code",
    [
        "print('tiny 1.2.30')",
        "print('tiny 1.2.3'); raise SystemExit(1)",
        "import sys; print('tiny 1.2.3'); print('noise', file=sys.stderr)",
        "print('tiny 1.2')",
    ],
    ids=["longer", "exit code", "stderr", "shorter"],
)
@pytest.mark.shows_failing("version")
def test_other_version_output_fails(settings: ReleaseSettings, code: str) -> None:
    with pytest.raises(CheckFailedError) as caught:
        running.check_version(make_context(settings, code))
    assert "'tiny 1.2.3'" in caught.value.what


@pytest.mark.parametrize(
    ("code", "disproved"),
    [
        ("print('usage: tiny'); raise SystemExit(2)", Assumption.VERSION_IS_PRINTED),
        ("raise KeyError('tiny')", Assumption.PROGRAM_STARTS),
        ("import os; os.abort()", Assumption.PROGRAM_STARTS),
        ("print('[PYI-7:ERROR] Failed to execute script'); raise SystemExit(1)", Assumption.PROGRAM_STARTS),
        ("print('[PYI-7:ERROR] Failed to load Python'); raise SystemExit(1)", Assumption.PYTHON_STARTS),
    ],
    ids=["no such option", "exception", "signal", "exception in the main script", "bootloader"],
)
def test_failing_version_says_what_still_works(settings: ReleaseSettings, code: str, disproved: Assumption) -> None:
    with pytest.raises(CheckFailedError) as caught:
        running.check_version(make_context(settings, code))
    assert caught.value.disproves == disproved
    assert ("importlib.metadata" in caught.value.hint) == (disproved == Assumption.VERSION_IS_PRINTED)


def test_version_output_setting_adds_other_text(settings: ReleaseSettings) -> None:
    framed = dataclasses.replace(settings, version_output="{executable}, version {version} (free)")
    context = make_context(framed, "print('tiny, version 1.2.3 (free)')")
    assert running.check_version(context) == "tiny, version 1.2.3 (free)"
    with pytest.raises(CheckFailedError) as caught:
        running.check_version(make_context(framed, "print('tiny, version (free)')"))
    assert "'tiny, version 1.2.3 (free)'" in caught.value.what


def test_program_that_cannot_start_is_found(settings: ReleaseSettings) -> None:
    context = make_context(settings)
    context.executable.write_bytes(b"\x7fELF nonsense")
    with pytest.raises(CheckFailedError):
        running.check_version(context)
    context.executable.unlink()
    with pytest.raises(CheckFailedError):
        running.check_version(context)


@pytest.mark.parametrize(
    ("is_quick", "limit"), [(False, "START_TIMEOUT_SECONDS"), (True, "QUICK_START_TIMEOUT_SECONDS")]
)
def test_program_that_hangs_times_out(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, is_quick: bool, limit: str
) -> None:
    monkeypatch.setattr(running, limit, 1.0)
    context = make_context(settings, "import threading; threading.Event().wait()")
    with pytest.raises(CheckFailedError) as caught:
        running.check_version(dataclasses.replace(context, is_quick=is_quick))
    assert "still running after" in caught.value.what


@pytest.mark.shows_failing("start-up")
def test_intermittent_start_failure_is_found(settings: ReleaseSettings, tmp_path: Path) -> None:
    log = str(tmp_path / "starts")
    fails_at_third = f"import os, sys; open({log!r}, 'a').write('.'); sys.exit(os.path.getsize({log!r}) == 3)"
    with pytest.raises(CheckFailedError):
        running.check_start_up(make_context(settings, fails_at_third))


@pytest.mark.parametrize(("is_quick", "starts"), [(False, 5), (True, 1)])
def test_start_up_time_is_the_best_of_several(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, is_quick: bool, starts: int
) -> None:
    seconds = [0.5, 0.26, 0.4, 0.3, 0.7]

    def start(_: VerificationContext, *args: str) -> Finished:
        return Finished(args=args, code=0, stdout="", stderr="", seconds=seconds.pop(0))

    monkeypatch.setattr(running, "start", start)
    context = dataclasses.replace(make_context(settings), is_quick=is_quick)
    best = 0.5 if is_quick else 0.26
    assert running.check_start_up(context) == Passed(figure=f"{best:.2f} s", value=best)
    assert len(seconds) == 5 - starts


@pytest.mark.parametrize(
    ("code", "cure"),
    [
        ("print('tiny, version 1.2.3 (free)')", 'version-output = "{executable}, version {version} (free)"'),
        ("print('1.2.3')", 'version-output = "{version}"'),
        ("print('tiny 1.2.4')", None),
        ("print('tiny 1.2.3')\nprint('and more')", None),
        ("print('1.2.3'); raise SystemExit(1)", None),
    ],
)
def test_other_version_line_is_cured_by_its_setting(settings: ReleaseSettings, code: str, cure: str | None) -> None:
    named = dataclasses.replace(settings, version_output="{executable} {version}")
    with pytest.raises(CheckFailedError) as caught:
        running.check_version(make_context(named, code))
    assert caught.value.cure == cure
