"""The layers of the repository: a folder imports only from the folders below it."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from release_tools.freeze.start_pyinstaller import LATE_USER_OF_TOOLS, USERS_OF_TOOLS
from release_tools.platforms import PLATFORMS, host_platform

REPOSITORY = Path(__file__).parents[2]
LIBRARY = REPOSITORY / "release_tools"

# Bottom first. A name is a folder, or a module at the top level of `release_tools`.
LAYERS = (
    ("errors",),
    ("processes",),
    ("platforms", "settings", "settings_schema", "repository", "versions", "lockfile", "archives", "findings"),
    ("distributions",),
    ("bootstrap",),
    ("reporting",),
    ("binaries",),
    ("freeze",),
    ("verification",),
    ("preflight",),
    ("benchmark", "sizes", "command_line", "installers", "packages", "releasing"),
    ("pipeline",),
    ("__main__",),
)
# They run inside a frozen program, which has no `processes` folder.
FROZEN = (LIBRARY / "freeze" / "runtime", LIBRARY / "verification" / "twin" / "probes")
MAX_MODULES_FOR_A_TASK = 30


def sources_of(*folders: Path) -> list[Path]:
    files = sorted(file for folder in folders for file in folder.rglob("*") if file.suffix in {".py", ".spec"})
    assert files
    return files


def imports_of(path: Path) -> Iterator[list[str]]:
    """The parts of every imported module, and of every name imported from one."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ([*node.module.split("."), alias.name] for alias in node.names)


def own_imports() -> Iterator[tuple[str, str, list[str]]]:
    """Every import of the library within itself: the importing layer, the imported one, and the parts of the name."""
    for path in sources_of(LIBRARY):
        layer = path.relative_to(LIBRARY).parts[0].removesuffix(".py")
        yield from ((layer, parts[1], parts) for parts in imports_of(path) if parts[0] == "release_tools")


@pytest.mark.parametrize(("package", "other"), [("release_tools", "agent_runner"), ("agent_runner", "release_tools")])
def test_library_and_app_never_import_each_other(package: str, other: str) -> None:
    for path in sources_of(REPOSITORY / package):
        assert other not in {parts[0] for parts in imports_of(path)}, path


def test_every_import_points_to_a_lower_layer() -> None:
    height = {name: number for number, names in enumerate(LAYERS) for name in names}
    assert [found for found in own_imports() if found[0] != found[1] and height[found[0]] < height[found[1]]] == []


def test_no_folder_imports_private_names_of_another() -> None:
    assert [
        found for found in own_imports() if found[0] != found[1] and any(re.match("_(?!_)", part) for part in found[2])
    ] == []


def test_nox_and_invoke_import_only_bootstrap_and_facts() -> None:
    parts = [parts for name in ("noxfile.py", "tasks.py") for parts in imports_of(REPOSITORY / name)]
    assert {part[1] for part in parts if part[0] == "release_tools"} == {"bootstrap", "errors", "platforms"}


def reached_from(*start: Path) -> set[Path]:
    """These modules and everything in the library that they import, directly or not."""
    waiting, seen = list(start), set()
    while waiting:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        for parts in imports_of(path):
            modules = [REPOSITORY.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
            files = [file for module in modules for file in (module.with_suffix(".py"), module / "__init__.py")]
            waiting += [file for file in files if parts[0] == "release_tools" and file.is_file()]
    return seen


def third_party_imports(*paths: Path) -> set[str]:
    """Without Nox and uv, which come together; without uv the PATH is searched."""
    # Python 3.14 has `compression`; `backports-zstd` is the only backport.
    known = {*sys.stdlib_module_names, "compression", "release_tools", "nox", "uv"}
    found = {parts[0] for path in paths for parts in imports_of(path)} - known
    return {"backports-zstd" if name == "backports" else name for name in found}


def test_bootstrap_needs_only_python_3_11() -> None:
    reached = reached_from(*sources_of(LIBRARY / "bootstrap", LIBRARY / "processes"))
    assert third_party_imports(*reached) == set()
    for path in reached:
        ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 11))


