"""Every app in `broken_apps/` is broken in one way, and the build refuses it.

The app's folder has the files that differ from `broken_apps/base`, which works, and a `gate.toml` that names the check
that refuses it. Every app in `working_apps/` does something unusual in one way, and passes; its `gate.toml` names the
check that notes it. The pipeline runs as in a Nox session, in environments that the tests share.
"""

import compileall
import contextlib
import functools
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import lief
import pytest

from release_tools.bootstrap.environment import (
    ISOLATED,
    create_environment,
    create_tool_environment,
    install_project,
    install_wheel,
)
from release_tools.errors import FreezeError, PreflightError
from release_tools.lockfile import APP_GROUPS, BUILD_TOOLS, LIBRARY, SUITE_GROUPS, TOOLS_LOCK, read_lock_file
from release_tools.platforms import host_platform
from release_tools.settings import ReleaseSettings
from release_tools.verification.checks import CHECKS
from release_tools.versions import DEV, resolve_version
from tests.integration.build_server import BuildServer

BROKEN_APPS = Path(__file__).with_name("broken_apps")
WORKING_APPS = Path(__file__).with_name("working_apps")
HEALTHY_PROJECT = Path(__file__).with_name("healthy_project")
OLDER_PROJECT = Path(__file__).with_name("older_project")
BASE = BROKEN_APPS / "base"
HOST = host_platform()
BUILD_TIMEOUT_SECONDS = 600

# The healthy app makes these checks run on every platform.
ALWAYS_PASSED = {
    "build-only distributions",
    "smoke commands",
    "black-box tests",
    "source trace",
    "bundled files",
    "data digests",
    "import audit",
    "parity",
    "time zones",
    "child environment",
    "help texts",
}

# The errors of the stages before there's an archive to check.
EARLY_STAGES = {
    "preflight": PreflightError(HOST.name, []).what,
    "freeze": FreezeError([], Path(), "").what.splitlines()[0],
}

pytestmark = [pytest.mark.gates, pytest.mark.timeout(BUILD_TIMEOUT_SECONDS)]


@dataclass(frozen=True, kw_only=True)
class Edit:
    """Replace `old` with `new` in a file of the project; in its copy of the library, that disables a safeguard."""

    file: str
    old: str
    new: str


# A quick build tries the first two.
ALL_PLACES = Edit(
    file="release_tools/verification/starts/places.py", old="QUICK_PLACES: Final = 2", new="QUICK_PLACES: Final = 1000"
)


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What's broken, which check or stage refuses it, and the names in its error; or what's unusual, and who notes it.

    `pretended` are versions that the environment claims to have installed. `place` is the unusual place that shows the
    fault, if a quick build doesn't try it. `app` is the folder of another app, whose files come between the base and
    the gate's own.
    """

    folder: Path
    what: str
    refused_by: str = ""
    noted_by: str = ""
    says: tuple[str, ...]
    settings: str = ""
    removed: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    pretended: tuple[tuple[str, str], ...] = ()
    native: str = ""
    written: tuple[tuple[str, str], ...] = ()
    place: str = ""
    app: str = ""
    has_own_environment: bool = False
    needs_root: bool = False
    only_on: tuple[str, ...] = ("linux", "darwin", "windows")

    @classmethod
    def load(cls, folder: Path) -> "Gate":
        table: dict[str, Any] = tomllib.loads((folder / "gate.toml").read_text(encoding="utf-8"))
        folders = [folder.parents[1] / table["app"], folder] if "app" in table else [folder]
        has_own_lock = any((each / "poetry.lock").exists() for each in folders)
        return cls(
            folder=folder,
            what=table.pop("what"),
            refused_by=table.pop("refused-by", ""),
            noted_by=table.pop("noted-by", ""),
            says=tuple(table.pop("says", ())),
            settings=table.pop("settings", ""),
            removed=tuple(table.pop("remove", ())),
            edits=(*([ALL_PLACES] if "place" in table else []), *(Edit(**edit) for edit in table.pop("edits", ()))),
            pretended=tuple(table.get("pretend", {}).items()),
            native=table.pop("native", ""),
            place=table.pop("place", ""),
            needs_root=table.pop("needs-root", False),
            written=tuple(table.pop("write", {}).items()),
            app=table.pop("app", ""),
            has_own_environment=bool(table.pop("own-environment", False) or table.pop("pretend", None) or has_own_lock),
            only_on=tuple(table.pop("only-on", cls.only_on)),
            **table,
        )

    @property
    def sources(self) -> tuple[Path, ...]:
        """The folders that the project is made of."""
        return (BASE, *([self.folder.parents[1] / self.app] if self.app else []), self.folder)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How the pipeline ended: what refused the app ("" for nothing), and the whole output."""

    code: int
    refused_by: str
    text: str
    record: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Environments:
    """The Pythons of the frozen environment, of the tools, and of the environment that runs an app's own tests.

    `scans` is a file with what one build found, from which those after it start; all workers of pytest-xdist share it.
    Without one, a build starts from nothing. `server` runs the builds, if its Python is that of the tools.
    """

    app: Path
    tools: Path
    suite: Path
    scans: Path | None = None
    server: BuildServer | None = None


