"""Builds linux-arm64 on linux-amd64: runs the same session in an arm64 container under QEMU.

The checkout is mounted at its own path, so the paths in all messages are valid on this machine.
"""

import os
import re
import secrets
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from release_tools.bootstrap.container_mounts import Mount, mounts_for, variables_for
from release_tools.bootstrap.environment import environment_python
from release_tools.bootstrap.github_jobs import nox_folder
from release_tools.errors import (
    SIGKILL,
    CommandFailedError,
    ContainerError,
    KilledError,
    MissingEmulatorError,
    NoContainerProgramError,
    ProgramEndedError,
    ReleaseError,
    ReportedError,
)
from release_tools.platforms import LINUX_MACHINES, Platform
from release_tools.processes.run import Finished, changed_environment, observe, run
from release_tools.repository import read_git_folders, read_ignore_file
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import EXAMPLE_IMAGE, TABLE

PROGRAMS: Final = ("docker", "podman")
QUESTION_TIMEOUT_SECONDS: Final = 300.0

# Starts like a job on GitHub. Arguments: the command to run with the Python that the first step creates.
_START_NOX: Final = """
uv run --quiet --no-project -m release_tools.bootstrap.github_jobs nox && exec "$@"
"""
# Argument: a file to create. Prints the machine, then the missing tools.
_PROBE: Final = """
uname -m
touch "$1" 2>/dev/null
for tool in git uv; do command -v "$tool" >/dev/null || echo "$tool"; done
"""
# What docker and podman print if no emulator is registered with the kernel, or one without the flag F, which the
# container can't see.
_NO_EMULATOR: Final = re.compile(r"exec format error|exec\b.*no such file or directory", re.IGNORECASE)
# The exit code of docker and podman after SIGKILL inside, which the kernel sends when memory runs out.
_KILLED_INSIDE: Final = 128 + SIGKILL


@dataclass(frozen=True, kw_only=True)
class Container:
    """How to start a container. `user` is `uid:gid` inside; `variables` without a value are forwarded."""

    program: str
    image: str
    platform: Platform
    folder: Path
    name: str = ""
    user: str = "0:0"
    mounts: tuple[Mount, ...] = ()
    variables: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    has_terminal: bool = False

    def arguments(self, script: str, *args: str) -> list[str]:
        """The command line that runs a shell script inside."""
        return [
            *(self.program, "run", "--rm"),
            *(("--name", self.name) if self.name else ()),
            *(("--tty",) if self.has_terminal else ()),
            *("--platform", f"{self.platform.os}/{self.platform.arch}", "--user", self.user),
            # Relabeling the mounted folders would block other programs on this machine.
            *("--security-opt", "label=disable"),
            *(part for mount in self.mounts for part in ("--mount", str(mount))),
            *("--workdir", str(self.folder)),
            *(part for variable in self.variables for part in ("--env", variable)),
            *self.options,
            *("--entrypoint", "sh", self.image, "-c", script, "sh", *args),
        ]


def build_in_container(
    settings: ReleaseSettings, platform: Platform, image: str, left: tuple[Path, ...], build_args: Sequence[str]
) -> None:
    """Run `nox -s build-<platform>` with these arguments in a container, with its output on the terminal.

    Raises `NoContainerProgramError`, `MissingEmulatorError` or `ContainerError` before the build, `ReportedError` with
    its exit code or `KilledError`, and `ContainerError` if it succeeded and changed none of the files that a build has
    `left`, of which the first is the archive.
    """
    program = find_program(settings.root)
    _pull_image(settings.root, program, image, platform)
    home = settings.build_folder(platform.name) / "container-home"
    home.mkdir(parents=True, exist_ok=True)
    ignore_file = read_ignore_file(settings.root, os.environ)
    container = with_own_user(
        Container(
            program=program,
            image=image,
            platform=platform,
            folder=settings.root,
            mounts=mounts_for(settings.root, read_git_folders(settings.root), ignore_file, os.environ),
            variables=variables_for(home, ignore_file, os.environ),
            options=settings.container.options,
        ),
        home,
    )
    container = replace(container, name=f"build-{platform.name}-{secrets.token_hex(4)}", has_terminal=_has_terminal())
    print(f"building {platform.name} in a container of {image} ({program}, under QEMU)", flush=True)
    nox = (str(environment_python(nox_folder(settings, platform))), "-m", "nox")
    session = ("--session", f"build-{platform.name}", "--", *build_args)
    before = [_state_of(path) for path in left]
    try:
        run(container.arguments(_START_NOX, *nox, *session), cwd=settings.root)
        _require_new(left, before)
    except BaseException as error:
        # The client has exited, but the container may still be running. `rm` alone would give it ten seconds.
        for action in (["kill"], ["rm", "--force"]):
            _try_to_run(settings.root, program, *action, container.name)
        if isinstance(error, ReportedError) and error.code == _KILLED_INSIDE:
            raise KilledError([program, "run", container.name], SIGKILL) from None
        raise


