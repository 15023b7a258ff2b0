import subprocess
from pathlib import Path

import pytest

from release_tools.repository import git, read_commit, read_git_folders, read_ignore_file

pytestmark = pytest.mark.programs


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, independent of your git settings."""
    for name in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{name}_NAME", "Tester")
        monkeypatch.setenv(f"GIT_{name}_EMAIL", "tester@example.org")
        monkeypatch.setenv(f"GIT_{name}_DATE", "1700000000 +0200")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "no-config"))
    folder = tmp_path / "checkout"
    folder.mkdir()
    (folder / "file").write_text("content", encoding="utf-8")
    for args in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "first"]):
        subprocess.run(["git", *args], cwd=folder, check=True)
    return folder


def test_clean_checkout_has_commit_and_time(checkout: Path) -> None:
    commit = read_commit(checkout)
    assert commit is not None
    assert len(commit.sha) == 40
    assert (commit.time, commit.is_dirty) == (1_700_000_000, False)


@pytest.mark.parametrize("name", ["file", "untracked"])
def test_changed_or_untracked_file_makes_it_dirty(checkout: Path, name: str) -> None:
    (checkout / name).write_text("changed", encoding="utf-8")
    commit = read_commit(checkout)
    assert commit is not None
    assert commit.is_dirty


def test_user_settings_change_nothing(checkout: Path) -> None:
    before = read_commit(checkout)
    for setting in (["log.showSignature", "true"], ["status.showUntrackedFiles", "no"], ["color.ui", "always"]):
        subprocess.run(["git", "config", *setting], cwd=checkout, check=True)
    assert read_commit(checkout) == before
    (checkout / "untracked").touch()
    commit = read_commit(checkout)
    assert commit is not None
    assert commit.is_dirty


def test_global_ignore_file_is_found(checkout: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    environment = {"HOME": str(home), "XDG_CONFIG_HOME": ""}
    assert read_ignore_file(checkout, environment) is None
    for folder in (home / ".config", tmp_path / "settings"):
        (folder / "git").mkdir(parents=True)
        (folder / "git" / "ignore").touch()
    assert read_ignore_file(checkout, environment) == home / ".config" / "git" / "ignore"
    environment["XDG_CONFIG_HOME"] = str(tmp_path / "settings")
    assert read_ignore_file(checkout, environment) == tmp_path / "settings" / "git" / "ignore"
    named = tmp_path / "named"
    named.touch()
    subprocess.run(["git", "config", "core.excludesFile", str(named)], cwd=checkout, check=True)
    assert read_ignore_file(checkout, environment) == named


def test_git_ignores_the_repository_of_a_running_hook(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    subprocess.run(["git", "init", "--quiet", str(other)], check=True)
    before = read_commit(checkout)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))
    assert read_commit(checkout) == before
    git(checkout, "checkout", "--quiet", "--detach")
    assert (other / ".git" / "HEAD").read_text(encoding="utf-8").startswith("ref: ")


def test_subfolder_belongs_to_the_checkout(checkout: Path) -> None:
    inside = checkout / "inside"
    inside.mkdir()
    assert read_commit(inside) is not None


def test_folder_without_git_has_no_commit_nor_ignore_file(tmp_path: Path) -> None:
    assert read_commit(tmp_path) is None
    assert read_ignore_file(tmp_path, {"HOME": str(tmp_path)}) is None


def test_new_repository_has_no_commit(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    assert read_commit(tmp_path) is None


def test_git_folders_of_a_plain_checkout(checkout: Path, tmp_path: Path) -> None:
    assert read_git_folders(checkout) == (checkout, checkout / ".git")
    assert read_git_folders(tmp_path) == ()


def test_git_folders_of_linked_worktree_are_found(checkout: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    subprocess.run(["git", "worktree", "add", "--quiet", "--detach", str(tree)], cwd=checkout, check=True)
    assert read_git_folders(tree) == (tree, checkout / ".git")
