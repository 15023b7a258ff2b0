"""What the benchmark knows of an app: the commands to time, their files, the goals, and plain PyInstaller's options.

All of it is in the folder that `benchmarks` names in the settings; without one, `--version` and the smoke commands are
timed.
"""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from release_tools.errors import BenchmarkServiceError, Problem, SettingsError
from release_tools.processes.run import started
from release_tools.settings import ReleaseSettings, read_toml
from release_tools.settings_schema import did_you_mean, is_text, is_text_list

FILE_NAME: Final = "benchmarks.toml"

# What is measured of every app, by the key of its goal, and whether the goal is a ratio to plain PyInstaller's figure.
GOALS: Final = {
    "download": True,
    "disk": True,
    "version": True,
    "files": False,
    "cold-build": True,
    "changed-line": True,
    "unchanged": False,
}

# A service starts in less than a second; it may run as long as the benchmark.
_SERVICE_SECONDS: Final = 24 * 3600.0
_READY: Final = "ready"


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """A command of the app. It's timed until it prints `until`, or until it exits if that's ""."""

    name: str
    command: tuple[str, ...]
    until: str = ""
    goal: float | None = None


VERSION: Final = Scenario(name="`--version`", command=("--version",))


@dataclass(frozen=True, kw_only=True)
class AppBenchmarks:
    """The app's part of the benchmark. `folder` is copied for each start; `service` is a script in it, or ""."""

    folder: Path | None
    scenarios: tuple[Scenario, ...]
    goals: Mapping[str, float]
    plain_options: tuple[str, ...] = ()
    service: str = ""


def read_benchmarks(settings: ReleaseSettings) -> AppBenchmarks:
    """Read the app's `benchmarks.toml`. Raises `SettingsError` with every unknown key and invalid value."""
    smoke = tuple(Scenario(name=f"`{' '.join(one)}`", command=one) for one in settings.smoke_commands)
    if settings.benchmarks is None:
        return AppBenchmarks(folder=None, scenarios=smoke, goals={})
    path = settings.benchmarks / FILE_NAME
    content = read_toml(path)
    problems = list(_problems(content, settings.benchmarks))
    if problems:
        raise SettingsError(path, problems)
    return AppBenchmarks(
        folder=settings.benchmarks,
        scenarios=tuple(
            Scenario(**{**entry, "command": tuple(entry["command"])}) for entry in content.get("scenarios", ())
        ),
        goals=content.get("goals", {}),
        plain_options=tuple(content.get("plain-options", ())),
        service=content.get("service", ""),
    )


def _is_limit(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value > 0


def _is_goal_table(value: object) -> bool:
    return isinstance(value, dict) and set(value) <= set(GOALS) and all(map(_is_limit, value.values()))


_SCENARIO: Final[dict[str, Callable[[object], bool]]] = {
    "name": is_text,
    "command": is_text_list,
    "until": is_text,
    "goal": _is_limit,
}


def _is_scenario_list(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(entry, dict)
        and {"name", "command"} <= set(entry) <= set(_SCENARIO)
        and all(_SCENARIO[key](part) for key, part in entry.items())
        for entry in value
    )


_KEYS: Final[dict[str, tuple[Callable[[object], bool], str]]] = {
    "service": (is_text, "the name of a Python script in this folder"),
    "plain-options": (is_text_list, 'a list of options for PyInstaller, like ["--collect-data", "package"]'),
    "goals": (_is_goal_table, f"a table of positive numbers with keys from {', '.join(GOALS)}"),
    "scenarios": (_is_scenario_list, "tables with a name and a command, and optionally until and goal"),
}


def _problems(content: Mapping[str, Any], folder: Path) -> Iterator[Problem]:
    for key, value in content.items():
        if key not in _KEYS:
            yield Problem(
                what=f"unknown key {key!r}{did_you_mean(key, _KEYS)}", hint=f"the keys are {', '.join(_KEYS)}"
            )
        elif not _KEYS[key][0](value):
            yield Problem(what=f"{key} is {value!r}", hint=f"write {_KEYS[key][1]}")
        elif key == "service" and not (folder / value).is_file():
            yield Problem(what=f"the service {value} is not a file in {folder.name}", hint=f"write {_KEYS[key][1]}")


@contextmanager
def running_service(benchmarks: AppBenchmarks, environment: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
    """Run the app's service, such as a fake server, during the block; yields the variables that it prints.

    It prints one `NAME=value` per line, and `ready` when it is.

    Raises `BenchmarkServiceError` if it ends before.
    """
    if benchmarks.folder is None or not benchmarks.service:
        yield {}
        return
    command = [sys.executable, str(benchmarks.folder / benchmarks.service)]
    with started(command, cwd=benchmarks.folder, environment=environment, timeout_seconds=_SERVICE_SECONDS) as service:
        lines = []
        for line in service.lines():
            if line == _READY:
                break
            lines.append(line)
        else:
            raise BenchmarkServiceError(command, "\n".join(lines))
        yield {name: value for name, _, value in (line.partition("=") for line in lines)}


def prepare_folder(benchmarks: AppBenchmarks, folder: Path) -> Path:
    """A new working folder for a start, with the app's files."""
    shutil.rmtree(folder, ignore_errors=True)
    if benchmarks.folder is None:
        folder.mkdir(parents=True)
    else:
        # Python 3.13's copy2 needs a function that Wine 8 lacks.
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(benchmarks.folder, folder, ignore=ignored, copy_function=shutil.copyfile)
    return folder
