"""A project's settings: its `pyproject.toml` with the `[tool.release-tools]` table, and the pinned Python.

Everything the library knows about a particular app comes from here.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Final

from release_tools.errors import Problem, SettingsError
from release_tools.findings import is_match
from release_tools.settings_schema import (
    CONTAINER_TABLE,
    EXECUTABLE_NAME,
    MIRROR_TABLE,
    TABLE,
    TAKEN_NAMES,
    is_executable_name,
    is_text,
    table_at,
    table_problems,
    value_at,
)

# A normalized PEP 440 version, as in metadata. No local part: a dev build adds its own.
_VERSION: Final = re.compile(r"([1-9]\d*!)?(0|[1-9]\d*)(\.(0|[1-9]\d*))*((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?")

# What messages say that `--version` prints, if no setting says so.
EXAMPLE_VERSION_OUTPUT: Final = "{executable} {version}"


@dataclass(frozen=True, kw_only=True)
class AllowedMessage:
    """A PyInstaller log message that would fail the build, and why it is harmless here."""

    message: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class AllowedFinding:
    """A finding of a check, as the report names it, and why it is harmless here. `*` matches any text."""

    check: str
    finding: str
    reason: str

    def matches(self, check: str, finding: str) -> bool:
        return self.check == check and is_match(self.finding, finding)


@dataclass(frozen=True, kw_only=True)
class AllowedVulnerability:
    """A known vulnerability by any of its IDs, why it does no harm here, and the last day on which that's accepted."""

    id: str
    reason: str
    expires: date


@dataclass(frozen=True, kw_only=True)
class ContainerSettings:
    """The image for a build in a container, and options for docker or podman."""

    image: str | None = None
    options: tuple[str, ...] = ()

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> "ContainerSettings":
        """The settings in a table that `is_container_table` accepts."""
        return cls(image=table.get("container-image"), options=tuple(table.get("container-options", ())))


NO_CONTAINER: Final = ContainerSettings()


@dataclass(frozen=True, kw_only=True)
class ReleaseSettings:
    """The settings of a project. `pyproject` is the whole parsed file, with Poetry's own tables."""

    root: Path
    pyproject: Mapping[str, Any]
    project_name: str
    project_version: str
    python_version: str
    executable: str
    entry_point: str
    # None accepts every output with the exact version in it.
    version_output: str | None = None
    hidden_imports: tuple[str, ...] = ()
    exclude_modules: tuple[str, ...] = ()
    exclude_files: tuple[str, ...] = ()
    whole_distributions: tuple[str, ...] = ()
    size_limit_mib: int | None = None
    glibc_floor: str | None = None
    macos_minimum: str | None = None
    smoke_commands: tuple[tuple[str, ...], ...] = ()
    test_suite: Path | None = None
    test_binary_variable: str | None = None
    test_arguments: tuple[str, ...] = ()
    parity: tuple[str, ...] = ()
    benchmarks: Path | None = None
    is_upx_used: bool = False
    allowed_messages: tuple[AllowedMessage, ...] = ()
    allowed_findings: tuple[AllowedFinding, ...] = ()
    allowed_vulnerabilities: tuple[AllowedVulnerability, ...] = ()
    container: ContainerSettings = NO_CONTAINER
    # What the table says, before `MIRROR_…` variables override it; see `mirror_settings`.
    mirror: Mapping[str, str] = field(default_factory=dict)

    @property
    def bundled_whole(self) -> tuple[str, ...]:
        """The distributions that are bundled with every module and file: the project and `whole-distributions`."""
        return (self.project_name, *self.whole_distributions)

    def allowing(self, check: str, finding: str) -> AllowedFinding | None:
        """The entry of `allowed-findings` that allows this finding of a check."""
        return next((entry for entry in self.allowed_findings if entry.matches(check, finding)), None)

    @property
    def lock_path(self) -> Path:
        return self.root / "poetry.lock"

    @property
    def dist_folder(self) -> Path:
        return self.root / "dist"

    def build_folder(self, platform_name: str) -> Path:
        return self.root / "build" / platform_name

    def staging_folder(self, platform_name: str) -> Path:
        """Where archives wait for their verification."""
        return self.build_folder(platform_name) / "package"

    @classmethod
    def load(cls, root: Path) -> "ReleaseSettings":
        """Read `pyproject.toml` and `.python-version` in `root`.

        Raises `SettingsError` with every missing, unknown or invalid value.
        """
        path = root / "pyproject.toml"
        pyproject = read_toml(path)
        project = project_table(pyproject)
        table = table_at(pyproject, "tool", "release-tools")
        name, version = str(project.get("name")), str(project.get("version"))
        python_version = _read_python_version(root)
        executable = str(table.get("executable", name))
        scripts = commands_of(pyproject)
        problems = [
            *table_problems(value_at(pyproject, "tool", "release-tools")),
            *_python_version_problems(python_version),
            *_project_problems(project),
            *_command_problems(executable, scripts),
            *_suite_problems(root, table),
            *_folder_problems(root, table, "benchmarks", "name a folder with a benchmarks.toml"),
        ]
        if problems:
            raise SettingsError(path, problems)
        return cls(
            root=root,
            pyproject=pyproject,
            project_name=name,
            project_version=version,
            python_version=python_version,
            executable=executable,
            entry_point=scripts[executable].strip(),
            version_output=table.get("version-output"),
            hidden_imports=tuple(table.get("hidden-imports", ())),
            exclude_modules=tuple(table.get("exclude-modules", ())),
            exclude_files=tuple(table.get("exclude-files", ())),
            whole_distributions=tuple(table.get("whole-distributions", ())),
            size_limit_mib=table.get("size-limit-mib"),
            glibc_floor=table.get("glibc-floor"),
            macos_minimum=table.get("macos-minimum"),
            parity=tuple(table.get("parity", ())),
            smoke_commands=tuple(tuple(command) for command in table.get("smoke-commands", ())),
            test_suite=root / table["test-suite"] if "test-suite" in table else None,
            test_binary_variable=table.get("test-binary-variable"),
            test_arguments=tuple(table.get("test-arguments", ())),
            benchmarks=root / table["benchmarks"] if "benchmarks" in table else None,
            is_upx_used=table.get("upx", False),
            allowed_messages=tuple(AllowedMessage(**entry) for entry in table.get("allowed-messages", ())),
            allowed_findings=tuple(AllowedFinding(**entry) for entry in table.get("allowed-findings", ())),
            allowed_vulnerabilities=tuple(
                AllowedVulnerability(**entry) for entry in table.get("allowed-vulnerabilities", ())
            ),
            container=ContainerSettings.of(table.get(CONTAINER_TABLE, {})),
            mirror=table.get(MIRROR_TABLE, {}),
        )


