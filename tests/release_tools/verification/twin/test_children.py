import multiprocessing
import shutil
import sys
from pathlib import Path

import pytest

from release_tools.freeze.runtime_hooks import PACKAGE, write_runtime_hook
from release_tools.platforms import find_platform
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError
from release_tools.verification.twin import children
from release_tools.verification.twin.children import (
    check_child_environment,
    check_nested_starts,
    check_workers,
    shell_command,
)
from tests.release_tools.verification.twin.contexts import make_twin, write_script

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows can't start a script"),
]

BUNDLE = "/bundle/_MEI0000abcdefghij"


def bootloader(folder: Path, *, is_hooked: bool = True) -> str:
    """Change the environment like PyInstaller's bootloader, and run the hook that restores it."""
    hooks = []
    if is_hooked:
        hook = write_runtime_hook(folder / "runtime")
        hooks = [
            f"sys.path.insert(0, {str(hook.search_path)!r})",
            f"exec(open({str(hook.script)!r}).read())",
            # The children run the same Python, which only here is the program itself.
            f"import {PACKAGE}.interpreter; {PACKAGE}.interpreter.is_own_program = lambda _: False",
        ]
    lines = [
        "import os, sys",
        f"sys._MEIPASS = {BUNDLE!r}",
        "user = os.environ.get('LD_LIBRARY_PATH')",
        "if user: os.environ['LD_LIBRARY_PATH_ORIG'] = user",
        f"os.environ['LD_LIBRARY_PATH'] = {BUNDLE!r} + (':' + user if user else '')",
        "os.environ['_PYI_ARCHIVE_FILE'] = '/app'",
    ]
    return "\n".join(lines + hooks)


@pytest.mark.parametrize("copier", [shutil.which("cp"), None], ids=["cp", "Python"])
def test_children_with_the_hook_get_the_original_environment(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, copier: str | None
) -> None:
    find = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name, **where: copier if name == "cp" else find(name, **where))
    monkeypatch.setenv("TWO_LINES", "first\nsecond=third ä")
    figure = check_child_environment(make_twin(settings, bootloader(settings.root)))
    assert int(figure.removesuffix(" starts clean")) >= 15


@pytest.mark.shows_failing("child environment")
def test_children_without_the_hook_are_found(settings: ReleaseSettings) -> None:
    context = make_twin(settings, bootloader(settings.root, is_hooked=False))
    with pytest.raises(CheckFailedError) as caught:
        check_child_environment(context)
    assert {"subprocess", "os.system"} <= set(caught.value.findings)
    assert f"asyncio: LD_LIBRARY_PATH={BUNDLE}, _PYI_ARCHIVE_FILE=/app" in caught.value.what


@pytest.mark.parametrize(
    ("broken", "leak"),
    [
        ("os.execv = lambda path, argv: original(path, argv, {**os.environ, 'X': '1'})", "fork and os.execv: X=1"),
        ("os.environ['EXTRA'] = '1'", "EXTRA=1"),
        ("del os.environ['HOME']", "no HOME"),
        ("os.system = lambda command: 0", "os.system: "),
    ],
)
def test_single_leak_is_found(settings: ReleaseSettings, broken: str, leak: str) -> None:
    prelude = f"import os\noriginal = os.execve\n{bootloader(settings.root)}\n{broken}"
    with pytest.raises(CheckFailedError) as caught:
        check_child_environment(make_twin(settings, prelude))
    assert leak in caught.value.what


def test_workers_start_by_every_method(settings: ReleaseSettings) -> None:
    assert check_workers(make_twin(settings)).split(", ") == multiprocessing.get_all_start_methods()


@pytest.mark.shows_failing("worker starts")
@pytest.mark.parametrize(
    ("code", "seconds"), [("raise SystemExit(2)", 3600.0), ("import time; time.sleep(600)", 1.0)], ids=["end", "hang"]
)
def test_workers_that_never_start_are_found(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, code: str, seconds: float
) -> None:
    monkeypatch.setattr(children, "WORKER_TIMEOUT_SECONDS", seconds)
    prelude = "import multiprocessing.spawn, sys\n"
    prelude += f"multiprocessing.spawn.get_command_line = lambda **_: [sys.executable, '-c', {code!r}]"
    with pytest.raises(CheckFailedError) as caught:
        check_workers(make_twin(settings, prelude))
    assert "spawn" in caught.value.findings
    assert "fork" not in caught.value.findings


def test_program_without_multiprocessing_is_skipped(settings: ReleaseSettings) -> None:
    prelude = "import sys, multiprocessing; sys.modules['multiprocessing.pool'] = None"
    with pytest.raises(CheckSkippedError):
        check_workers(make_twin(settings, prelude))


SHIPPED = "import os\nprint('lost' if '_PYI_ARCHIVE_FILE' in os.environ else 'tiny 1.2.3')"
WAYS_TO_START_ITSELF = ("directly", "through a shell", "after the parent has exited")


def test_program_can_start_itself(settings: ReleaseSettings) -> None:
    context = make_twin(settings, bootloader(settings.root))
    write_script(context.executable, SHIPPED)
    assert check_nested_starts(context) == ", ".join(WAYS_TO_START_ITSELF)


@pytest.mark.shows_failing("nested starts")
def test_child_that_uses_its_parents_bundle_is_found(settings: ReleaseSettings) -> None:
    context = make_twin(settings, bootloader(settings.root, is_hooked=False))
    write_script(context.executable, SHIPPED)
    with pytest.raises(CheckFailedError) as caught:
        check_nested_starts(context)
    assert set(caught.value.findings) == set(WAYS_TO_START_ITSELF)


def test_shell_command_quotes_arguments_with_spaces() -> None:
    assert shell_command(["/a b/app", "-x"], find_platform("linux-amd64")) == "'/a b/app' -x"
    assert shell_command(["C:\\a b\\app.exe", "-x"], find_platform("windows-amd64")) == '"C:\\a b\\app.exe" "-x"'
