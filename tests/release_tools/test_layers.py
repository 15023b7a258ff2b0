"""The layers: what may import what, and that the library knows nothing about the app."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from release_tools.platforms import PLATFORMS, Platform, host_platform

REPOSITORY = Path(__file__).parents[2]


def imported_modules(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def files_of(package: str) -> list[Path]:
    files = sorted((REPOSITORY / package).rglob("*.py"))
    assert files
    return files


@pytest.mark.parametrize(("package", "other"), [("release_tools", "agent_runner"), ("agent_runner", "release_tools")])
def test_the_library_and_the_app_never_import_each_other(package: str, other: str) -> None:
    for path in files_of(package):
        assert other not in {name.partition(".")[0] for name in imported_modules(path)}, path


def test_the_library_holds_no_word_about_the_app() -> None:
    app_words = re.compile(r"agent|pydantic|dbos|openai|anthropic|\bmcp\b|\bllm\b", re.IGNORECASE)
    sources = [path for path in (REPOSITORY / "release_tools").rglob("*") if path.suffix in {".py", ".spec"}]
    found = [
        f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()}"
        for path in sources
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if app_words.search(line)
    ]
    assert found == []


def outer_modules() -> set[str]:
    """The library's modules that Nox's and Invoke's own interpreters load."""
    return reached_from("noxfile", "tasks") - {"noxfile", "tasks"}


def file_of(module: str) -> Path | None:
    path = REPOSITORY / module.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def reached_from(*start: str) -> set[str]:
    """The modules that these load, themselves among them, found by following the imports."""
    waiting, seen = list(start), set()
    while waiting:
        name = waiting.pop()
        path = file_of(name)
        if name in seen or path is None:
            continue
        seen.add(name)
        waiting += [module for module in imported_modules(path) if module.startswith("release_tools.")]
    return seen


def test_what_nox_loads_needs_the_standard_library_only() -> None:
    assert {"release_tools.bootstrap.environment", "release_tools.bootstrap.tasks"} <= outer_modules()
    allowed = {*sys.stdlib_module_names, "release_tools", "uv"}
    for name in outer_modules():
        path = file_of(name)
        assert path is not None
        assert {module.partition(".")[0] for module in imported_modules(path)} <= allowed, name


def test_a_build_loads_nothing_that_only_other_groups_install() -> None:
    groups = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    installed = {re.split(r"[<>=\[;]", entry)[0].lower() for entry in groups["build"]}
    allowed = {*sys.stdlib_module_names, "release_tools", "uv"}
    for name in reached_from("release_tools.__main__"):
        path = file_of(name)
        assert path is not None
        foreign = {module.partition(".")[0].lower() for module in imported_modules(path)} - allowed
        assert foreign <= installed, name


def test_what_nox_loads_is_written_for_python_3_11() -> None:
    for name in outer_modules():
        path = file_of(name)
        assert path is not None
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 11))


def test_on_the_build_machine_only_one_module_starts_programs() -> None:
    starters = [path.name for path in files_of("release_tools") if "subprocess" in imported_modules(path)]
    assert sorted(starters) == ["child_environment.py", "child_processes.py", "nested_starts.py", "run.py"]


@pytest.fixture(scope="module")
def listed_sessions() -> str:
    command = [sys.executable, "-m", "nox", "--list", "--noxfile", str(REPOSITORY / "noxfile.py")]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.programs
def test_every_platform_has_its_session_and_none_runs_by_default(listed_sessions: str, platform: Platform) -> None:
    assert f"- build-{platform.name} [build] -> " in listed_sessions


@pytest.mark.programs
def test_there_is_no_build_session_without_a_platform(listed_sessions: str) -> None:
    assert listed_sessions.count("- build-") == len(PLATFORMS)


@pytest.mark.programs
def test_plain_nox_runs_the_three_fast_checks(listed_sessions: str) -> None:
    assert re.findall(r"^\* (\S+)", listed_sessions, re.MULTILINE) == ["lint", "typecheck", "tests"]


@pytest.mark.programs
def test_a_build_on_a_wrong_machine_ends_with_exit_code_1_and_the_ways_out() -> None:
    """All at once, because Nox takes seconds to start."""
    here = host_platform()
    others = [platform for platform in PLATFORMS if platform.os != here.os]
    sessions = [f"build-{platform.name}" for platform in others]
    command = [sys.executable, "-m", "nox", "--noxfile", str(REPOSITORY / "noxfile.py"), "-s", *sessions]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert finished.returncode == 1
    for platform in others:
        assert f"error: cannot build {platform.name}: this machine is {here.name}" in finished.stderr
        assert f"invoke build --platform {platform.name}" in finished.stderr
    assert "Traceback" not in finished.stderr