def project_table(pyproject: Mapping[str, Any]) -> Mapping[str, Any]:
    """`[project]`, with what only Poetry's own table has."""
    return {**table_at(pyproject, "tool", "poetry"), **table_at(pyproject, "project")}


def commands_of(pyproject: Mapping[str, Any]) -> Mapping[str, Any]:
    """The commands of `[project.scripts]`, and those that only Poetry's own table has, with their functions."""
    return {**table_at(pyproject, "tool", "poetry", "scripts"), **table_at(pyproject, "project", "scripts")}


def read_toml(path: Path) -> Mapping[str, Any]:
    """The content of a `pyproject.toml`. Raises `SettingsError` if it can't be read."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        what, hint = "no such file", "run this in the folder with pyproject.toml"
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        what, hint = f"is not valid TOML: {error}", "fix the line it names"
    except RecursionError:
        what, hint = "is nested too deeply", "write fewer arrays or tables inside one another"
    except OSError as error:
        what, hint = f"cannot be read: {error.strerror}", "make it a file that you can read"
    raise SettingsError(path, [Problem(what=what, hint=hint)])


def _project_problems(project: Mapping[str, Any]) -> list[Problem]:
    missing = [key for key in ("name", "version") if not is_text(project.get(key))]
    problems = [Problem(what=f"[project] has no {key}", hint=f'add {key} = "…" to [project]') for key in missing]
    if "version" not in missing and not _VERSION.fullmatch(project["version"]):
        problems.append(
            Problem(
                what=f"version {project['version']!r} in [project] is not a normalized PEP 440 version",
                hint="write 1.2.3, 1.2.3rc1 or 1.2.3.post1: no v, no dashes, no leading zeros and no local part",
            )
        )
    return problems


def _command_problems(executable: str, scripts: Mapping[str, Any]) -> list[Problem]:
    if executable not in scripts:
        what = f"no command {executable!r} in [project.scripts]"
        return [
            Problem(what=what, hint=f'add {executable} = "package.module:function", or set `executable` in {TABLE}')
        ]
    entry_point = scripts[executable]
    problems = []
    if not is_executable_name(executable):
        hint = f"use {EXECUTABLE_NAME}, except {' and '.join(sorted(TAKEN_NAMES))}"
        problems.append(Problem(what=f"{executable!r} is not a valid file name on every platform", hint=hint))
    if not isinstance(entry_point, str) or not re.fullmatch(r"\s*[\w.]+\s*:\s*[\w.]+\s*", entry_point):
        what = f"the command {executable} is {entry_point!r}, which is not a function"
        problems.append(Problem(what=what, hint=f'write {executable} = "package.module:function"'))
    return problems


def _suite_problems(root: Path, table: Mapping[str, Any]) -> list[Problem]:
    problems = []
    if ("test-suite" in table) != ("test-binary-variable" in table):
        problems.append(
            Problem(
                what=f"{TABLE} has only one of test-suite and test-binary-variable",
                hint="set both: the environment variable tells the tests where the binary is",
            )
        )
    return [*problems, *_folder_problems(root, table, "test-suite", "name a folder of pytest tests in the project")]


def _folder_problems(root: Path, table: Mapping[str, Any], key: str, hint: str) -> list[Problem]:
    """Why the value of a key isn't a folder of the project; a value of another type has its own message."""
    value = table.get(key)
    if not isinstance(value, str) or not is_text(value):
        return []
    if Path(value).is_absolute() or ".." in Path(value).parts:
        return [Problem(what=f"{key} {value!r} is outside the project's folder", hint=hint)]
    if not (root / value).is_dir():
        return [Problem(what=f"{key} {value!r} is not a folder", hint=hint)]
    return []


def _read_python_version(root: Path) -> str:
    path = root / ".python-version"
    return path.read_text(encoding="utf-8", errors="replace").strip() if path.is_file() else ""


def _python_version_problems(version: str) -> list[Problem]:
    if re.fullmatch(r"3\.\d+(\.\d+)?", version):
        return []
    what = f".python-version contains {version!r}, not a Python version"
    return [Problem(what=what, hint="write one line, such as 3.13")]
