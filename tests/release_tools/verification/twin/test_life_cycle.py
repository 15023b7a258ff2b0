"""How a program ends: every ending that is lost on the way out is found."""

import signal
import sys
from typing import Any

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError
from release_tools.verification.twin import life_cycle
from release_tools.verification.twin.life_cycle import check_exit_codes, check_orphans, check_signals
from tests.release_tools.verification.twin.contexts import make_twin

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="a script is no executable on Windows"),
]

# The first process only waits for the second, which is the program; as the bootloader does, but without signals.
TWO_PROCESSES = """
import os
program = os.fork()
if program:
    os.waitpid(program, 0)
    os._exit(0)
"""
DIES_WITH_ITS_PARENT = "import ctypes; ctypes.CDLL(None).prctl(1, 9)"


def test_exit_codes_that_come_through_pass(settings: ReleaseSettings) -> None:
    assert check_exit_codes(make_twin(settings)) == "0, 1, 2, 3, 120, 255"


@pytest.mark.shows_failing("exit codes")
def test_exit_codes_that_are_lost_are_found(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckFailedError, match=r"exit codes are lost:\n  - 1 becomes 0\n  - 2 becomes 0"):
        check_exit_codes(make_twin(settings, "import atexit, os; atexit.register(os._exit, 0)"))


def test_a_program_that_signals_end_passes(settings: ReleaseSettings) -> None:
    assert check_signals(make_twin(settings)) == "SIGTERM, SIGINT once and twice"


@pytest.mark.shows_failing("signals")
def test_a_program_that_ignores_a_signal_is_ended_and_found(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_cycle, "ENDING_TIMEOUT_SECONDS", 3.0)
    prelude = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    with pytest.raises(CheckFailedError, match="SIGTERM: it ended with -9, not -15"):
        check_signals(make_twin(settings, prelude))


def test_a_program_that_leaves_its_folder_behind_is_found(settings: ReleaseSettings) -> None:
    prelude = "import os; os.mkdir(os.path.join(os.environ['TMPDIR'], '_MEI1'))"
    with pytest.raises(CheckFailedError, match="SIGINT: it left _MEI1 in its temporary folder"):
        check_signals(make_twin(settings, prelude))


def test_a_program_that_does_not_get_ready_is_told(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckFailedError, match="did not get ready but printed 'too early'"):
        check_orphans(make_twin(settings, "raise SystemExit('too early')"))


@pytest.mark.skipif(sys.platform != "linux", reason="a parent-death signal exists on Linux only")
def test_a_program_that_ends_with_its_bootloader_passes(settings: ReleaseSettings) -> None:
    assert check_orphans(make_twin(settings, TWO_PROCESSES + DIES_WITH_ITS_PARENT)).startswith("gone after")


@pytest.mark.shows_failing("orphans")
def test_a_program_that_survives_its_bootloader_is_ended_and_found(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_cycle, "ORPHAN_TIMEOUT_SECONDS", 3.0)
    with pytest.raises(CheckFailedError, match="the program was still running"):
        check_orphans(make_twin(settings, TWO_PROCESSES))


class UnreachableProgram:
    """A program in another console."""

    def send_signal(self, _number: int) -> None:
        raise OSError(6, "Invalid handle")


def test_only_wine_excuses_that_no_signal_can_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    program: Any = UnreachableProgram()
    with pytest.raises(CheckFailedError, match=r"no signal can be sent to the program: .*Invalid handle"):
        life_cycle._send(program, signal.SIGINT)
    monkeypatch.setattr(life_cycle, "wine_version", lambda: "8.0")
    with pytest.raises(CheckSkippedError, match=r"Wine 8\.0 sends no Ctrl-Break"):
        life_cycle._send(program, signal.SIGINT)
