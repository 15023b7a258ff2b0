import pytest

from release_tools.errors import CommandFailedError
from release_tools.releasing.git_state import read_clone, read_remote, release_version, repository_address
from tests.release_tools.releasing.clones import TAG, Workplace, git

pytestmark = pytest.mark.programs


@pytest.mark.parametrize(
    ("address", "page"),
    [
        ("https://github.com/owner/tiny", "https://github.com/owner/tiny"),
        ("https://github.com/owner/tiny.git", "https://github.com/owner/tiny"),
        ("https://github.com/owner/tiny.git/", "https://github.com/owner/tiny"),
        ("https://user:secret@github.com/owner/tiny.git", "https://github.com/owner/tiny"),
        ("git@github.com:owner/tiny.git", "https://github.com/owner/tiny"),
        ("ssh://git@github.example:2222/owner/my.tiny-app.git", "https://github.example/owner/my.tiny-app"),
        ("/srv/git/tiny.git", None),
        ("file:///srv/git/tiny.git", None),
        ("https://github.com/owner/tiny](javascript:x)", None),
        ("https://github.com/", None),
    ],
)
def test_the_page_of_a_repository_follows_from_the_remotes_address(
    workplace: Workplace, address: str, page: str | None
) -> None:
    workplace.git("remote", "set-url", "origin", address)
    assert repository_address(workplace.root, "origin") == page


def test_a_clone_without_a_remote_has_no_page(workplace: Workplace) -> None:
    assert repository_address(workplace.root, None) is None


def test_the_remote_that_the_branch_follows_comes_before_origin_and_an_only_one_will_do(workplace: Workplace) -> None:
    workplace.git("remote", "add", "upstream", str(workplace.remote))
    assert read_clone(workplace.root).remote == "origin"
    workplace.git("config", "branch.main.remote", "upstream")
    assert read_clone(workplace.root).remote == "upstream"
    workplace.git("remote", "remove", "origin")
    workplace.git("config", "branch.main.remote", "gone")
    assert read_clone(workplace.root).remote == "upstream"
    workplace.git("remote", "add", "another", str(workplace.remote))
    assert read_clone(workplace.root).remote is None


def test_the_remote_itself_is_asked_and_not_what_the_clone_remembers(workplace: Workplace) -> None:
    theirs = git(workplace.remote, "commit-tree", "-m", "theirs", "main^{tree}")
    git(workplace.remote, "update-ref", "refs/heads/main", theirs)
    git(workplace.remote, "tag", TAG, theirs)
    remote = read_remote(workplace.root, "origin", "main")
    assert (remote.default_branch, remote.branch_commit) == ("main", theirs)
    assert [(tag.name, tag.commit, tag.is_annotated) for tag in remote.tags] == [(TAG, theirs, False)]
    assert read_remote(workplace.root, "origin", "unknown").branch_commit is None


def test_an_annotated_tag_is_read_as_the_commit_that_it_stands_at(workplace: Workplace) -> None:
    workplace.git("tag", "--annotate", "--message=x", TAG)
    workplace.git("push", "--quiet", "origin", TAG)
    for tags in (read_clone(workplace.root).tags, read_remote(workplace.root, "origin", "main").tags):
        assert [(tag.name, tag.commit, tag.is_annotated) for tag in tags] == [(TAG, workplace.commit, True)]


def test_a_remote_that_looks_like_an_option_runs_nothing(workplace: Workplace) -> None:
    with pytest.raises(CommandFailedError):
        read_remote(workplace.root, "--upload-pack=touch owned", "main")
    assert not (workplace.root / "owned").exists()


@pytest.mark.parametrize("changed", ["LICENSE", "new file with spaces", "ünïcödé"])
def test_changed_and_untracked_files_are_named_as_they_are(workplace: Workplace, changed: str) -> None:
    workplace.git("config", "status.showUntrackedFiles", "no")
    workplace.write(changed, "changed")
    assert read_clone(workplace.root).changed_files == (changed,)


@pytest.mark.parametrize("tag", ["tiny-v1.2.3", "tiny-v1.3.0rc1", "tiny-v2026.1"])
def test_a_release_tag_names_a_version(tag: str) -> None:
    assert str(release_version("tiny", tag)) == tag.removeprefix("tiny-v")


@pytest.mark.parametrize("tag", ["tiny-v", "tiny-vx", "v1.2.3", "tiny-v1.2.3\n", "tiny-v1..2", "tiny-v1.2.3\u202e"])
def test_any_other_tag_names_none(tag: str) -> None:
    assert release_version("tiny", tag) is None