def find_program(root: Path) -> str:
    """Docker or podman, whichever first can start containers.

    Raises `NoContainerProgramError` with the answer of each.
    """
    answers = []
    for program in PROGRAMS:
        answer = _try_to_run(root, program, "version")
        if answer.code == 0:
            return program
        *_, last_line = f"exit code {answer.code}", *answer.output.splitlines()
        answers.append(f"{program}: {last_line}")
    raise NoContainerProgramError(answers)


def with_own_user(container: Container, folder: Path) -> Container:
    """The container with the `user` whose files belong to you outside.

    That's root with rootless docker or podman, and otherwise your own uid. A file that the container creates in
    `folder` shows which.

    Raises `MissingEmulatorError` or `ContainerError` if containers of this image can't start or can't write here.
    """
    made = folder / "created-by-the-container"
    for user in dict.fromkeys(("0:0", f"{os.getuid()}:{os.getgid()}")):
        made.unlink(missing_ok=True)
        candidate = replace(container, user=user)
        require_answer(container, _try_to_run(container.folder, *candidate.arguments(_PROBE, str(made))))
        is_own = made.exists() and made.stat().st_uid == os.getuid()
        made.unlink(missing_ok=True)
        if is_own:
            return candidate
    raise ContainerError(
        f"{container.program} containers cannot create files that belong to you in {folder}",
        "give them write access, use podman, or run docker without userns-remap",
    )


def require_answer(container: Container, answer: Finished) -> None:
    """Raise `MissingEmulatorError` or `ContainerError` if the probe failed or found missing tools."""
    wanted = LINUX_MACHINES[container.platform.arch]
    # Not stderr, where docker and podman print warnings.
    machine, *missing = answer.stdout.splitlines() or [""]
    if machine != wanted and _NO_EMULATOR.search(answer.output):
        raise MissingEmulatorError(container.platform.name, container.program, answer.output)
    if machine != wanted:
        hint = f"use an image for {container.platform.os}/{container.platform.arch} that has a shell"
        if container.options:
            hint += f", and check container-options in {TABLE}: {' '.join(container.options)}"
        raise ContainerError(
            f"a container of {container.image} exited with code {answer.code}, and instead of {wanted} it printed:\n"
            f"{answer.output.strip()}",
            hint,
        )
    if missing:
        raise ContainerError(
            f"the image {container.image} has no {' and no '.join(missing)}",
            f"use an image with git, binutils and uv, such as {EXAMPLE_IMAGE}: "
            f"nox -s build-{container.platform.name} -- --image NAME",
        )


def _pull_image(root: Path, program: str, image: str, platform: Platform) -> None:
    """Pull the image unless it's there, with progress on the terminal."""
    answer = _try_to_run(root, program, "image", "inspect", "--format", "{{.Architecture}}", image)
    if answer.code == 0 and answer.stdout.strip() == platform.arch:
        return
    try:
        run([program, "pull", "--platform", f"{platform.os}/{platform.arch}", image], cwd=root)
    except ProgramEndedError:
        raise ContainerError(
            f"{program} could not pull the image {image} for {platform.os}/{platform.arch}",
            "its output above says why; use an image that you have or can reach: "
            f"nox -s build-{platform.name} -- --image NAME",
        ) from None


def _try_to_run(root: Path, *args: str) -> Finished:
    """The result of a program that may fail; exit code -1 if it isn't installed or timed out."""
    try:
        return observe(args, cwd=root, environment=changed_environment(None), timeout_seconds=QUESTION_TIMEOUT_SECONDS)
    except CommandFailedError as error:
        why = error.what
    except ReleaseError:
        why = "not installed"
    except OSError as error:
        # A script without its interpreter, or a program for another machine.
        why = str(error)
    return Finished(args=args, code=-1, stdout="", stderr=why, seconds=0.0)


def _require_new(left: Sequence[Path], before: Sequence[tuple[int, int] | None]) -> None:
    archive = left[0]
    if not archive.exists() or [_state_of(path) for path in left] == before:
        raise ContainerError(
            f"the container exited with code 0 and left no new {archive.parent.name}/{archive.name}",
            "it must stay in the foreground until the build is done, and write to this folder: check "
            f"container-options in {TABLE}",
        )


def _state_of(path: Path) -> tuple[int, int] | None:
    """Something that changes if the file is replaced or written to; None if it doesn't exist."""
    if not path.exists():
        return None
    state = path.stat()
    return state.st_ino, state.st_mtime_ns


def _has_terminal() -> bool:
    return sys.stdout.isatty() and sys.stderr.isatty()
