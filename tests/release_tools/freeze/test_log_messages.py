import pytest

from release_tools.freeze.log_messages import LogJudge
from release_tools.platforms import find_platform

HARMLESS = "812 INFO: Processing standard module hook 'hook-sqlite3.py'"


def judge(platform: str = "linux-amd64") -> LogJudge:
    return LogJudge(
        platform=find_platform(platform),
        own_packages=("tiny_app",),
        own_files=("/site/tiny_app/cli.py", "/site/tiny_app/fast.so", r"C:\site\tiny_app\fast.pyd"),
        required=("elsewhere.plugin", "tkinter.dnd"),
        excluded=("tiny_app.legacy", "unittest"),
    )


@pytest.mark.parametrize(
    "message",
    [
        'Hidden import "tiny_app.plugins.late" not found!',
        "Hidden import 'elsewhere.plugin' not found",
        "Hidden import 'tkinter.dnd' not found",
        'Hidden import "_ctypes" not found!',
        "Library not found: could not resolve 'libfoo.so.1', dependency of '/site/tiny_app/fast.so'.",
        "Failed to collect submodules for 'tiny_app' because importing 'tiny_app' raised: OSError",
        "Failed to run strip on 'libfoo.so'",
        "Failed to process hook entry point 'x'",
        "Error while signing the bundle: no identity",
        "Sytnax error while compiling /site/tiny_app/cli.py",
    ],
)
def test_message_about_a_broken_binary_is_fatal(message: str) -> None:
    line = f"100 WARNING: {message}"
    assert judge().fatal([HARMLESS, line, line]) == (message,)
    assert judge().missing_from_source([line]) == ()


@pytest.mark.parametrize(
    "message",
    [
        'Hidden import "pysqlite2" not found!',
        'Hidden import "tkinter" not found!',
        'Hidden import "unittest.mock" not found!',
        "Hidden import 'tiny_app.legacy' not found",
        'Hidden import "numpy.core.old" not found!',
        "Failed to collect submodules for 'numpy' because importing 'numpy' raised: OSError",
        "Sytnax error while compiling /site/numpy/python2.py",
        "Library shell32 required via ctypes not found",
    ],
)
def test_message_about_a_dependency_or_what_is_left_out_is_ignored(message: str) -> None:
    line = f"100 WARNING: {message}"
    assert judge().fatal([line]) == ()
    assert judge().missing_from_source([line]) == ()


@pytest.mark.parametrize(
    "message",
    [
        "Library not found: could not resolve 'libodbc.so.2', dependency of '/site/pyodbc.so'.",
        "Library libfoo.so required via ctypes not found",
    ],
)
def test_library_missing_on_the_build_machine_is_noted(message: str) -> None:
    assert judge().fatal([f"1 WARNING: {message}"]) == ()
    assert judge().missing_from_source([f"1 WARNING: {message}"]) == (message,)


@pytest.mark.parametrize(("library", "is_fatal"), [("api-ms-win-crt-utility-l1-1-0.dll", False), ("mfc140u.dll", True)])
def test_windows_resolves_its_own_libraries(library: str, is_fatal: bool) -> None:
    message = rf"Library not found: could not resolve '{library}', dependency of 'C:\\site\\tiny_app\\fast.pyd'."
    assert bool(judge("windows-amd64").fatal([f"1 WARNING: {message}"])) == is_fatal


def test_missing_windows_library_is_noted_on_windows_only() -> None:
    line = "100 WARNING: Library shell32 required via ctypes not found"
    assert judge("windows-amd64").missing_from_source([line]) == ("Library shell32 required via ctypes not found",)
