"""What the program starts: children with the outer environment, workers, and itself."""

import sys
from pathlib import Path

import pytest

from release_tools.freeze.runtime_hooks import write_runtime_hook
from release_tools.platforms import PLATFORMS, find_platform
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
    pytest.mark.skipif(sys.platform == "win32", reason="a script is no executable on Windows"),
]

BUNDLE = "/bundle/_MEI0000abcdefghij"


def bootloader(folder: Path, *, is_hooked: bool = True) -> str:
    """What PyInstaller's bootloader does to the environment, and the hooks that make up for it."""
    hooks = []
    if is_hooked:
        hook = write_runtime_hook(folder / "runtime")
        hooks = [f"sys.path.insert(0, {str(hook.search_path)!r})", f"exec(open({str(hook.script)!r}).read())"]
    lines = [
        "import os, sys",
        f"sys._MEIPASS = {BUNDLE!r}",
        "user = os.environ.get('LD_LIBRARY_PATH')",
        "if user: os.environ['LD_LIBRARY_PATH_ORIG'] = user",
        f"os.environ['LD_LIBRARY_PATH'] = {BUNDLE!r} + (':' + user if user else '')",
        "os.environ['_PYI_ARCHIVE_FILE'] = '/app'",
    ]
    return "\n".join(lines + hooks)


def test_children_of_a_program_with_the_hook_see_nothing_of_the_bundle(settings: ReleaseSettings) -> None:
    figure = check_child_environment(make_twin(settings, bootloader(settings.root)))
    assert int(figure.removesuffix(" starts clean")) >= 15


@pytest.mark.shows_failing("child environment")
def test_children_of_a_program_without_it_are_found_with_what_they_see(settings: ReleaseSettings) -> None:
    context = make_twin(settings, bootloader(settings.root, is_hooked=False))
    with pytest.raises(CheckFailedError) as caught:
        check_child_environment(context)
    assert f"subprocess: LD_LIBRARY_PATH={BUNDLE}, _PYI_ARCHIVE_FILE=/app" in caught.value.what
    assert "os.system: " in caught.value.what


@pytest.mark.parametrize(
    ("broken", "told"),
    [
        ("os.execv = original", "fork and os.execv: "),
        ("os.environ['EXTRA'] = '1'", "EXTRA=1"),
        ("del os.environ['HOME']", "no HOME"),
        ("os.system = lambda command: 0", "os.system: the child did not run"),
    ],
)
def test_a_single_leak_is_found(settings: ReleaseSettings, broken: str, told: str) -> None:
    prelude = f"import os\noriginal = os.execv\n{bootloader(settings.root)}\n{broken}"
    with pytest.raises(CheckFailedError) as caught:
        check_child_environment(make_twin(settings, prelude))
    assert told in caught.value.what


def test_workers_start_by_every_method(settings: ReleaseSettings) -> None:
    assert "spawn" in check_workers(make_twin(settings))


@pytest.mark.shows_failing("worker starts")
def test_workers_that_run_the_program_instead_are_found(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "WORKER_TIMEOUT_SECONDS", 3.0)
    # Started anew, it does not become the worker that it is to be.
    prelude = "import multiprocessing.spawn, sys\n"
    prelude += "multiprocessing.spawn.get_command_line = lambda **_: [sys.executable, '-c', 'raise SystemExit(2)']"
    with pytest.raises(CheckFailedError, match="worker processes do not work in the frozen program: spawn: Timeout"):
        check_workers(make_twin(settings, prelude))


def test_a_program_without_multiprocessing_has_no_workers(settings: ReleaseSettings) -> None:
    prelude = "import sys, multiprocessing; sys.modules['multiprocessing.pool'] = None"
    with pytest.raises(CheckSkippedError, match="has no multiprocessing"):
        check_workers(make_twin(settings, prelude))


SHIPPED = "import os\nprint('lost' if '_PYI_ARCHIVE_FILE' in os.environ else 'tiny 1.2.3')"


def test_a_program_starts_from_inside_itself_and_after_itself(settings: ReleaseSettings) -> None:
    context = make_twin(settings, bootloader(settings.root))
    write_script(context.executable, SHIPPED)
    assert check_nested_starts(context) == "directly, through a shell, after the first has ended"


@pytest.mark.shows_failing("nested starts")
def test_a_program_that_takes_the_firsts_bundle_for_its_own_is_found(settings: ReleaseSettings) -> None:
    context = make_twin(settings, bootloader(settings.root, is_hooked=False))
    write_script(context.executable, SHIPPED)
    with pytest.raises(CheckFailedError) as caught:
        check_nested_starts(context)
    for way in ("directly", "through a shell", "after the first has ended"):
        assert f"{way} it exits with 0 and prints 'lost'" in caught.value.what


def test_arguments_with_spaces_reach_the_platforms_shell() -> None:
    assert {row.name for row in PLATFORMS} > {"linux-amd64", "windows-amd64"}
    assert shell_command(["/a b/app", "-x"], find_platform("linux-amd64")) == "'/a b/app' -x"
    assert shell_command(["C:\\a b\\app.exe", "-x"], find_platform("windows-amd64")) == '"C:\\a b\\app.exe" "-x"'
