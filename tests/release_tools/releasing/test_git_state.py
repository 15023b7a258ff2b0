from pathlib import Path

import pytest

from release_tools.releasing.errors import RemoteUnreachableError
from release_tools.releasing.git_state import github_repository, read_clone, read_remote, repository_url
from tests.release_tools.releasing.project_clone import TAG, ProjectClone, git

pytestmark = pytest.mark.programs


@pytest.mark.parametrize(
    ("remote_url", "page"),
    [
        ("https://github.com/owner/tiny", "https://github.com/owner/tiny"),
        ("https://github.com/owner/tiny.git", "https://github.com/owner/tiny"),
        ("https://github.com/owner/tiny.git/", "https://github.com/owner/tiny"),
        ("https://user:secret@github.com/owner/tiny.git", "https://github.com/owner/tiny"),
        ("git@github.com:owner/tiny.git", "https://github.com/owner/tiny"),
        ("ssh://git@github.example:2222/owner/my.tiny-app.git", "https://github.example/owner/my.tiny-app"),
        ("ssh://git@ssh.github.com:443/owner/tiny.git", "https://github.com/owner/tiny"),
        ("/srv/git/tiny.git", None),
        ("file:///srv/git/tiny.git", None),
        ("https://github.com/owner/tiny](javascript:x)", None),
        ("https://github.com/", None),
    ],
)
def test_repository_page_follows_from_remote_url(clone: ProjectClone, remote_url: str, page: str | None) -> None:
    clone.git("remote", "set-url", "origin", remote_url)
    assert repository_url(clone.root, "origin") == page


@pytest.mark.parametrize(
    ("remote_url", "name"),
    [
        ("git@github.com:owner/tiny.git", "github.com/owner/tiny"),
        ("https://acme.ghe.com/owner/tiny", "acme.ghe.com/owner/tiny"),
        ("https://github.example/owner/tiny", "github.example/owner/tiny"),
        ("https://gitlab.com/owner/tiny", None),
        ("git@work:owner/tiny.git", None),
        ("/srv/git/tiny.git", None),
    ],
)
def test_only_known_hosts_name_a_github_repository(clone: ProjectClone, remote_url: str, name: str | None) -> None:
    clone.git("remote", "add", "aaa", "https://github.com/someone/else")
    clone.git("remote", "set-url", "origin", remote_url)
    assert github_repository(clone.root, {"GH_HOST": "github.example"}) == name


def test_folder_without_git_has_no_github_repository(tmp_path: Path) -> None:
    assert github_repository(tmp_path) is None


def test_missing_remote_has_no_page(clone: ProjectClone) -> None:
    assert repository_url(clone.root, None) is None


def test_upstream_then_origin_then_only_remote_is_chosen(clone: ProjectClone) -> None:
    clone.git("remote", "add", "upstream", str(clone.remote))
    assert read_clone(clone.root).remote == "origin"
    clone.git("config", "branch.main.remote", "upstream")
    assert read_clone(clone.root).remote == "upstream"
    clone.git("remote", "remove", "origin")
    clone.git("config", "branch.main.remote", "gone")
    assert read_clone(clone.root).remote == "upstream"
    clone.git("remote", "add", "another", str(clone.remote))
    assert read_clone(clone.root).remote is None


def test_remote_state_is_read_from_the_remote(clone: ProjectClone) -> None:
    theirs = git(clone.remote, "commit-tree", "-m", "theirs", "main^{tree}")
    git(clone.remote, "update-ref", "refs/heads/main", theirs)
    git(clone.remote, "tag", TAG, theirs)
    remote = read_remote(clone.root, "origin", "main")
    assert (remote.default_branch, remote.branch_commit) == ("main", theirs)
    assert [(tag.name, tag.commit, tag.is_annotated) for tag in remote.tags] == [(TAG, theirs, False)]
    assert read_remote(clone.root, "origin", "unknown").branch_commit is None


def test_annotated_tag_is_read_as_its_commit(clone: ProjectClone) -> None:
    clone.git("tag", "--annotate", "--message=x", TAG)
    clone.git("push", "--quiet", "origin", TAG)
    for tags in (read_clone(clone.root).tags, read_remote(clone.root, "origin", "main").tags):
        assert [(tag.name, tag.commit, tag.is_annotated) for tag in tags] == [(TAG, clone.commit, True)]


def test_remote_like_an_option_runs_nothing(clone: ProjectClone) -> None:
    with pytest.raises(RemoteUnreachableError):
        read_remote(clone.root, "--upload-pack=touch owned", "main")
    assert not (clone.root / "owned").exists()


@pytest.mark.parametrize("changed", ["LICENSE", "new file with spaces", "ünïcödé"])
def test_changed_and_untracked_files_are_listed(clone: ProjectClone, changed: str) -> None:
    clone.git("config", "status.showUntrackedFiles", "no")
    clone.write(changed, "changed")
    assert read_clone(clone.root).changed_files == (changed,)
