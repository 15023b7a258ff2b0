import os
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
    monkeypatch.setattr(interpreter, "levels", 1)
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


class EndedError(Exception):
    """What ends the program in these tests."""


def install(monkeypatch: pytest.MonkeyPatch, *, depth: str = "", ancestors: int = 0, programs: int = 1) -> None:
    """Install it in a program that was started like this."""

    def end(_reason: str) -> None:
        raise EndedError

    monkeypatch.setattr(interpreter, "depth", 0)
    monkeypatch.setattr(interpreter, "levels", 0)
    monkeypatch.setattr(interpreter, "fail", end)
    monkeypatch.setattr(interpreter, "count_ancestors", lambda: ancestors)
    monkeypatch.setattr(interpreter, "count_programs", lambda: programs)
    monkeypatch.setenv(interpreter.DEPTH_VARIABLE, depth)
    interpreter.install()


@pytest.mark.parametrize("name", ["python", "/venv/bin/python3", "/venv/bin/python3.13", "python.exe"])
def test_program_named_python_ends(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(sys, "argv", [name, "-c", "pass"])
    with pytest.raises(EndedError):
        install(monkeypatch)


@pytest.mark.parametrize("name", ["ipython", "python-build", "mypython3", "tiny"])
def test_program_with_a_similar_name_starts(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(sys, "argv", [name])
    install(monkeypatch)


@pytest.mark.parametrize(
    ("depth", "ancestors", "programs", "is_ended"),
    [
        ("20", 0, 1, False),
        ("21", 0, 1, True),
        ("", 21, 1, True),
        ("2", 21, 1, True),
        ("3", 3, 100_000, False),
        ("4", 0, 100, False),
        ("4", 0, 101, True),
        ("", 5, 51, True),
        ("no number", 0, 1, False),
    ],
)
def test_long_rows_and_large_trees_of_starts_end(
    monkeypatch: pytest.MonkeyPatch, depth: str, ancestors: int, programs: int, is_ended: bool
) -> None:
    if is_ended:
        with pytest.raises(EndedError):
            install(monkeypatch, depth=depth, ancestors=ancestors, programs=programs)
    else:
        install(monkeypatch, depth=depth, ancestors=ancestors, programs=programs)
    assert interpreter.DEPTH_VARIABLE not in os.environ


@pytest.mark.programs
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells which processes run a program")
def test_starts_through_a_shell_are_counted(tmp_path: Path) -> None:
    # A program of this path isn't a bootloader if it has the bootloader's variable.
    start = (
        "import os, subprocess, sys\n"
        f"sys.path.insert(0, {str(REPOSITORY)!r})\n"
        "from release_tools.freeze.runtime import interpreter\n"
        "sys.executable = os.readlink('/proc/self/exe')\n"
        "level = int(sys.argv[1])\n"
        # The number of programs includes those of tests that run at the same time.
        "is_program = interpreter.runs_this_program(os.getpid())\n"
        "is_counted = is_program and interpreter.count_programs() > level\n"
        "print(level, interpreter.count_ancestors(), is_counted, flush=True)\n"
        "level < 2 and subprocess.run(f'{sys.executable} {__file__} {level + 1}; exit', shell=True)\n"
    )
    none = "0 0 False\n1 0 False\n2 0 False\n"
    script = tmp_path / "start.py"
    script.write_text(start, encoding="utf-8")
    for variables, expected in (({"_PYI_ARCHIVE_FILE": "x"}, "0 0 True\n1 1 True\n2 2 True\n"), ({}, none)):
        finished = subprocess.run(
            [sys.executable, script, "0"],
            env={**os.environ, **variables},
            capture_output=True,
            encoding="utf-8",
            check=True,
            timeout=60,
        )
        assert finished.stdout == expected