GATES = [Gate.load(path.parent) for path in sorted(BROKEN_APPS.glob("*/gate.toml"))]
WORKING = [Gate.load(path.parent) for path in sorted(WORKING_APPS.glob("*/gate.toml"))]


@pytest.fixture(scope="session", autouse=True)
def _bytecode() -> Iterator[None]:
    """Every Python writes its bytecode, even if the user's settings say no: a gate starts it about 50 times."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        yield


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the library with its bytecode, which stays valid in copies of this one."""
    folder = tmp_path_factory.mktemp("library") / LIBRARY.name
    shutil.copytree(LIBRARY, folder, ignore=shutil.ignore_patterns("__pycache__"))
    compileall.compile_dir(folder, quiet=1)
    return folder


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str, library: Path) -> Iterator[Environments]:
    """The environments of the base project; each worker of pytest-xdist creates its own from uv's cache."""
    root = tmp_path_factory.mktemp("shared") / "project"
    lay_out(root, BASE)
    own_folder = tmp_path_factory.getbasetemp()
    scans = (own_folder if worker_id == "master" else own_folder.parent) / "kept-scans"
    environments = replace(make_environments(root), scans=scans)
    if not hasattr(os, "fork"):
        yield environments
        return
    server = BuildServer(environments.tools, library)
    yield replace(environments, server=server)
    server.close()


@pytest.fixture
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, library: Path) -> Iterator[Path]:
    """The project's folder, with a link to the library. Its path is short: the sockets of worker processes are in it.

    It's removed if the test passes: all of them take gigabytes.
    """
    folder = tmp_path_factory.mktemp("g")
    failed_before = request.session.testsfailed
    project = folder / "p"
    project.mkdir()
    if hasattr(os, "fork"):
        # `copy_library` replaces it before an edit.
        (project / library.name).symlink_to(library)
    else:
        shutil.copytree(library, project / library.name)
    yield project
    if request.session.testsfailed == failed_before:
        # A place that was tried may be read-only.
        shutil.rmtree(folder, ignore_errors=True)


def lay_out(root: Path, *sources: Path) -> None:
    """Create a project from these folders, later ones over earlier ones."""
    for source in sources:
        shutil.copytree(source, root, dirs_exist_ok=True, ignore=shutil.ignore_patterns("gate.toml", "__pycache__"))


def copy_library(root: Path) -> None:
    """Put a copy of the library into the project, in place of a link to it."""
    link = root / LIBRARY.name
    if link.is_symlink():
        library = link.resolve()
        link.unlink()
        shutil.copytree(library, link)


def make_environments(root: Path, beside: Environments | None = None) -> Environments:
    """The environments of a project; `beside` others, with their tools."""
    settings = ReleaseSettings.load(root)
    folder = root / "environments"
    created = Environments(
        app=create_environment(settings, folder / "app", APP_GROUPS, is_kept=False),
        tools=beside.tools
        if beside
        else create_tool_environment(settings, folder / "tools", BUILD_TOOLS, is_kept=False),
        suite=create_environment(settings, folder / "suite", SUITE_GROUPS, is_kept=False),
    )
    return replace(created, server=beside.server) if beside else created


