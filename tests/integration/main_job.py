"""Does an app's main job with the binary and with the source in the same place, and compares the results.

`job.toml` in the app's folder lists the steps; `job/` has the files that they work on.
"""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

STEP_TIMEOUT_SECONDS = 300
PROGRAM_FOLDER, WORKING_FOLDER, HOME_FOLDER, TEMPORARY_FOLDER = "bin", "work", "home", "tmp"


@dataclass(frozen=True, kw_only=True)
class Step:
    """A command of the main job, and how it ends from source. `{app}` in it is the program."""

    run: tuple[str, ...]
    exit_code: int = 0
    stdin: str = ""


@dataclass(frozen=True, kw_only=True)
class Server:
    """A program that runs during the job, and the line that it prints when it's ready."""

    run: tuple[str, ...]
    ready: str


@dataclass(frozen=True, kw_only=True)
class MainJob:
    """What an app is for, in a few steps.

    `masks` are patterns of text that differs from run to run, such as a duration. `unstable_files` are patterns of
    files whose bytes do.
    """

    folder: Path
    steps: tuple[Step, ...]
    servers: tuple[Server, ...]
    variables: tuple[tuple[str, str], ...]
    masks: tuple[str, ...]
    unstable_files: tuple[str, ...]

    @classmethod
    def load(cls, folder: Path) -> "MainJob":
        table = tomllib.loads((folder / "job.toml").read_text(encoding="utf-8"))
        return cls(
            folder=folder,
            steps=tuple(
                Step(run=tuple(step["run"]), exit_code=step.get("exit-code", 0), stdin=step.get("stdin", ""))
                for step in table["steps"]
            ),
            servers=tuple(
                Server(run=tuple(server["run"]), ready=server["ready"]) for server in table.get("servers", ())
            ),
            variables=tuple(table.get("variables", {}).items()),
            masks=tuple(table.get("masks", ())),
            unstable_files=tuple(table.get("unstable-files", ())),
        )


@dataclass(frozen=True, kw_only=True)
class Output:
    """What a step printed, and its exit code."""

    command: str
    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """What the job printed and left behind: equal for the binary and the source if the binary works."""

    outputs: tuple[Output, ...]
    files: tuple[tuple[str, str], ...]


def do_main_job(job: MainJob, program: Path, folder: Path) -> Result:
    """Do the job in an empty environment, with a copy of the program in `folder`, which is created afresh."""
    shutil.rmtree(folder, ignore_errors=True)
    for name in (PROGRAM_FOLDER, HOME_FOLDER, TEMPORARY_FOLDER):
        (folder / name).mkdir(parents=True)
    work = folder / WORKING_FOLDER
    if (job.folder / "job").is_dir():
        shutil.copytree(job.folder / "job", work, copy_function=shutil.copy)
    else:
        work.mkdir()
    app = Path(shutil.copy(program, folder / PROGRAM_FOLDER))
    names = {"app": str(app), "python": sys.executable, "folder": str(folder)}
    env = {
        "PATH": os.defpath,
        "HOME": str(folder / HOME_FOLDER),
        "TMPDIR": str(folder / TEMPORARY_FOLDER),
        **{name: _filled(value, names) for name, value in job.variables},
        **{name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ},
    }
    servers = [_start(server, names, work, env) for server in job.servers]
    try:
        outputs = tuple(_run(step, names, job.masks, work, env) for step in job.steps)
    finally:
        for server in servers:
            server.terminate()
            server.communicate(timeout=STEP_TIMEOUT_SECONDS)
    return Result(outputs=outputs, files=_read_files(folder, job))


def differences(source: Result, frozen: Result) -> list[str]:
    """What the binary did otherwise than the source; empty if it works."""
    found = [
        f"{expected.command}: {field} is {getattr(actual, field)!r}, from source {getattr(expected, field)!r}"
        for expected, actual in zip(source.outputs, frozen.outputs, strict=True)
        for field in ("exit_code", "stdout", "stderr")
        if getattr(expected, field) != getattr(actual, field)
    ]
    expected_files, actual_files = dict(source.files), dict(frozen.files)
    return found + [
        f"file {name} is {actual_files.get(name)!r}, from source {expected_files.get(name)!r}"
        for name in sorted(expected_files.keys() | actual_files.keys())
        if expected_files.get(name) != actual_files.get(name)
    ]


def unexpected_exits(job: MainJob, result: Result) -> list[Output]:
    """The steps that end otherwise than `job.toml` says: then the job itself is wrong, and proves nothing."""
    return [
        output for step, output in zip(job.steps, result.outputs, strict=True) if output.exit_code != step.exit_code
    ]


def _filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _start(server: Server, names: dict[str, str], cwd: Path, env: dict[str, str]) -> "subprocess.Popen[str]":
    command = [_filled(part, names) for part in server.run]
    started = subprocess.Popen(
        command, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8"
    )
    assert started.stdout is not None
    for line in started.stdout:
        if server.ready in line:
            return started
    raise AssertionError(f"{command[0]} ended before it was ready")


def _run(step: Step, names: dict[str, str], masks: tuple[str, ...], cwd: Path, env: dict[str, str]) -> Output:
    finished = subprocess.run(
        [_filled(part, names) for part in step.run],
        cwd=cwd,
        env=env,
        input=step.stdin,
        capture_output=True,
        encoding="utf-8",
        errors="backslashreplace",
        check=False,
        timeout=STEP_TIMEOUT_SECONDS,
    )
    return Output(
        command=" ".join(step.run),
        exit_code=finished.returncode,
        stdout=_masked(finished.stdout, masks),
        stderr=_masked(finished.stderr, masks),
    )


def _masked(text: str, masks: tuple[str, ...]) -> str:
    for mask in masks:
        text = re.sub(mask, "…", text)
    return text


def _read_files(folder: Path, job: MainJob) -> tuple[tuple[str, str], ...]:
    """Every file that the job left, as text so that masks apply; an unstable one counts by its name."""
    found = []
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and path.parent.name != "__pycache__" and not name.startswith(f"{PROGRAM_FOLDER}/"):
            is_stable = not any(fnmatch.fnmatch(name, pattern) for pattern in job.unstable_files)
            text = path.read_bytes().decode("utf-8", "backslashreplace") if is_stable else ""
            found.append((name, _masked(text, job.masks)))
    return tuple(found)
