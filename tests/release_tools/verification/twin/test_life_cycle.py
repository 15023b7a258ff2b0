import dataclasses
import signal
import sys
from collections.abc import Callable
from typing import Any

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError, Passed, VerificationContext
from release_tools.verification.twin import life_cycle
from release_tools.verification.twin.life_cycle import check_exit_codes, check_orphans, check_signals
from tests.release_tools.verification.twin.contexts import make_twin

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows can't start a script"),
]

# Like the bootloader, the first process waits for the second, but it doesn't forward signals.
TWO_PROCESSES = """
import os
program = os.fork()
if program:
    os.waitpid(program, 0)
    os._exit(0)
"""
DIES_WITH_ITS_PARENT = "import ctypes; ctypes.CDLL(None).prctl(1, 9)"


def test_unchanged_exit_codes_pass(settings: ReleaseSettings) -> None:
    assert check_exit_codes(make_twin(settings)).figure == "0, 1, 2, 3, 120, 255"


def test_quick_build_tries_fewer_exit_codes(settings: ReleaseSettings) -> None:
    assert check_exit_codes(dataclasses.replace(make_twin(settings), is_quick=True)).figure == "3, 255"


@pytest.mark.shows_failing("exit codes")
def test_lost_exit_codes_are_found(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckFailedError) as caught:
        check_exit_codes(make_twin(settings, "import atexit, os; atexit.register(os._exit, 0)"))
    assert set(caught.value.findings) == {f"{code} becomes 0" for code in (1, 2, 3, 120, 255)}


def test_program_that_signals_end_passes(settings: ReleaseSettings) -> None:
    assert check_signals(make_twin(settings)).figure == "SIGTERM, SIGINT once and twice"


@pytest.mark.shows_failing("signals")
def test_program_that_ignores_a_signal_is_found(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(life_cycle, "ENDING_TIMEOUT_SECONDS", 3.0)
    prelude = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    with pytest.raises(CheckFailedError) as caught:
        check_signals(make_twin(settings, prelude))
    assert [finding.partition(":")[0] for finding in caught.value.findings] == ["SIGTERM"]


def test_folder_left_after_a_signal_is_found(settings: ReleaseSettings) -> None:
    prelude = "import os; os.mkdir(os.path.join(os.environ['TMPDIR'], '_MEI1'))"
    with pytest.raises(CheckFailedError) as caught:
        check_signals(make_twin(settings, prelude))
    assert [finding.rpartition(" ")[2] for finding in caught.value.findings] == ["_MEI1"] * 3


@pytest.mark.parametrize(
    ("check", "prelude", "notes"),
    [
        (check_exit_codes, "import atexit, os; atexit.register(os._exit, 0)", 5),
        (check_signals, "import signal; signal.signal(signal.SIGTERM, lambda *_: sys.exit(7))", 1),
    ],
)
def test_what_also_happens_from_source_is_noted(
    settings: ReleaseSettings, check: Callable[[VerificationContext], Passed], prelude: str, notes: int
) -> None:
    context = make_twin(settings, f"import sys\n{prelude}")
    # The same script takes the place of the environment's Python.
    same = dataclasses.replace(context.build, python=context.probe)
    assert len(check(dataclasses.replace(context, evidence=same)).notes) == notes


def test_program_that_exits_too_early_is_found(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckFailedError) as caught:
        check_orphans(make_twin(settings, "raise SystemExit('too early')"))
    assert "'too early'" in caught.value.what


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has a parent-death signal")
def test_program_that_exits_with_its_bootloader_passes(settings: ReleaseSettings) -> None:
    assert check_orphans(make_twin(settings, TWO_PROCESSES + DIES_WITH_ITS_PARENT))


@pytest.mark.shows_failing("orphans")
def test_program_that_survives_its_bootloader_is_found(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_cycle, "ENDING_TIMEOUT_SECONDS", 3.0)
    with pytest.raises(CheckFailedError):
        check_orphans(make_twin(settings, TWO_PROCESSES))


class UnreachableProgram:
    """A program in another console."""

    def send_signal(self, _number: int) -> None:
        raise OSError(6, "Invalid handle")


def test_only_wine_may_fail_to_send_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    program: Any = UnreachableProgram()
    with pytest.raises(CheckFailedError):
        life_cycle._send(program, signal.SIGINT)
    monkeypatch.setattr(life_cycle, "wine_version", lambda: "8.0")
    with pytest.raises(CheckSkippedError):
        life_cycle._send(program, signal.SIGINT)
