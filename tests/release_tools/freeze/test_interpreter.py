import subprocess
import sys
import time
from pathlib import Path

import pytest

from release_tools.freeze.runtime import interpreter
from release_tools.freeze.runtime.interpreter import find_command, own_arguments, parse

REPOSITORY = Path(__file__).parents[3]


@pytest.mark.parametrize(
    ("arguments", "kind", "target", "rest"),
    [
        (["-c", "import a", "x"], "c", "import a", ["x"]),
        (["-cimport a"], "c", "import a", []),
        (["-Ic", "print()", "-m", "x"], "c", "print()", ["-m", "x"]),
        (["-m", "json.tool", "--help"], "m", "json.tool", ["--help"]),
        (["-mjson.tool"], "m", "json.tool", []),
        (["-E", "-s", "-W", "error", "-Xdev", "-uB", "-m", "json"], "m", "json", []),
        (["script.py", "-c", "x"], "file", "script.py", ["-c", "x"]),
        (["-u", "script.py"], "file", "script.py", []),
    ],
)
def test_arguments_are_read_as_python_reads_them(arguments: list[str], kind: str, target: str, rest: list[str]) -> None:
    command = parse(arguments)
    assert command is not None
    assert (command.kind, command.target, command.arguments) == (kind, target, rest)


@pytest.mark.parametrize("arguments", [[], ["-"], ["--version"], ["-c"], ["-u"], ["-y", "-m", "json"], ["-W"]])
def test_other_arguments_are_the_apps(arguments: list[str]) -> None:
    assert parse(arguments) is None


@pytest.mark.parametrize(
    ("arguments", "outside", "inside"),
    [
        (["-m", "pytest"], True, True),
        (["-m", "json.tool"], False, True),
        (["-m", "asyncio"], False, True),
        (["-m", "copy"], False, True),
        (["-m", "message"], False, False),
        (["-m", "importlib"], False, False),
        (["-c", "import sys"], False, True),
        (["-c", "config"], False, False),
        ([__file__], False, True),
        (["missing.py"], False, False),
        (["README.md"], False, False),
        (["-m", "venv", "x"], False, True),
    ],
)
def test_program_is_python_mostly_for_itself(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], outside: bool, inside: bool
) -> None:
    monkeypatch.setattr(interpreter, "depth", 0)
    assert (find_command(arguments) is not None) == outside
    monkeypatch.setattr(interpreter, "depth", 1)
    assert (find_command(arguments) is not None) == inside


def test_restart_with_own_path_has_the_apps_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = [sys.executable, "run", "x"]
    assert own_arguments(arguments) == arguments
    monkeypatch.setattr(interpreter, "depth", 1)
    assert own_arguments(arguments) == ["run", "x"]
    assert own_arguments(["run", sys.executable]) == ["run", sys.executable]


def run_as_frozen(
    arguments: list[str], *, bundle: Path | None = None, depth: str = "1"
) -> subprocess.CompletedProcess[str]:
    """Run arguments in a process that does what the launcher does, with the modules in `bundle`."""
    code = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from release_tools.freeze.runtime import interpreter\n"
        "interpreter.install(); command = interpreter.find_command(sys.argv[1:])\n"
        "sys.exit(command.run() if command else 'app')\n"
    )
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *arguments],
        env={interpreter.DEPTH_VARIABLE: depth, "PYTHONPATH": str(bundle or "")},
        capture_output=True,
        encoding="utf-8",
        check=False,
        timeout=60,
    )


SHOW = "import os, sys; print(__name__, sys.argv[1:], [n for n in os.environ if n.startswith('_RELEASE')])"


@pytest.mark.programs
@pytest.mark.skipif(sys.platform == "win32", reason="a process without SYSTEMROOT can't start there")
@pytest.mark.parametrize("how", ["code", "module", "script"])
def test_code_runs_as_main_with_its_arguments(tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shown.py").write_text(SHOW, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    arguments = {"code": ["-c", SHOW], "module": ["-m", "shown"], "script": ["shown.py"]}[how]
    finished = run_as_frozen([*arguments, "a", "-b"], bundle=tmp_path)
    assert (finished.returncode, finished.stdout) == (0, "__main__ ['a', '-b'] []\n"), finished.stderr


@pytest.mark.programs
@pytest.mark.skipif(sys.platform == "win32", reason="a process without SYSTEMROOT can't start there")
def test_from_outside_the_working_directory_has_no_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundle, work = tmp_path / "bundle", tmp_path / "work"
    files = {
        bundle / "tool" / "__init__.py": "",
        bundle / "tool" / "__main__.py": "import helper",
        bundle / "helper.py": "print('bundled')",
        work / "helper.py": "print('from the working directory')",
    }
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(work)
    assert run_as_frozen(["-m", "tool"], bundle=bundle).stdout == "from the working directory\n"
    assert run_as_frozen(["-m", "tool"], bundle=bundle, depth="").stdout == "bundled\n"


def test_program_that_ran_for_long_may_replace_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interpreter, "depth", interpreter.DEEPEST)
    monkeypatch.setattr(interpreter, "started", time.monotonic())
    assert interpreter.next_depth() == interpreter.DEEPEST + 1
    monkeypatch.setattr(interpreter, "started", time.monotonic() - interpreter.LONG_RUN_SECONDS - 1)
    assert interpreter.next_depth() == 1


@pytest.mark.programs
@pytest.mark.skipif(sys.platform == "win32", reason="a process without SYSTEMROOT can't start there")
@pytest.mark.parametrize(("arguments", "depth"), [(["run"], "21"), (["-m", "venv", "x"], "1")])
def test_endless_restarts_and_environments_end_with_an_error(arguments: list[str], depth: str) -> None:
    finished = run_as_frozen(arguments, depth=depth)
    assert finished.returncode == 1
    assert "error: " in finished.stderr
    assert "Traceback" not in finished.stderr
