"""`nox -s bench` up to the tools' environment: its options, and the environments with what it compares."""

import argparse
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.bootstrap.environment import create_environment, install_project, run_inside, tool_environment
from release_tools.bootstrap.folder_lock import exclusive_use
from release_tools.errors import NoCommitError
from release_tools.lockfile import APP_GROUPS, BUILD_TOOLS, PEER_TOOLS, PLAIN_TOOLS
from release_tools.platforms import host_platform
from release_tools.repository import git, read_commit
from release_tools.settings import ReleaseSettings
from release_tools.versions import DEV, resolve_version

# Builds take the longest, and leave what the others measure.
PARTS: Final = ("build", "size", "files", "start", "peers")


@dataclass(frozen=True, kw_only=True)
class BenchRequest:
    """The options of the session."""

    only: tuple[str, ...]
    rounds: int
    build_rounds: int
    beside: tuple[str, ...]

    @classmethod
    def parse(cls, arguments: Sequence[str]) -> "BenchRequest":
        """Parse the arguments after `--`; exits with code 2 on unknown ones."""
        parser = argparse.ArgumentParser(prog="nox -s bench --")
        parser.add_argument("--only", action="append", choices=PARTS, help="measure only this; repeatable")
        parser.add_argument("--rounds", type=_positive, default=11, metavar="N", help="starts of each command (11)")
        parser.add_argument("--build-rounds", type=_positive, default=3, metavar="N", help="builds of each kind (3)")
        parser.add_argument(
            "--beside", action="append", default=[], metavar="PROGRAM", help="time its --version too; repeatable"
        )
        options = parser.parse_args(arguments)
        return cls(
            only=tuple(part for part in PARTS if part in (options.only or PARTS)),
            rounds=options.rounds,
            build_rounds=options.build_rounds,
            beside=tuple(options.beside),
        )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError(text)
    return number


def bench(root: Path, arguments: Sequence[str]) -> None:
    """Compare this machine's build with that of plain PyInstaller.

    Raises `NoCommitError` outside a checkout, `BusyError` during another benchmark, and the errors of the environments.
    """
    request = BenchRequest.parse(arguments)
    commit = read_commit(root)
    if commit is None:
        raise NoCommitError(root)
    tools = tool_environment(root, "bench", BUILD_TOOLS)
    host = host_platform()
    folder = ReleaseSettings.load(root).build_folder(host.name) / "benchmark"
    with exclusive_use(folder):
        clone = _clone(root, commit.sha, folder / "clone")
        settings = ReleaseSettings.load(clone)
        version = resolve_version(DEV, settings.project_version, read_commit(clone))
        pythons = {}
        groups = {"plain": PLAIN_TOOLS, "peers": PEER_TOOLS}
        for name in ("plain", *(["peers"] if "peers" in request.only else [])):
            python = create_environment(
                settings, folder / f"{name}-environment", APP_GROUPS, is_kept=True, platform=host, tools=groups[name]
            )
            install_project(settings, python, tools, version, folder / "wheel")
            pythons[name] = python
        options = [f"--{name}-python={python}" for name, python in pythons.items()]
        options += [f"--only={part}" for part in request.only] + [f"--beside={name}" for name in request.beside]
        options += [f"--rounds={request.rounds}", f"--build-rounds={request.build_rounds}"]
        run_inside(root, [str(tools), "-m", "release_tools", "bench", f"--nox-python={sys.executable}", *options])


def _clone(root: Path, sha: str, clone: Path) -> Path:
    """A clone of the commit, without uncommitted changes. It's kept for the next benchmark of the commit."""
    if not (clone / ".git").is_dir() or git(clone, "rev-parse", "HEAD").strip() != sha:
        shutil.rmtree(clone, ignore_errors=True)
        clone.mkdir(parents=True)
        git(root, "clone", "--quiet", "--no-checkout", str(root), str(clone))
    git(clone, "checkout", "--quiet", "--force", "--detach", sha)
    return clone
