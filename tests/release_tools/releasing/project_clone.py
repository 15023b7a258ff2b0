"""A project that is ready to be released, in a real git clone with a bare remote."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from release_tools.lockfile import content_hash
from release_tools.settings import ReleaseSettings
from tests.release_tools.conftest import PYPROJECT

CHANGELOG = "# Changelog\n\n## [Unreleased]\n\n- It greets.\n"
PURE_PACKAGE = (
    '[[package]]\nname = "pure"\nversion = "1.0"\nfiles = [{file = "pure-1.0-py3-none-any.whl", hash = "sha256:1"}]\n'
)
TAG = "tiny-v1.2.3"


@dataclass(frozen=True)
class ProjectClone:
    """A clone and the bare repository that it pushes to."""

    root: Path
    remote: Path

    @property
    def settings(self) -> ReleaseSettings:
        return ReleaseSettings.load(self.root)

    def git(self, *args: str) -> str:
        return git(self.root, *args)

    @property
    def commit(self) -> str:
        return self.git("rev-parse", "HEAD")

    def write(self, name: str, text: str) -> None:
        (self.root / name).write_text(text, encoding="utf-8")

    def commit_all(self, message: str, *, is_pushed: bool = True) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", message)
        if is_pushed:
            self.git("push", "--quiet", "origin", "HEAD")
        return self.commit

    def set_version(self, version: str) -> None:
        self.write("pyproject.toml", PYPROJECT.replace("1.2.3", version))
        self.write_lock()

    def write_lock(self, packages: str = PURE_PACKAGE) -> None:
        metadata = f'[metadata]\nlock-version = "2.1"\ncontent-hash = "{content_hash(self.settings.pyproject)}"\n'
        self.write("poetry.lock", packages + metadata)

    def remote_tags(self) -> dict[str, str]:
        """The remote's tags and their commits."""
        names = git(self.remote, "tag", "--list").splitlines()
        return {name: git(self.remote, "rev-parse", f"refs/tags/{name}^{{commit}}") for name in names}

    def fingerprint(self) -> dict[str, str]:
        """The digest of every file of the clone and the remote, including git's."""
        files = [path for folder in (self.root, self.remote) for path in folder.rglob("*") if path.is_file()]
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def git(folder: Path, *args: str) -> str:
    return subprocess.run(["git", *args], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def make_clone(folder: Path) -> ProjectClone:
    """A clone with one pushed commit on `main`, an up-to-date lock with wheels for every platform, and a changelog."""
    remote, root = folder / "remote.git", folder / "clone"
    git(folder, "init", "--quiet", "--bare", "--initial-branch=main", str(remote))
    git(folder, "init", "--quiet", "--initial-branch=main", str(root))
    git(root, "remote", "add", "origin", str(remote))
    clone = ProjectClone(root, remote)
    for name, text in {
        "pyproject.toml": PYPROJECT,
        ".python-version": "3.13\n",
        "LICENSE": "Free for all.\n",
        "CHANGELOG.md": CHANGELOG,
    }.items():
        clone.write(name, text)
    clone.write_lock()
    clone.commit_all("feat: greet")
    git(root, "branch", "--quiet", "--set-upstream-to=origin/main")
    return clone


def isolate_git(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git and gh without any configuration but a name and an email."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Tester")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "tester@example.org")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(folder / "no-config"))
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    monkeypatch.setenv("GH_CONFIG_DIR", str(folder / "no-gh"))
    for name in ("GH_TOKEN", "GITHUB_TOKEN", "GH_REPO", "GITHUB_REPOSITORY"):
        monkeypatch.delenv(name, raising=False)
