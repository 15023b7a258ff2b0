import compileall
from pathlib import Path

import pytest

from release_tools.freezing import fatal_findings, write_launcher
from release_tools.platforms import find_platform
from release_tools.settings import AllowedMessage, ReleaseSettings

LINUX = find_platform("linux-amd64")
HARMLESS = "812 INFO: Processing standard module hook 'hook-sqlite3.py'"
MISSING = '9120 ERROR: Hidden import "tiny_app.plugins.late" not found!'


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
def test_what_pyinstaller_only_logs_is_found(line: str) -> None:
    assert fatal_findings([HARMLESS, line, HARMLESS], [], LINUX) == [line.split(": ", 1)[1]]


def test_a_message_that_comes_twice_is_told_once() -> None:
    assert len(fatal_findings([MISSING, MISSING], [], LINUX)) == 1


def test_a_part_of_windows_that_code_names_is_missed_on_windows_only() -> None:
    line = "100 WARNING: Library shell32 required via ctypes not found"
    assert fatal_findings([line], [], LINUX) == []
    assert fatal_findings([line], [], find_platform("windows-amd64")) == [
        "Library shell32 required via ctypes not found"
    ]


@pytest.mark.parametrize(("library", "is_fatal"), [("api-ms-win-crt-utility-l1-1-0.dll", False), ("mfc140u.dll", True)])
def test_a_library_that_windows_brings_is_no_missing_one(library: str, is_fatal: bool) -> None:
    message = f"Library not found: could not resolve '{library}', dependency of 'C:\\\\x.pyd'."
    assert bool(fatal_findings([f"1 WARNING: {message}"], [], find_platform("windows-amd64"))) == is_fatal
    assert fatal_findings([f"1 WARNING: {message}"], [], LINUX) == [message]


def test_an_allowed_message_is_let_through_and_no_other() -> None:
    allowed = [AllowedMessage(message='Hidden import "tiny_app.plugins.late" not found', reason="an optional plugin")]
    other = '1 ERROR: Hidden import "tiny_app.plugins.early" not found!'
    assert fatal_findings([MISSING, other], allowed, LINUX) == ['Hidden import "tiny_app.plugins.early" not found!']


def test_the_launcher_is_ready_for_worker_processes_before_it_imports_the_app(settings: ReleaseSettings) -> None:
    launcher = write_launcher(settings, settings.root)
    text = launcher.read_text(encoding="utf-8")
    assert text.index("multiprocessing.freeze_support()") < text.index("from tiny_app.cli import main")
    assert compileall.compile_file(str(launcher), quiet=1)


def test_the_launcher_hides_no_module_from_the_analysis(settings: ReleaseSettings, tmp_path: Path) -> None:
    launcher = write_launcher(settings, tmp_path)
    assert not launcher.stem.isidentifier()
    assert [path.name for path in launcher.parent.iterdir()] == ["start-tiny.py"]