def environments_of(gate: Gate, root: Path, shared: Environments) -> Environments:
    """Those that a gate needs for itself, and the shared ones otherwise. The tools are the same for all apps."""
    if not gate.has_own_environment:
        return shared
    created = make_environments(root) if gate.pretended else make_environments(root, shared)
    return replace(created, scans=shared.scans)


def break_project(gate: Gate, root: Path) -> None:
    """Apply everything about a gate that isn't a file in its folder."""
    for name in gate.removed:
        (root / name).unlink()
    pyproject = root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text(encoding="utf-8") + gate.settings, encoding="utf-8")
    for edit in gate.edits:
        if Path(edit.file).parts[0] == LIBRARY.name:
            copy_library(root)
        path = root / edit.file
        text = path.read_text(encoding="utf-8")
        assert edit.old in text, f"{edit.file} has changed: update the edit in {gate.folder.name}/gate.toml"
        path.write_text(text.replace(edit.old, edit.new), encoding="utf-8")
    for name, text in gate.written:
        # Text that can't be committed: a fake token, or a path that varies.
        filled = text.format(root=root.resolve(), filler="1a2B3c4D5e" * 4)
        (root / name).write_text(filled, encoding="utf-8")
    if gate.native:
        write_native_module(root / "gate_app", gate.native)


def write_native_module(folder: Path, fault: str) -> None:
    """An installed extension module with one fault put into it; Python's own may all be inside the interpreter."""
    spec = importlib.util.find_spec("coverage.tracer")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin)
    module = lief.ELF.parse(str(source))
    assert module is not None
    match fault:
        case "executable stack":
            stack = next(segment for segment in module.segments if segment.type == lief.ELF.Segment.TYPE.GNU_STACK)
            stack.add(lief.ELF.Segment.FLAGS.X)
        case "run path":
            module.add(lief.ELF.DynamicEntryRunPath("/home/builder/lib"))
        case "another machine":
            module.header.machine_type = lief.ELF.ARCH.AARCH64
        case "missing library":
            module.add_library("libnowhere.so.7")
        case "packed by UPX" | "payload at its end" | "none":
            pass
        case _:
            pytest.fail(f"no fault is called {fault!r}")
    written = folder / source.name
    module.write(str(written))
    # UPX puts its mark at the end.
    appended = {"packed by UPX": b"UPX!" * 4, "payload at its end": b"payload"}.get(fault, b"")
    written.write_bytes(written.read_bytes() + appended)


def pretend_version(environments: Environments, name: str, version: str) -> None:
    """Make the only environment that has a distribution claim another version of it.

    The file may be a hard link into uv's cache, so it's replaced.
    """
    pattern = f"site-packages/{name.replace('-', '_')}-*.dist-info/METADATA"
    folders = [python.parents[1] for python in (environments.app, environments.tools)]
    (metadata,) = [path for folder in folders for path in folder.rglob(pattern)]
    lines = metadata.read_text(encoding="utf-8").splitlines(keepends=True)
    metadata.unlink()
    changed = (f"Version: {version}\n" if line.startswith("Version: ") else line for line in lines)
    metadata.write_text("".join(changed), encoding="utf-8")


