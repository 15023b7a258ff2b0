import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from release_tools.errors import FreezeError, KilledError
from release_tools.freeze import pyinstaller
from release_tools.freeze.plan import FreezePlan, make_plan
from release_tools.freeze.pyinstaller import Frozen, freeze, scrub_environment
from release_tools.platforms import find_platform
from release_tools.settings import ReleaseSettings
from tests.release_tools.installed import PROJECT, environment_of, install

LINUX = find_platform("linux-amd64")
HARMLESS = "812 INFO: Processing standard module hook 'hook-sqlite3.py'"


def test_users_variables_do_not_reach_the_hooks(tmp_path: Path) -> None:
    changes = scrub_environment(
        {"PATH": "/bin", "SystemRoot": "C:", "NLTK_DATA": "/x", "HOME": "/home/x"}, tmp_path / "home"
    )
    assert {"PATH", "SystemRoot"}.isdisjoint(changes)
    assert changes["NLTK_DATA"] is None
    assert changes["HOME"] == str(tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


@pytest.fixture
def run_freeze(settings: ReleaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "RunFreeze":
    """Run a freeze whose PyInstaller exits with this code, negative for a signal, and logs this."""
    installed = environment_of(install(tmp_path / "site", PROJECT, {"tiny_app/__init__.py": ""}))
    plan = make_plan(settings, installed, LINUX, tmp_path / "plan")

    def run_freeze(
        code: int, logged: str, unowned: Sequence[tuple[str, str]] = (), *, is_quick: bool = False
    ) -> Frozen:
        def run(*_: object, log: Path, **__: object) -> int:
            log.write_text(logged, encoding="utf-8")
            notes = {"unowned_data": unowned, "is_tk_left_out": bool(unowned), "scans": 3, "reused_scans": 2}
            Path(plan.notes).write_text(json.dumps(notes), encoding="utf-8")
            return code

        monkeypatch.setattr(pyinstaller, "run_logged", run)

        def planned(*_: object, **options: object) -> FreezePlan:
            assert options == {"is_quick": is_quick}
            return plan

        monkeypatch.setattr(pyinstaller, "make_plan", planned)
        return freeze(
            settings,
            installed,
            LINUX,
            python=Path(sys.executable),
            folder=tmp_path / "freeze",
            source_date=0,
            kept_scans=None,
            is_quick=is_quick,
            on_line=print,
        )

    return run_freeze


RunFreeze = Callable[..., Frozen]


def test_failure_reports_the_end_of_the_log(run_freeze: RunFreeze) -> None:
    with pytest.raises(FreezeError) as caught:
        run_freeze(1, HARMLESS)
    assert HARMLESS in caught.value.what


def test_killed_pyinstaller_raises_killed_error(run_freeze: RunFreeze) -> None:
    with pytest.raises(KilledError) as caught:
        run_freeze(-9, HARMLESS)
    assert caught.value.code == -9


def test_fatal_messages_do_not_end_the_build(run_freeze: RunFreeze) -> None:
    message = "Failed to process hook entry point 'x'"
    assert run_freeze(0, f"{HARMLESS}\n1 WARNING: {message}\n").messages == (message,)


@pytest.mark.parametrize("is_quick", [False, True])
def test_plan_knows_whether_the_build_is_quick(run_freeze: RunFreeze, is_quick: bool) -> None:
    assert run_freeze(0, HARMLESS, is_quick=is_quick).messages == ()


def test_unowned_data_is_one_message_per_folder(run_freeze: RunFreeze) -> None:
    unowned = [("corpora/a.txt", "/usr/share/a.txt"), ("corpora/b.txt", "/usr/share/b.txt"), ("c.txt", "/c.txt")]
    frozen = run_freeze(0, HARMLESS, unowned)
    assert len(frozen.messages) == 2
    assert len(frozen.notes) == 1
