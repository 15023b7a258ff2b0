"""A build for arm64 on a Linux machine that is amd64: the same session, in an arm64 container under QEMU.

Runs in Nox's interpreter: standard library only. The container sees the checkout under the path that it has here, so
every message names files as they are found on this machine.
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
from release_tools.platforms import Platform
from release_tools.processes.run import Finished, changed_environment, observe, run
from release_tools.repository import read_git_folders, read_ignore_file
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import EXAMPLE_IMAGE, TABLE

PROGRAMS: Final = ("docker", "podman")
QUESTION_TIMEOUT_SECONDS: Final = 300.0

# As a job on GitHub begins. Arguments: the Python that the first step makes, then those for it.
_START_NOX: Final = """
uv run --quiet --no-project -m release_tools.bootstrap.github_jobs nox && exec "$@"
"""
# Argument: a file to make. Prints the machine and what the image lacks.
_PROBE: Final = """
uname -m
touch "$1" 2>/dev/null
for tool in git uv; do command -v "$tool" >/dev/null || echo "$tool"; done
"""
# What docker and podman say of a program for another machine when the kernel knows no emulator for it, or knows one
# that is not inside the container, because it was registered without the flag F.
_NO_EMULATOR: Final = re.compile(r"exec format error|exec\b.*no such file or directory", re.IGNORECASE)
# How docker and podman end when SIGKILL has ended the program inside, as the kernel does when memory runs out.
_KILLED_INSIDE: Final = 128 + SIGKILL
_MACHINES: Final = {"arm64": "aarch64", "amd64": "x86_64"}


@dataclass(frozen=True, kw_only=True)
class Container:
    """What a container is started with. `user` is `user:group` inside; `variables` without a value are passed on."""

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
        """The command line that runs a shell script with these arguments inside."""
        return [
            *(self.program, "run", "--rm"),
            *(("--name", self.name) if self.name else ()),
            *(("--tty",) if self.has_terminal else ()),
            *("--platform", f"{self.platform.os}/{self.platform.arch}", "--user", self.user),
            # The mounted folders keep their labels: nothing else on this machine loses access to them.
            *("--security-opt", "label=disable"),
            *(part for mount in self.mounts for part in ("--mount", str(mount))),
            *("--workdir", str(self.folder)),
            *(part for variable in self.variables for part in ("--env", variable)),
            *self.options,
            *("--entrypoint", "sh", self.image, "-c", script, "sh", *args),
        ]


def build_in_container(
    settings: ReleaseSettings, platform: Platform, image: str, archive: Path, build_args: Sequence[str]
) -> None:
    """Run `nox -s build-<platform>` with these arguments in a container, and show all that it prints.

    Raises `NoContainerProgramError`, `MissingEmulatorError` or `ContainerError` before anything is built,
    `ReportedError` with the exit code of the inner build, `KilledError`, and `ContainerError` where that ended well
    and left no new `archive`.
    """
    program = find_program(settings.root)
    _fetch_image(settings.root, program, image, platform)
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
    before = _state_of(archive)
    try:
        run(container.arguments(_START_NOX, *nox, *session), cwd=settings.root)
        _require_new(archive, before)
    except BaseException as error:
        # Interrupted, the program that started the container is gone and the container may be not. To remove it alone
        # would give it ten seconds to end by itself.
        for action in (["kill"], ["rm", "--force"]):
            _try_to_run(settings.root, program, *action, container.name)
        if isinstance(error, ReportedError) and error.code == _KILLED_INSIDE:
            raise KilledError([program, "run", container.name], SIGKILL) from None
        raise


def find_program(root: Path) -> str:
    """Docker or podman: the first that is installed and can reach what runs its containers.

    Raises `NoContainerProgramError` with what each of them says.
    """
    words = []
    for program in PROGRAMS:
        answer = _try_to_run(root, program, "version")
        if answer.code == 0:
            return program
        *_, last_line = f"exit code {answer.code}", *answer.output.splitlines()
        words.append(f"{program}: {last_line}")
    raise NoContainerProgramError(words)


def with_own_user(container: Container, folder: Path) -> Container:
    """The container with the user whose files are the caller's outside.

    That is root where the caller runs the containers, as with podman and docker without root, and the caller's own
    number where root runs them. Which of the two holds is seen from a file that the container makes in `folder`.

    Raises `MissingEmulatorError` or `ContainerError` where containers of this image cannot start or write here.
    """
    made = folder / "made-by-the-container"
    for user in dict.fromkeys(("0:0", f"{os.getuid()}:{os.getgid()}")):
        made.unlink(missing_ok=True)
        candidate = replace(container, user=user)
        require_answer(container, _try_to_run(container.folder, *candidate.arguments(_PROBE, str(made))))
        is_own = made.exists() and made.stat().st_uid == os.getuid()
        made.unlink(missing_ok=True)
        if is_own:
            return candidate
    raise ContainerError(
        f"containers of {container.program} cannot write files of yours in {folder}",
        "give them access to it, use podman, or run docker without remapped users",
    )


def require_answer(container: Container, answer: Finished) -> None:
    """Raises `MissingEmulatorError` or `ContainerError` where the probe did not end well or lacks something."""
    wanted = _MACHINES[container.platform.arch]
    # What it says there; docker and podman add warnings of their own to the other stream.
    machine, *missing = answer.stdout.splitlines() or [""]
    if machine != wanted and _NO_EMULATOR.search(answer.output):
        raise MissingEmulatorError(container.platform.name, container.program, answer.output)
    if machine != wanted:
        hint = f"use an image for {container.platform.os}/{container.platform.arch} that has a shell"
        if container.options:
            hint += f", and look at container-options in {TABLE}: {' '.join(container.options)}"
        raise ContainerError(
            f"a container of {container.image} ended with exit code {answer.code}, and was to say {wanted}:\n"
            f"{answer.output.strip()}",
            hint,
        )
    if missing:
        raise ContainerError(
            f"the image {container.image} has no {' and no '.join(missing)}",
            f"use an image with git, binutils and uv, such as {EXAMPLE_IMAGE}: "
            f"nox -s build-{container.platform.name} -- --image NAME",
        )


def _fetch_image(root: Path, program: str, image: str, platform: Platform) -> None:
    """Get the image before it is needed, so that the download shows its progress."""
    answer = _try_to_run(root, program, "image", "inspect", "--format", "{{.Architecture}}", image)
    if answer.code == 0 and answer.stdout.strip() == platform.arch:
        return
    try:
        run([program, "pull", "--platform", f"{platform.os}/{platform.arch}", image], cwd=root)
    except ProgramEndedError:
        raise ContainerError(
            f"{program} could not get the image {image} for {platform.os}/{platform.arch}",
            "its own message above says why; use an image that you have or can reach: "
            f"nox -s build-{platform.name} -- --image NAME",
        ) from None


def _try_to_run(root: Path, *args: str) -> Finished:
    """How a program ended that may fail or not be there; its exit code is -1 where it did not end by itself."""
    try:
        return observe(args, cwd=root, environment=changed_environment(None), timeout_seconds=QUESTION_TIMEOUT_SECONDS)
    except CommandFailedError as error:
        why = error.what
    except ReleaseError:
        why = "not installed"
    except OSError as error:
        # A script without an interpreter, or a program for another machine.
        why = str(error)
    return Finished(args=args, code=-1, stdout="", stderr=why, seconds=0.0)


def _require_new(archive: Path, before: tuple[int, int] | None) -> None:
    if _state_of(archive) in (None, before):
        raise ContainerError(
            f"the container ended with exit code 0 and left no new {archive.parent.name}/{archive.name}",
            "it has to stay in the foreground until the build has ended, and to write to this folder: look at "
            f"container-options in {TABLE}",
        )


def _state_of(path: Path) -> tuple[int, int] | None:
    """What changes when a file is replaced or written to; None where there is none."""
    if not path.exists():
        return None
    state = path.stat()
    return state.st_ino, state.st_mtime_ns


def _has_terminal() -> bool:
    return sys.stdout.isatty() and sys.stderr.isatty()