def run_build(root: Path, environments: Environments, *options: str) -> Outcome:
    """Install the project and run the pipeline, like the session `build`."""
    settings = ReleaseSettings.load(root)
    version = resolve_version(DEV, settings.project_version, None)
    wheel_folder = root / "wheel"
    pythons = ["--app-python", str(environments.app), "--suite-python", str(environments.suite)]
    command = ["build", "--platform", HOST.name, "--version", DEV, *pythons, *options]
    environment = {**{k: v for k, v in os.environ.items() if k not in ISOLATED}, "PYTHONUTF8": "1"}
    scans = environments.scans
    own_scans = settings.build_folder(HOST.name) / "kept-scans"
    if scans and scans.exists() and not own_scans.exists():
        own_scans.parent.mkdir(parents=True, exist_ok=True)
        # The build replaces the file, it doesn't change it.
        own_scans.hardlink_to(scans)
    output = root.parent / "output"
    if environments.server:
        ask = functools.partial(environments.server.ask, cwd=root, env=environment, output=output)
        shutil.rmtree(wheel_folder, ignore_errors=True)
        assert ask("build_wheel", local_version=version.local_part, folder=str(wheel_folder)) == 0, output.read_text()
        install_wheel(settings, environments.app, wheel_folder)
        code = ask("build", args=command)
    else:
        install_project(settings, environments.app, environments.tools, version, wheel_folder)
        with output.open("wb") as written:
            code = subprocess.run(
                [str(environments.tools), "-m", LIBRARY.name, *command],
                cwd=root,
                env=environment,
                stdout=written,
                stderr=subprocess.STDOUT,
                check=False,
                timeout=BUILD_TIMEOUT_SECONDS,
            ).returncode
    text = output.read_text(encoding="utf-8")
    if scans and own_scans.exists():
        with contextlib.suppress(FileExistsError):
            scans.hardlink_to(own_scans)
    path = settings.build_folder(HOST.name) / "record.json"
    record = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"checks": []}
    failed = [check for check in record["checks"] if check["verdict"] == "failed"]
    early = [stage for stage, error in EARLY_STAGES.items() if f"error: {error}" in text]
    return Outcome(
        code=code,
        refused_by=", ".join([*early, *(check["name"] for check in failed)]),
        text=text + "".join(f"{check['figure']}\nhint: {check['hint']}\n" for check in failed),
        record=record,
    )


def reason_not_tried(outcome: Outcome, place: str) -> str:
    """Why this machine can't set up the place, in the check's words, or "" if it can."""
    figures = [check["figure"] for check in outcome.record["checks"] if check["verdict"] == "passed"]
    found = re.search(rf"{re.escape(place)} \(([^)]*)\)", "\n".join(figures)) if place else None
    return found[1] if found else ""


# The longest come first, so that no worker is left with one of them at the end.
def test_healthy_app_passes_every_check(shared: Environments, root: Path) -> None:
    lay_out(root, HEALTHY_PROJECT)
    copy_library(root)
    # As users do: the library runs in the project's folder, and uv builds the wheel.
    outcome = run_build(root, replace(make_environments(root, shared), server=None), "--quick")
    assert (outcome.code, outcome.refused_by) == (0, ""), outcome.text
    passed = {check["name"] for check in outcome.record["checks"] if check["verdict"] == "passed"}
    assert passed >= ALWAYS_PASSED


def test_app_ships_its_own_older_versions_of_the_tools(shared: Environments, root: Path) -> None:
    lay_out(root, OLDER_PROJECT)
    outcome = run_build(root, make_environments(root, shared), "--quick")
    assert (outcome.code, outcome.refused_by) == (0, ""), outcome.text
    locked = {package.name: package.version for package in read_lock_file(root / "poetry.lock").packages}
    tools = {package.name: package.version for package in read_lock_file(TOOLS_LOCK).packages}
    assert {name for name in locked if tools.get(name, locked[name]) != locked[name]} == {
        "lief",
        "packaging",
        "rich",
        "setuptools",
    }


# Then the one from whose scans the gates start.
def test_base_app_passes_and_quick_archive_stays_staged(shared: Environments, root: Path) -> None:
    lay_out(root, BASE)
    outcome = run_build(root, shared, "--quick")
    assert (outcome.code, outcome.refused_by) == (0, ""), outcome.text
    assert outcome.record["verdict"] == "quick"
    assert (root / "build" / HOST.name / "package" / outcome.record["archive"]).is_file()
    assert not (root / "dist").exists()