def test_build_needs_only_the_build_group() -> None:
    groups = tomllib.loads((LIBRARY / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    installed = {re.split(r"[<>=\[;]", entry)[0].lower() for entry in groups["build"]}
    assert {name.lower() for name in third_party_imports(*reached_from(LIBRARY / "__main__.py"))} <= installed


def test_everything_of_the_tools_is_imported_before_freeze_spec() -> None:
    """PyInstaller's starter has to import what uses the tools; later, an import would find the app's versions."""
    names = (*USERS_OF_TOOLS, LATE_USER_OF_TOOLS)
    starter = [LIBRARY.parent / f"{name.replace('.', '/')}.py" for name in names]
    before = reached_from(*(path for path in starter if path.is_file()))
    late = reached_from(LIBRARY / "freeze" / "freeze.spec") - before
    assert {path.name: found for path in late if (found := third_party_imports(path))} == {}


def test_only_run_starts_programs() -> None:
    starters = [path for path in sources_of(LIBRARY) if ["subprocess"] in [parts[:1] for parts in imports_of(path)]]
    assert [path for path in starters if not any(path.is_relative_to(folder) for folder in FROZEN)] == [
        LIBRARY / "processes" / "run.py"
    ]


def test_library_contains_no_name_of_the_app() -> None:
    """Neither the app's own names nor those of its dependencies, as whole words."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {project["name"], *project["scripts"], *(re.split(r"[^\w.-]", one)[0] for one in project["dependencies"])}
    alternatives = "|".join(re.escape(name).replace(r"\-", "[-_]") for name in sorted(names))
    pattern = re.compile(rf"(?<![\w-])({alternatives})(?![\w-])", re.IGNORECASE)
    assert pattern.search("import agent_runner.cli")
    assert not pattern.search('headers = {"User-Agent": "release-tools"}')
    assert [path for path in sources_of(LIBRARY) if pattern.search(path.read_text(encoding="utf-8"))] == []


def modules_loaded_by(statement: str) -> list[str]:
    command = [sys.executable, "-c", f"import sys\n{statement}\nprint(*sys.modules)"]
    finished = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, timeout=120)
    return finished.stdout.split()


@pytest.mark.programs
def test_importing_a_check_loads_no_heavy_library() -> None:
    loaded = modules_loaded_by("import release_tools.verification.check")
    assert {"PyInstaller", "lief"}.isdisjoint(loaded)


@pytest.mark.programs
def test_invoke_loads_few_modules_of_the_library() -> None:
    ours = [name for name in modules_loaded_by("import tasks") if name.partition(".")[0] == "release_tools"]
    assert "release_tools.bootstrap.tasks" in ours
    assert len(ours) < MAX_MODULES_FOR_A_TASK


@pytest.fixture(scope="module")
def listed_sessions() -> str:
    command = [sys.executable, "-m", "nox", "--list", "--noxfile", str(REPOSITORY / "noxfile.py")]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout


@pytest.mark.programs
def test_every_platform_has_one_session(listed_sessions: str) -> None:
    sessions = re.findall(r"^- (build-\S+) \[build\]", listed_sessions, re.MULTILINE)
    assert sorted(sessions) == sorted(f"build-{platform.name}" for platform in PLATFORMS)


def test_sessions_find_all_tests_with_their_mark() -> None:
    sessions = re.findall(r'run_marked\(session, "(\w+)", "([^"]+)"', (REPOSITORY / "noxfile.py").read_text("utf-8"))
    assert {mark for mark, _ in sessions} == {"apps", "faults", "gates", "workflow"}
    for mark, path in sessions:
        used = re.compile(rf"\bmark\.{mark}\b")
        found = [file for file in (REPOSITORY / "tests").rglob("*.py") if used.search(file.read_text("utf-8"))]
        assert found
        assert [file for file in found if not file.is_relative_to(REPOSITORY / path)] == []


@pytest.mark.programs
def test_plain_nox_runs_the_three_fast_checks(listed_sessions: str) -> None:
    assert re.findall(r"^\* (\S+)", listed_sessions, re.MULTILINE) == ["lint", "typecheck", "tests"]


@pytest.mark.programs
def test_build_on_wrong_machine_lists_the_alternatives() -> None:
    """All platforms at once, because Nox takes seconds to start."""
    here = host_platform()
    others = [platform for platform in PLATFORMS if platform.os != here.os]
    sessions = [f"build-{platform.name}" for platform in others]
    command = [sys.executable, "-m", "nox", "--noxfile", str(REPOSITORY / "noxfile.py"), "-s", *sessions]
    finished = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert finished.returncode == 1
    for platform in others:
        assert f"error: cannot build {platform.name}: " in finished.stderr
        assert f"invoke build --platform {platform.name}" in finished.stderr
    assert "Traceback" not in finished.stderr
