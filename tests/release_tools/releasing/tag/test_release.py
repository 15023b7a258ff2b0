"""`invoke release --tag` from the plan to the pushed tag, with real git and a real remote."""

import io
import os
import shutil
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from release_tools.errors import KilledError, NoCommitError, Problem, ReleaseError, ReportedError, RequestError
from release_tools.processes import run as processes
from release_tools.releasing.errors import (
    ReleaseNotPublicError,
    ReleaseRunFailedError,
    RunNotStartedError,
    ShallowCloneError,
    TagNotCreatedError,
    TagNotPushedError,
    WorkflowRunError,
)
from release_tools.releasing.github import runs
from release_tools.releasing.github.api import GitHubApi
from release_tools.releasing.tag import release as release_module
from release_tools.releasing.tag.release import release
from release_tools.reporting.output import print_plain
from tests.release_tools.releasing.fake_github import OWNER_AND_NAME, fake_gh
from tests.release_tools.releasing.fake_workflows import FakeWorkflowRepository
from tests.release_tools.releasing.project_clone import TAG, ProjectClone, git
from tests.release_tools.releasing.publishers import FakeClock

pytestmark = pytest.mark.programs

RUNS = f"https://github.com/{OWNER_AND_NAME}/actions/runs"


@pytest.fixture
def github_clone(clone: ProjectClone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectClone:
    """A clone whose remote is on GitHub as far as git knows; a fake ssh redirects to the bare repository."""
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\nfor last; do :; done\nexec ${{last%% *}} {clone.remote}\n", encoding="utf-8")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    clone.git("remote", "set-url", "origin", "git@github.com:owner/tiny.git")
    return clone


@pytest.fixture
def github(clone: ProjectClone) -> FakeWorkflowRepository:
    return FakeWorkflowRepository("main", clone.commit)


def run_release(
    clone: ProjectClone,
    tag: str | None = None,
    *,
    is_dry_run: bool = False,
    is_watching: bool = False,
    api: GitHubApi | None = None,
) -> str:
    """The output."""
    output = io.StringIO()
    release(
        clone.settings,
        api or GitHubApi(clone.root, say=lambda _: None),
        tag,
        partial(print_plain, Console(file=output, width=120)),
        is_dry_run=is_dry_run,
        is_watching=is_watching,
    )
    return output.getvalue()


def refusal(clone: ProjectClone, tag: str | None = None) -> RequestError:
    """The error of a release that changes nothing."""
    before = clone.fingerprint()
    with pytest.raises(RequestError) as caught:
        run_release(clone, tag)
    assert clone.fingerprint() == before
    return caught.value


def only_problem(clone: ProjectClone, tag: str | None = None) -> Problem:
    [problem] = refusal(clone, tag).problems
    return problem


def api_of(clone: ProjectClone, github: FakeWorkflowRepository, clock: FakeClock | None = None) -> GitHubApi:
    return GitHubApi(clone.root, start=fake_gh(github), clock=clock or FakeClock(), say=lambda _: None)


def test_dry_run_prints_plan_and_changes_nothing(clone: ProjectClone, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(clone.remote), "fresh")
    fresh = ProjectClone(tmp_path / "fresh", clone.remote)
    before = fresh.fingerprint()
    plan = run_release(fresh, is_dry_run=True)
    assert fresh.fingerprint() == before
    assert plan.startswith(f"release {TAG}\n")
    assert f"{fresh.commit[:7]} feat: greet" in plan
    assert "tiny-v1.2.3-windows-amd64.zip and its .sha256" in plan
    assert f"1. git tag --annotate {TAG} {fresh.commit[:7]}\n  2. git push origin refs/tags/{TAG}\n" in plan


def test_dry_run_leaves_git_index_untouched(clone: ProjectClone) -> None:
    os.utime(clone.root / "LICENSE", (1, 1))
    before = clone.fingerprint()
    run_release(clone, is_dry_run=True)
    assert clone.fingerprint() == before


def test_only_annotated_release_tag_is_pushed(clone: ProjectClone) -> None:
    clone.git("config", "push.followTags", "true")
    clone.git("tag", "--annotate", "--message=mine", "another")
    clone.commit_all("fix: second", is_pushed=False)
    clone.git("push", "--quiet", "--no-follow-tags", "origin", "main")
    run_release(clone)
    assert clone.remote_tags() == {TAG: clone.commit}
    assert git(clone.remote, "cat-file", "-t", f"refs/tags/{TAG}") == "tag"
    assert "tiny 1.2.3" in clone.git("tag", "--list", "-n1", TAG)


def test_all_problems_are_reported_together(clone: ProjectClone) -> None:
    clone.git("tag", TAG)
    clone.git("tag", "tiny-v1.3.0")
    clone.git("push", "--quiet", "origin", "--tags")
    clone.git("tag", "--delete", TAG)
    clone.write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n### Added\n")
    files = '[{file = "native-2.0-cp313-cp313-win_amd64.whl", hash = "sha256:1"}]'
    clone.write_lock(f'[[package]]\nname = "native"\nversion = "2.0"\nfiles = {files}\n')
    text = (clone.root / "pyproject.toml").read_text(encoding="utf-8")
    clone.write("pyproject.toml", text.replace("dependencies = []", 'dependencies = ["native"]'))
    clone.commit_all("feat: depend on something", is_pushed=False)
    clone.write("left-behind", "")
    problems = refusal(clone).problems
    subjects = [TAG, "tiny-v1.3.0", "left-behind", "origin/main", "poetry.lock", *["native 2.0"] * 4, "CHANGELOG.md"]
    assert len(problems) == len(subjects)
    assert all(subject in problem.what for subject, problem in zip(subjects, problems, strict=True))


def test_branch_behind_its_remote_is_refused(clone: ProjectClone, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(clone.remote), "colleague")
    sha = ProjectClone(tmp_path / "colleague", clone.remote).commit_all("feat: another")
    unfetched = only_problem(clone)
    assert sha[:7] in unfetched.what
    clone.git("fetch", "--quiet")
    fetched = only_problem(clone)
    assert "origin/main" in fetched.what
    assert fetched.hint.startswith("git pull")


def test_detached_head_is_refused(clone: ProjectClone) -> None:
    clone.git("switch", "--quiet", "--detach")
    assert only_problem(clone).hint == "git switch main"


def test_other_branch_is_refused(clone: ProjectClone) -> None:
    clone.git("switch", "--quiet", "--create", "feature")
    assert "git switch main" in only_problem(clone).hint


def test_unpushed_branch_is_refused(clone: ProjectClone) -> None:
    clone.git("switch", "--quiet", "--create", "feature")
    git(clone.remote, "symbolic-ref", "HEAD", "refs/heads/nowhere")
    assert only_problem(clone).hint == "git push -u origin feature"


def test_shallow_clone_is_refused(shallow_clone: ProjectClone) -> None:
    assert ShallowCloneError().what in [problem.what for problem in refusal(shallow_clone).problems]


def test_unreachable_remote_is_refused(clone: ProjectClone) -> None:
    clone.git("remote", "set-url", "origin", str(clone.root / "nowhere"))
    assert only_problem(clone).hint.endswith("git ls-remote origin")


def test_other_push_url_is_refused(clone: ProjectClone, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet", "--bare", "elsewhere.git")
    clone.git("config", "remote.origin.pushurl", str(tmp_path / "elsewhere.git"))
    problem = only_problem(clone)
    assert str(tmp_path / "elsewhere.git") in problem.what
    assert problem.hint.startswith("git config --unset-all remote.origin.pushurl")


def test_push_url_of_the_same_repository_is_accepted(github_clone: ProjectClone) -> None:
    github_clone.git("config", "remote.origin.pushurl", "ssh://git@GitHub.com/owner/tiny")
    run_release(github_clone, is_dry_run=True)


def test_remote_that_is_not_on_github_is_refused(github_clone: ProjectClone, monkeypatch: pytest.MonkeyPatch) -> None:
    github_clone.git("remote", "set-url", "origin", "git@gitlab.com:owner/tiny.git")
    problem = only_problem(github_clone)
    assert "gitlab.com/owner/tiny" in problem.what
    monkeypatch.setenv("GH_HOST", "gitlab.com")
    run_release(github_clone, is_dry_run=True)


def test_missing_remote_is_refused(clone: ProjectClone) -> None:
    clone.git("remote", "remove", "origin")
    assert only_problem(clone).hint.startswith("git remote add origin")


def test_missing_git_identity_is_refused(clone: ProjectClone, monkeypatch: pytest.MonkeyPatch) -> None:
    clone.git("config", "user.useConfigOnly", "true")
    for name in ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name)
    assert "user.email" in only_problem(clone).hint


@pytest.mark.parametrize(
    "tag",
    [
        "tiny-v1.2.4",
        "v1.2.3",
        "-d",
        "--delete",
        "tiny-v1.2.3 ",
        "tiny-v1.2.3\x1b[2J\x07",
        "tiny-v1.2.3\n\u202egnp.exe",
        "../../../etc/passwd",
        "$(touch owned)",
        "refs/heads/main",
    ],
)
def test_tag_of_another_version_is_refused(clone: ProjectClone, tag: str) -> None:
    message = str(refusal(clone, tag))
    assert f"--tag {TAG} " in message
    assert all(line.isprintable() for line in message.splitlines())


def test_version_that_git_cannot_tag_is_refused(clone: ProjectClone) -> None:
    # An epoch is valid in a version, but not in a tag.
    clone.set_version("1!2.0")
    assert any("1!2.0" in problem.what for problem in refusal(clone).problems)


def test_control_characters_are_escaped(clone: ProjectClone) -> None:
    clone.commit_all("feat: \x1b]0;owned\x07\u202e red")
    plan = run_release(clone, is_dry_run=True)
    assert r"feat: \x1b]0;owned\x07\u202e red" in plan
    clone.write("\x1b[31mname", "")
    for text in (plan, str(refusal(clone))):
        assert all(line.isprintable() for line in text.splitlines())


def test_similar_tags_are_not_releases(clone: ProjectClone) -> None:
    for name in ("tiny-v", "tiny-vendor", "tiny-v9.9\u202e9", "tiny-v9;touch-owned", "other-v9.9.9", "xtiny-v9.9.9"):
        clone.git("tag", name)
    clone.git("push", "--quiet", "origin", "--tags")
    assert "the first release" in run_release(clone, is_dry_run=True)


def test_commands_in_hints_quote_branch_names(clone: ProjectClone) -> None:
    branch = "main;$(touch${IFS}owned)"
    git(clone.remote, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    git(clone.remote, "update-ref", f"refs/heads/{branch}", clone.commit)
    assert f"git switch '{branch}'" in only_problem(clone).hint


def test_plan_counts_commits_since_last_release(clone: ProjectClone) -> None:
    run_release(clone)
    clone.set_version("1.3.0rc1")
    clone.commit_all("feat: more")
    clone.git("commit", "--quiet", "--allow-empty", "--message", "fix: less")
    clone.git("push", "--quiet")
    assert f"2 commits, since {TAG}" in run_release(clone)


def test_lower_version_is_refused(clone: ProjectClone) -> None:
    clone.git("tag", "tiny-v1.3.0rc1")
    assert "tiny-v1.3.0rc1" in only_problem(clone).what


@pytest.mark.parametrize(("step", "left"), [(0, "in this clone"), (1, "on origin")])
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_interrupted_release_resumes(
    clone: ProjectClone,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    github: FakeWorkflowRepository,
    *,
    step: int,
    left: str,
    is_done: bool,
) -> None:
    """Interrupted before or after the tag (0) or the push (1)."""
    count = 0

    def interrupted(args: Sequence[str], *, cwd: Path) -> None:
        nonlocal count
        count += 1
        if count - 1 < step or is_done:
            processes.run(args, cwd=cwd)
        if count - 1 == step:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(release_module, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            release(clone.settings, api_of(clone, github), None, print, is_dry_run=False, is_watching=False)
    assert left in capsys.readouterr().out.splitlines()[-1]
    run_release(clone)
    again = run_release(clone)
    assert clone.remote_tags() == {TAG: clone.commit}
    assert git(clone.remote, "cat-file", "-t", f"refs/tags/{TAG}") == "tag"
    assert f"{TAG} is already on origin" in again
    assert "1 commit, the first release" in again


def test_rejected_push_is_retried_by_same_command(clone: ProjectClone) -> None:
    hook = clone.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    with pytest.raises(TagNotPushedError) as caught:
        run_release(clone)
    assert (caught.value.tag, caught.value.remote) == (TAG, "origin")
    assert clone.remote_tags() == {}
    hook.unlink()
    run_release(clone)
    assert clone.remote_tags() == {TAG: clone.commit}


def test_tag_pushed_meanwhile_is_not_overwritten(clone: ProjectClone, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = git(clone.remote, "commit-tree", "-m", "theirs", "main^{tree}")

    def overtaken(args: Sequence[str], *, cwd: Path) -> None:
        if args[1] == "push":
            git(clone.remote, "tag", TAG, theirs)
        processes.run(args, cwd=cwd)

    monkeypatch.setattr(release_module, "run", overtaken)
    with pytest.raises(TagNotPushedError):
        run_release(clone)
    assert clone.remote_tags() == {TAG: theirs}
    assert theirs[:7] in only_problem(clone).what


def test_planned_commit_is_tagged_even_if_head_moves(clone: ProjectClone, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = clone.commit

    def meanwhile(args: Sequence[str], *, cwd: Path) -> None:
        if args[1] == "tag":
            clone.commit_all("fix: too late", is_pushed=False)
        processes.run(args, cwd=cwd)

    monkeypatch.setattr(release_module, "run", meanwhile)
    run_release(clone)
    assert clone.commit != planned
    assert clone.remote_tags() == {TAG: planned}


def test_lightweight_tag_is_refused(clone: ProjectClone) -> None:
    clone.git("tag", TAG)
    assert f"git tag -d {TAG}" in only_problem(clone).hint


def test_local_tag_at_another_commit_is_refused(clone: ProjectClone) -> None:
    clone.git("tag", TAG)
    first = clone.commit
    clone.commit_all("fix: second")
    problem = only_problem(clone)
    assert first[:7] in problem.what
    assert f"git tag -d {TAG}" in problem.hint


def test_pushed_release_is_followed_from_dirty_clone(clone: ProjectClone) -> None:
    run_release(clone)
    clone.write("left-behind", "")
    clone.git("tag", "--delete", TAG)
    clone.git("switch", "--quiet", "--detach")
    assert f"{TAG} is already on origin" in run_release(clone)


def test_failed_signature_changes_nothing(clone: ProjectClone) -> None:
    clone.git("config", "tag.gpgSign", "true")
    clone.git("config", "gpg.program", "false")
    with pytest.raises(TagNotCreatedError):
        run_release(clone)
    assert (clone.git("tag", "--list"), clone.remote_tags()) == ("", {})


def test_actions_page_is_printed_without_gh(
    github_clone: ProjectClone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(programs))
    assert run_release(github_clone).endswith("workflow run: https://github.com/owner/tiny/actions\n")
    assert github_clone.remote_tags() == {TAG: github_clone.commit}


def test_run_of_the_tag_is_printed(clone: ProjectClone, github: FakeWorkflowRepository) -> None:
    github.add_tag_run(clone.commit, "main")
    github.add_run(clone.commit)
    run_release(clone)
    run_id = github.add_tag_run(clone.commit, TAG)
    github.add_tag_run(clone.commit, TAG, workflow="docs.yml")
    assert run_release(clone, api=api_of(clone, github)).endswith(f"workflow run: {RUNS}/{run_id}\n")


def test_watching_waits_for_the_run_and_follows_it(
    clone: ProjectClone, github: FakeWorkflowRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched: list[Sequence[str]] = []

    def watch(args: Sequence[str], **_: Any) -> None:
        watched.append(args)
        github.steps = [("completed", "success")]
        github.add_release(tag=TAG, is_draft=False)

    class ClockThatStartsRun(FakeClock):
        def sleep(self, seconds: float) -> None:
            super().sleep(seconds)
            if len(self.delays) == 3:
                run_ids.append(github.add_tag_run(clone.commit, TAG))

    run_ids: list[int] = []
    monkeypatch.setattr(runs, "run", watch)
    github.steps = [("in_progress", None)]
    # The tag was pushed before, deleted, and is pushed again at the same commit.
    github.add_tag_run(clone.commit, TAG, conclusion="success")
    printed = run_release(clone, is_watching=True, api=api_of(clone, github, ClockThatStartsRun()))
    [run_id] = run_ids
    assert f"workflow run: {RUNS}/{run_id}\n" in printed
    assert printed.endswith(f"published: https://github.com/{OWNER_AND_NAME}/releases/tag/{TAG}\n")
    assert watched == [["gh", "run", "watch", "--exit-status", str(run_id)]]


@pytest.mark.parametrize(
    ("status", "error"),
    [(("completed", "failure"), ReleaseRunFailedError), (("in_progress", None), WorkflowRunError)],
    ids=["failed", "unfinished"],
)
@pytest.mark.parametrize("gh_error", [ReportedError, KilledError])
def test_failed_run_differs_from_lost_connection(
    clone: ProjectClone,
    github: FakeWorkflowRepository,
    monkeypatch: pytest.MonkeyPatch,
    *,
    status: tuple[str, str | None],
    error: type[ReleaseError],
    gh_error: Callable[[Sequence[str], int], ReleaseError],
) -> None:
    def fail(args: Sequence[str], **_: Any) -> None:
        github.steps = [status]
        raise gh_error(args, 1)

    monkeypatch.setattr(runs, "run", fail)
    run_release(clone)
    github.steps = [("in_progress", None)]
    run_id = github.add_tag_run(clone.commit, TAG)
    with pytest.raises(error) as caught:
        run_release(clone, is_watching=True, api=api_of(clone, github))
    assert str(run_id) in caught.value.what


def test_finished_run_is_not_followed(
    clone: ProjectClone, github: FakeWorkflowRepository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "run", lambda *_, **__: pytest.fail("there is nothing to follow"))
    run_release(clone)
    github.add_tag_run(clone.commit, TAG)
    github.steps = [("completed", "success")]
    with pytest.raises(ReleaseNotPublicError):
        run_release(clone, is_watching=True, api=api_of(clone, github))
    github.add_release(tag=TAG, is_draft=False)
    run_release(clone, is_watching=True, api=api_of(clone, github))
    github.steps = [("completed", "cancelled")]
    with pytest.raises(ReleaseRunFailedError) as caught:
        run_release(clone, is_watching=True, api=api_of(clone, github))
    assert "cancelled" in caught.value.what


def test_run_that_never_starts_is_an_error(clone: ProjectClone, github: FakeWorkflowRepository) -> None:
    clock = FakeClock()
    with pytest.raises(RunNotStartedError) as caught:
        run_release(clone, is_watching=True, api=api_of(clone, github, clock))
    assert caught.value.tag == TAG
    assert sum(clock.delays) == runs.MAX_WAIT_SECONDS


def test_watching_without_login_is_refused_before_tagging(github_clone: ProjectClone) -> None:
    with pytest.raises(RequestError):
        run_release(github_clone, is_watching=True)
    assert github_clone.git("tag", "--list") == ""


def test_folder_without_git_is_an_error(clone: ProjectClone) -> None:
    shutil.rmtree(clone.root / ".git")
    with pytest.raises(NoCommitError):
        run_release(clone)