@pytest.mark.parametrize("gate", GATES, ids=lambda gate: gate.folder.name)
def test_broken_app_is_refused_by_its_check(gate: Gate, shared: Environments, root: Path) -> None:
    if HOST.os not in gate.only_on:
        pytest.skip(f"{gate.what}: only on {', '.join(gate.only_on)}")
    if gate.needs_root and os.geteuid() != 0:
        pytest.skip(f"{gate.what}: only root has rights to give up")
    lay_out(root, *gate.sources)
    environments = environments_of(gate, root, shared)
    break_project(gate, root)
    for name, version in gate.pretended:
        pretend_version(environments, name, version)
    outcome = run_build(root, environments, "--fail-fast", "--quick")
    reason = reason_not_tried(outcome, gate.place)
    if reason:
        pytest.skip(f"{gate.place}: {reason}")
    assert (outcome.code, outcome.refused_by) == (1, gate.refused_by), outcome.text
    for text in gate.says:
        assert text in outcome.text
    assert "hint: " in outcome.text
    # A build server reports a crash by the exit code.
    assert 'Traceback (most recent call last):\n  File "<frozen runpy>' not in outcome.text
    assert not (root / "dist").exists()


@pytest.mark.parametrize("gate", WORKING, ids=lambda gate: gate.folder.name)
def test_unusual_app_passes_with_a_note(gate: Gate, shared: Environments, root: Path) -> None:
    if HOST.os not in gate.only_on:
        pytest.skip(f"{gate.what}: only on {', '.join(gate.only_on)}")
    lay_out(root, *gate.sources)
    environments = environments_of(gate, root, shared)
    break_project(gate, root)
    outcome = run_build(root, environments, "--quick")
    reason = reason_not_tried(outcome, gate.place)
    if reason:
        pytest.skip(f"{gate.place}: {reason}")
    assert (outcome.code, outcome.refused_by) == (0, ""), outcome.text
    (check,) = (check for check in outcome.record["checks"] if check["name"] == gate.noted_by)
    shown = "\n".join([check["figure"], *check["notes"]])
    for text in gate.says:
        assert text in shown


def test_one_build_shows_all_faults_and_pasted_entries_allow_them(shared: Environments, root: Path) -> None:
    faults = [gate for gate in GATES if gate.folder.name in {"contains_secret", "hook_with_missing_hidden_import"}]
    lay_out(root, BASE, *(gate.folder for gate in faults))
    for gate in faults:
        break_project(gate, root)
    outcome = run_build(root, shared, "--quick")
    assert outcome.refused_by == ", ".join(gate.refused_by for gate in faults), outcome.text
    pasted = re.findall(r"^ +\[\[tool\.release-tools\.allowed-findings\]\]\n(?: +\S.*\n)+", outcome.text, re.MULTILINE)
    pyproject = root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text(encoding="utf-8") + "".join(pasted), encoding="utf-8")
    again = run_build(root, shared, "--quick")
    assert (again.code, again.refused_by) == (0, ""), again.text
    notes = {check["name"]: check["notes"] for check in again.record["checks"]}
    assert all(notes[gate.refused_by] for gate in faults)


def test_only_edits_change_the_library() -> None:
    gates = [*GATES, *WORKING]
    changed = {name for gate in gates for name in [*gate.removed, *dict(gate.written)]}
    assert [name for name in changed if Path(name).parts[0] == LIBRARY.name] == []
    folders = {*(source for gate in gates for source in gate.sources), HEALTHY_PROJECT, OLDER_PROJECT}
    assert [folder for folder in folders if (folder / LIBRARY.name).exists()] == []


def test_gates_name_existing_checks() -> None:
    names = {check.name for check in CHECKS} | set(EARLY_STAGES)
    assert [gate.folder.name for gate in GATES if gate.refused_by not in names] == []
    assert [gate.folder.name for gate in WORKING if gate.noted_by not in names] == []
    assert {gate.folder for gate in GATES} == {path for path in BROKEN_APPS.iterdir() if path.is_dir()} - {BASE}
    assert {gate.folder for gate in WORKING} == {path for path in WORKING_APPS.iterdir() if path.is_dir()}
