"""Builds the app in the ways that the benchmark compares: with this library, plain PyInstaller and other tools."""

import os
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.bootstrap.environment import ISOLATED, environment_python
from release_tools.distributions import site_packages
from release_tools.errors import CommandFailedError, NothingToMeasureError, PlainBuildError
from release_tools.platforms import Platform
from release_tools.processes.run import EnvironmentChanges, run_logged
from release_tools.reporting.records import read_record
from release_tools.repository import git
from release_tools.settings import ReleaseSettings

PLAIN: Final = "plain PyInstaller"

_EMPTY: Final = "empty"
_LAST_LINES: Final = 8


@dataclass(frozen=True, kw_only=True)
class OwnBuild:
    """Builds the checked-out commit in a clone, with `nox -s build-<platform>` as a user does."""

    clone: Path
    nox_python: Path
    settings: ReleaseSettings
    platform: Platform

    @property
    def build_folder(self) -> Path:
        return self.clone / "build" / self.platform.name

    def delete_output(self) -> None:
        """Delete everything that earlier builds left in the clone."""
        git(self.clone, "checkout", "--quiet", "--force", "HEAD")
        for name in ("build", "dist"):
            shutil.rmtree(self.clone / name, ignore_errors=True)

    def seconds(self) -> float:
        """Build and verify; the seconds it took. Raises `CommandFailedError` with the end of the output."""
        command = [str(self.nox_python), "-m", "nox", "-s", f"build-{self.platform.name}"]
        # Nox passes the names of its running session on.
        nox_variables = dict.fromkeys(name for name in os.environ if name.startswith("NOX_"))
        return _timed(command, self.clone, {**ISOLATED, **nox_variables}, self.clone.with_name("own-build.log"))

    def nox_seconds(self) -> float:
        """The seconds that Nox itself takes to read the noxfile."""
        command = [str(self.nox_python), "-m", "nox", "--list"]
        return _timed(command, self.clone, ISOLATED, self.clone.with_name("nox.log"))

    def stage_seconds(self) -> Mapping[str, float]:
        """The seconds of each stage of the last build and of its longest check, from its record."""
        path = self.build_folder / "record.json"
        if not path.is_file():
            raise NothingToMeasureError(self.platform.name)
        record = read_record(path)
        longest = max(record.checks, key=lambda check: check.seconds)
        return {**record.stages, f"its check `{longest.name}`": longest.seconds}

    def change_line(self, number: int | None) -> None:
        """Change one line of the module with the app's entry point; None restores it."""
        change_line(module_file(self.clone, self.settings), number)


@dataclass(frozen=True, kw_only=True)
class PlainBuild:
    """Builds the app as PyInstaller's manual says, in an environment with both, and without anything of ours."""

    folder: Path
    python: Path
    settings: ReleaseSettings
    platform: Platform
    options: tuple[str, ...] = ()

    @property
    def executable(self) -> Path:
        return self.folder / "dist" / f"{self.settings.executable}{self.platform.executable_suffix}"

    @property
    def empty_executable(self) -> Path:
        """PyInstaller's bootloader with an app that does nothing."""
        return self.folder / _EMPTY / "dist" / f"{_EMPTY}{self.platform.executable_suffix}"

    def delete_output(self) -> None:
        """Delete what earlier builds left, with PyInstaller's caches."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def seconds(self) -> float:
        """Build; the seconds it took. Raises `PlainBuildError`."""
        launcher = self.folder / f"start-{self.settings.executable}.py"
        if not launcher.is_file():
            self.folder.mkdir(parents=True, exist_ok=True)
            launcher.write_text(launcher_code(self.settings), encoding="utf-8")
        return self._run(self.folder, self.settings.executable, launcher, self.options)

    def build_empty(self) -> None:
        """Build `empty_executable`. Raises `PlainBuildError`."""
        folder = self.folder / _EMPTY
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "launcher.py").write_text("", encoding="utf-8")
        self._run(folder, _EMPTY, folder / "launcher.py", ())

    def change_line(self, number: int | None) -> None:
        """Change one line of the module with the app's entry point, in the environment; None restores it."""
        change_line(module_file(Path(site_packages(self.python.parents[1])), self.settings), number)

    def _run(self, folder: Path, name: str, launcher: Path, options: Sequence[str]) -> float:
        command = [str(self.python), "-m", "PyInstaller", "--onefile", "--noconfirm", "--name", name, *options]
        log = folder / "pyinstaller.log"
        started = time.monotonic()
        code = run_logged(
            [*command, str(launcher)],
            cwd=folder,
            env={**ISOLATED, "PYINSTALLER_CONFIG_DIR": str(self.folder / "config")},
            log=log,
            on_line=lambda _: None,
        )
        if code != 0:
            hint = f"run it yourself: {' '.join(command)} {launcher}; options that it needs belong in plain-options"
            raise PlainBuildError(PLAIN, _last_lines(log), log, hint)
        return time.monotonic() - started


