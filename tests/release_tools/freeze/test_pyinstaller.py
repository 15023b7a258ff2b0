import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from release_tools.errors import FreezeError, KilledError
from release_tools.freeze import pyinstaller
from release_tools.freeze.plan import FreezePlan
from release_tools.freeze.pyinstaller import Frozen, fatal_messages, freeze, names_unexpected_module, scrub_environment
from release_tools.platforms import find_platform
from release_tools.settings import ReleaseSettings
from tests.release_tools.installed import PROJECT, environment_of, install

LINUX = find_platform("linux-amd64")
HARMLESS = "812 INFO: Processing standard module hook 'hook-sqlite3.py'"
MISSING = '9120 ERROR: Hidden import "tiny_app.plugins.late" not found!'

EMPTY_PLAN = FreezePlan(
    name="tiny",
    faster_scan="",
    launcher="",
    probe_name="",
    probe_launcher="",
    hidden_imports=(),
    own_packages=(),
    datas=(),
    left_out_metadata=(),
    runtime_hook="",
    last_runtime_hook="",
    search_path=(),
    exclude_modules=(),
    glibc_floor=None,
    is_stripped=True,
    version_resource=None,
)


@pytest.mark.parametrize(
    "line",
    [
        MISSING,
        "100 WARNING: Library not found: could not resolve 'libfoo.so.1', dependency of '/x/_native.so'.",
        "100 WARNING: Failed to run strip on '/x/libfoo.so'!",
        "100 WARNING: Failed to collect submodules for 'tiny_app' because importing 'tiny_app' raised: OSError",
        "100 ERROR: Failed to process hook entry point 'x'",
        "100 WARNING: Library libfoo.so required via ctypes not found",
        "100 ERROR: Error while signing the bundle: no identity",
        "100 ERROR: Sytnax error while compiling /x/tiny_app/cli.py",
    ],
)
def test_fatal_log_message_is_found(line: str) -> None:
    assert fatal_messages([HARMLESS, line, HARMLESS], LINUX) == [line.split(": ", 1)[1]]


def test_repeated_message_is_reported_once() -> None:
    assert len(fatal_messages([MISSING, MISSING], LINUX)) == 1


def test_missing_windows_library_is_fatal_on_windows_only() -> None:
    line = "100 WARNING: Library shell32 required via ctypes not found"
    assert fatal_messages([line], LINUX) == []
    assert fatal_messages([line], find_platform("windows-amd64")) == ["Library shell32 required via ctypes not found"]


@pytest.mark.parametrize(("library", "is_fatal"), [("api-ms-win-crt-utility-l1-1-0.dll", False), ("mfc140u.dll", True)])
def test_unresolved_system_library_is_not_fatal_on_windows(library: str, is_fatal: bool) -> None:
    message = f"Library not found: could not resolve '{library}', dependency of 'C:\\\\x.pyd'."
    assert bool(fatal_messages([f"1 WARNING: {message}"], find_platform("windows-amd64"))) == is_fatal
    assert fatal_messages([f"1 WARNING: {message}"], LINUX) == [message]


@pytest.mark.parametrize(
    ("module", "is_unexpected"),
    [
        ("pysqlite2", True),
        ("numpy.core.old", True),
        ("numpy.core", False),
        ("elsewhere.plugin", False),
        ("tiny_app.plugins.late", False),
        ("_ctypes", False),
    ],
    ids=["not installed", "of another release", "installed", "named by the plan", "of the app", "of Python"],
)
def test_hidden_import_missing_from_source_is_unexpected(module: str, is_unexpected: bool) -> None:
    finding = f'Hidden import "{module}" not found!'
    assert names_unexpected_module(finding, {"numpy", "numpy.core", "elsewhere.plugin"}, ["tiny_app"]) == is_unexpected


def test_other_messages_are_never_unexpected() -> None:
    assert not names_unexpected_module("Failed to run strip on '/x/libfoo.so'!", (), ())


def test_users_variables_do_not_reach_the_hooks(tmp_path: Path) -> None:
    changes = scrub_environment(
        {"PATH": "/bin", "SystemRoot": "C:", "NLTK_DATA": "/x", "HOME": "/home/x"}, tmp_path / "home"
    )
    assert {"PATH", "SystemRoot"}.isdisjoint(changes)
    assert changes["NLTK_DATA"] is None
    assert changes["HOME"] == str(tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


@pytest.fixture
def run_freeze(
    settings: ReleaseSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[int, str], Frozen]:
    """Run a freeze whose PyInstaller exits with this code, negative for a signal, and logs this."""
    installed = environment_of(install(tmp_path / "site", PROJECT, {"tiny_app/__init__.py": ""}))

    def run_freeze(code: int, logged: str) -> Frozen:
        def run(*_: object, log: Path, **__: object) -> int:
            log.write_text(logged, encoding="utf-8")
            return code

        monkeypatch.setattr(pyinstaller, "run_logged", run)
        monkeypatch.setattr(pyinstaller, "make_plan", lambda *_: EMPTY_PLAN)
        return freeze(
            settings,
            installed,
            LINUX,
            python=Path(sys.executable),
            folder=tmp_path / "freeze",
            source_date=0,
            on_line=print,
        )

    return run_freeze


RunFreeze = Callable[[int, str], Frozen]


def test_failure_reports_the_end_of_the_log(run_freeze: RunFreeze) -> None:
    with pytest.raises(FreezeError) as caught:
        run_freeze(1, HARMLESS)
    assert HARMLESS in caught.value.what


def test_killed_pyinstaller_raises_killed_error(run_freeze: RunFreeze) -> None:
    with pytest.raises(KilledError) as caught:
        run_freeze(-9, HARMLESS)
    assert caught.value.code == -9


def test_fatal_messages_do_not_end_the_build(run_freeze: RunFreeze) -> None:
    message = "Failed to run strip on '/x/libfoo.so'!"
    assert run_freeze(0, f"{HARMLESS}\n1 WARNING: {message}\n").messages == (message,)