def launcher_code(settings: ReleaseSettings) -> str:
    """The code of a script that calls the app's entry point, as pip writes it."""
    module, _, function = settings.entry_point.partition(":")
    return f"import sys\n\nfrom {module} import {function.partition('.')[0]}\n\nsys.exit({function}())\n"


@dataclass(frozen=True, kw_only=True)
class PeerBuild:
    """Another tool's build of the app: the command that starts it, and the files or folders to download."""

    name: str
    command: tuple[str, ...]
    output: Path


def build_with_cx_freeze(python: Path, settings: ReleaseSettings, platform: Platform, folder: Path) -> PeerBuild:
    """Freeze the environment of `python` into a folder. Raises `PlainBuildError`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    launcher = folder / "launcher.py"
    launcher.write_text(launcher_code(settings), encoding="utf-8")
    output = folder / "output"
    names = [f"--target-name={settings.executable}", f"--target-dir={output}"]
    _build_peer("cx_Freeze", [str(python), "-m", "cx_Freeze", f"--script={launcher}", *names], folder)
    executable = output / f"{settings.executable}{platform.executable_suffix}"
    return PeerBuild(name="cx_Freeze", command=(str(executable),), output=output)


def build_with_shiv(python: Path, environment: Path, settings: ReleaseSettings, folder: Path) -> PeerBuild:
    """Zip the packages of `environment`, for which the user needs Python. Raises `PlainBuildError`."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    output = folder / f"{settings.executable}.pyz"
    options = ["--site-packages", str(site_packages(environment)), "--entry-point", settings.entry_point]
    _build_peer("shiv", [str(python), "-m", "shiv", *options, "--output-file", str(output)], folder)
    return PeerBuild(name="shiv", command=(str(environment_python(environment)), str(output)), output=output)


def _build_peer(name: str, command: Sequence[str], folder: Path) -> None:
    log = folder / "build.log"
    if run_logged(command, cwd=folder, env=ISOLATED, log=log, on_line=lambda _: None) != 0:
        raise PlainBuildError(name, _last_lines(log), log, "leave it out: nox -s bench -- --only start")


def module_file(folder: Path, settings: ReleaseSettings) -> Path:
    """The file of the module with the app's entry point, in a project or an environment.

    Raises `NothingToMeasureError` if there is none.
    """
    parts = settings.entry_point.partition(":")[0].strip().split(".")
    for base in (folder, folder / "src", folder / "lib"):
        for path in (base.joinpath(*parts).with_suffix(".py"), base.joinpath(*parts, "__init__.py")):
            if path.is_file():
                return path
    raise NothingToMeasureError(f"{'.'.join(parts)} in {folder}")


def change_line(path: Path, number: int | None) -> None:
    """Set the last line of a module to a harmless one with this number; None removes it."""
    name = "BENCHMARK_ROUND"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = lines[:-1] if lines and lines[-1].startswith(name) else lines
    line = "" if number is None else f"{name} = {number}\n"
    path.write_text(f"{''.join(kept)}{line}", encoding="utf-8", newline="\n")


def _timed(command: Sequence[str], cwd: Path, env: EnvironmentChanges, log: Path) -> float:
    started = time.monotonic()
    code = run_logged(command, cwd=cwd, env=env, log=log, on_line=lambda _: None)
    if code != 0:
        outcome = f"failed with exit code {code}; log: {log}"
        raise CommandFailedError(command, outcome, "\n".join(_last_lines(log)), f"run it yourself in {cwd}")
    return time.monotonic() - started


def _last_lines(log: Path) -> list[str]:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line for line in lines if line.strip()][-_LAST_LINES:]
