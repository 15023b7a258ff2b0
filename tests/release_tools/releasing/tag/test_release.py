"""A release from its plan to the pushed tag, with the real git and a real remote."""

import io
import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from release_tools.errors import KilledError, ReleaseError, ReportedError, RequestError
from release_tools.processes import run as commands
from release_tools.processes.run import Finished
from release_tools.releasing.errors import (
    NoRunError,
    ReleaseRunFailedError,
    RemoteRunError,
    TagNotMadeError,
    TagNotPushedError,
)
from release_tools.releasing.github import remote_builds
from release_tools.releasing.github.requests import Requests
from release_tools.releasing.tag import tagging
from release_tools.releasing.tag.release import release
from tests.release_tools.releasing.clones import TAG, Workplace, git

pytestmark = pytest.mark.programs


@pytest.fixture
def on_github(workplace: Workplace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """The same, with a remote on GitHub, to which a stand-in for ssh leads."""
    ssh = tmp_path / "ssh"
    ssh.write_text(f"#!/bin/sh\nfor last; do :; done\nexec ${{last%% *}} {workplace.remote}\n", encoding="utf-8")
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH_COMMAND", str(ssh))
    workplace.git("remote", "set-url", "origin", "git@github.com:owner/tiny.git")
    return workplace


def run_release(
    workplace: Workplace,
    tag: str | None = None,
    *,
    is_dry_run: bool = False,
    is_watching: bool = False,
    requests: Requests | None = None,
) -> str:
    """What the command prints; its failures are raised."""
    output = io.StringIO()
    release(
        workplace.settings,
        tag,
        is_dry_run=is_dry_run,
        is_watching=is_watching,
        console=Console(file=output, width=120),
        requests=requests or Requests(workplace.root, say=lambda _: None),
        sleep=lambda _: None,
    )
    return output.getvalue()


def refusal(workplace: Workplace, tag: str | None = None) -> str:
    """The text of the refusal, after which nothing may have changed."""
    before = workplace.fingerprint()
    with pytest.raises(RequestError) as caught:
        run_release(workplace, tag)
    assert workplace.fingerprint() == before
    return str(caught.value)


def test_a_dry_run_in_a_clean_clone_prints_the_plan_and_changes_nothing(workplace: Workplace, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(workplace.remote), "fresh")
    fresh = Workplace(tmp_path / "fresh", workplace.remote)
    before = fresh.fingerprint()
    plan = run_release(fresh, is_dry_run=True)
    assert fresh.fingerprint() == before
    assert plan.startswith(f"release {TAG}\n")
    assert f"commit  {fresh.commit[:7]} feat: greet" in plan
    assert "changes 1 commit, the first release" in plan
    assert "tiny-v1.2.3-windows-amd64.zip and its .sha256" in plan
    assert f"1. git tag --annotate {TAG} {fresh.commit[:7]}\n  2. git push origin refs/tags/{TAG}\n" in plan
    assert plan.endswith("dry run: nothing was changed\n")


def test_the_plan_of_a_dirty_clone_does_not_even_touch_gits_index(workplace: Workplace) -> None:
    os.utime(workplace.root / "LICENSE", (1, 1))
    before = workplace.fingerprint()
    run_release(workplace, is_dry_run=True)
    assert workplace.fingerprint() == before


def test_the_tag_is_annotated_and_alone_arrives_at_the_remote(workplace: Workplace) -> None:
    workplace.git("config", "push.followTags", "true")
    workplace.git("tag", "--annotate", "--message=mine", "another")
    workplace.commit_all("fix: not to be pushed with the tag", is_pushed=False)
    workplace.git("push", "--quiet", "--no-follow-tags", "origin", "main")
    printed = run_release(workplace)
    assert workplace.tags_there() == {TAG: workplace.commit}
    assert git(workplace.remote, "cat-file", "-t", f"refs/tags/{TAG}") == "tag"
    assert "tiny 1.2.3" in workplace.git("tag", "--list", "-n1", TAG)
    assert f"pushing {TAG} to origin" in printed


def test_eight_faults_are_all_named_at_once_and_nothing_is_changed(workplace: Workplace) -> None:
    workplace.git("tag", TAG)
    workplace.git("tag", "tiny-v1.3.0")
    workplace.git("push", "--quiet", "origin", "--tags")
    workplace.git("tag", "--delete", TAG)
    workplace.write("CHANGELOG.md", "# Changelog\n\n## [Unreleased]\n\n### Added\n")
    files = '[{file = "native-2.0-cp313-cp313-win_amd64.whl", hash = "sha256:1"}]'
    workplace.write_lock(f'[[package]]\nname = "native"\nversion = "2.0"\nfiles = {files}\n')
    text = (workplace.root / "pyproject.toml").read_text(encoding="utf-8")
    workplace.write("pyproject.toml", text.replace("dependencies = []", 'dependencies = ["native"]'))
    workplace.commit_all("feat: depend on something", is_pushed=False)
    workplace.write("left-behind", "")
    message = refusal(workplace)
    for part in (
        f"the tag {TAG} is taken on the remote",
        "version 1.2.3 is not higher than 1.3.0 of the release tag tiny-v1.3.0",
        "the folder has uncommitted changes: left-behind",
        "1 commit is not pushed to origin/main",
        "poetry.lock is stale",
        "native 2.0 has no wheel for linux-amd64",
        "native 2.0 has no wheel for darwin-arm64",
        "the section Unreleased of CHANGELOG.md is empty",
    ):
        assert part in message
    assert message.startswith(f"error: cannot release {TAG}: 10 problems")
    assert message.count("hint:") == 10


def test_a_commit_that_only_the_remote_has_is_a_reason_to_refuse(workplace: Workplace, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", str(workplace.remote), "colleague")
    colleague = Workplace(tmp_path / "colleague", workplace.remote)
    sha = colleague.commit_all("feat: another")
    assert f"origin/main stands at {sha[:7]}, a commit that this clone does not have\nhint: git pull" in refusal(
        workplace
    )
    workplace.git("fetch", "--quiet")
    assert "1 commit is on origin/main only" in refusal(workplace)


def test_a_detached_head_another_branch_and_a_branch_that_was_never_pushed_are_refused(workplace: Workplace) -> None:
    workplace.git("switch", "--quiet", "--detach")
    assert "HEAD is detached" in refusal(workplace)
    workplace.git("switch", "--quiet", "--create", "feature")
    assert "the branch is feature, and releases are made from main" in refusal(workplace)
    git(workplace.remote, "symbolic-ref", "HEAD", "refs/heads/nowhere")
    assert "the branch feature was never pushed\nhint: git push -u origin feature" in refusal(workplace)


def test_a_shallow_clone_is_refused_with_the_command_that_completes_it(workplace: Workplace, tmp_path: Path) -> None:
    workplace.commit_all("fix: second")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{workplace.remote}", "shallow")
    message = refusal(Workplace(tmp_path / "shallow", workplace.remote))
    assert "the clone is shallow" in message
    assert "git fetch --unshallow --tags" in message


def test_no_remote_and_one_that_does_not_answer_are_refused(workplace: Workplace) -> None:
    workplace.git("remote", "set-url", "origin", str(workplace.root / "nowhere"))
    assert "the remote origin does not answer: fatal: '" in refusal(workplace)
    workplace.git("remote", "remove", "origin")
    assert "this clone has no remote to push a tag to" in refusal(workplace)


def test_a_person_without_a_name_is_told_before_the_tag_would_fail(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    workplace.git("config", "user.useConfigOnly", "true")
    for name in ("GIT_COMMITTER_NAME", "GIT_COMMITTER_EMAIL"):
        monkeypatch.delenv(name)
    assert "git does not know in whose name to make the tag" in refusal(workplace)


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
def test_a_tag_that_the_version_does_not_call_for_is_refused_and_no_terminal_obeys_it(
    workplace: Workplace, tag: str
) -> None:
    message = refusal(workplace, tag)
    assert f"is not '{TAG}', which the version in pyproject.toml calls for" in message
    assert all(line.isprintable() for line in message.splitlines())
    assert workplace.git("tag", "--list") == ""


def test_a_version_that_no_tag_can_carry_is_refused(workplace: Workplace) -> None:
    # An epoch is well-formed; what is no version at all is refused where the settings are read.
    workplace.set_version("1!2.0")
    assert "in pyproject.toml cannot be the version of a tag" in refusal(workplace)


def test_a_hostile_subject_and_file_name_reach_the_terminal_without_their_control_characters(
    workplace: Workplace,
) -> None:
    workplace.commit_all("feat: \x1b]0;owned\x07\u202e red")
    plan = run_release(workplace, is_dry_run=True)
    assert "feat: �]0;owned�� red" in plan
    assert all(line.isprintable() for line in plan.splitlines())
    workplace.write("\x1b[31mname", "")
    assert "�[31mname" in refusal(workplace)


def test_hostile_tags_of_the_remote_are_no_releases(workplace: Workplace) -> None:
    for name in ("tiny-v", "tiny-vendor", "tiny-v9.9\u202e9", "tiny-v9;touch-owned", "other-v9.9.9", "xtiny-v9.9.9"):
        workplace.git("tag", name)
    workplace.git("push", "--quiet", "origin", "--tags")
    assert "the first release" in run_release(workplace, is_dry_run=True)


def test_a_hint_to_paste_holds_no_command_of_somebody_else(workplace: Workplace) -> None:
    git(workplace.remote, "symbolic-ref", "HEAD", "refs/heads/main;$(touch${IFS}owned)")
    git(workplace.remote, "update-ref", "refs/heads/main;$(touch${IFS}owned)", workplace.commit)
    assert "git switch 'main;$(touch${IFS}owned)'" in refusal(workplace)


def test_a_second_release_counts_the_commits_since_the_first(workplace: Workplace) -> None:
    run_release(workplace)
    workplace.set_version("1.3.0rc1")
    workplace.commit_all("feat: more")
    workplace.git("commit", "--quiet", "--allow-empty", "--message", "fix: less")
    workplace.git("push", "--quiet")
    assert f"changes 2 commits, since {TAG}" in run_release(workplace)
    workplace.set_version("1.3.0b1")
    workplace.commit_all("fix: the wrong way round")
    assert "version 1.3.0b1 is not higher than 1.3.0rc1 of the release tag tiny-v1.3.0rc1" in refusal(workplace)


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("is_done", [False, True], ids=["before", "after"])
def test_after_an_interruption_anywhere_the_same_command_finishes(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, step: int, is_done: bool
) -> None:
    """Ended before or after the tag (0) or the push (1)."""
    count = 0

    def interrupted(args: Sequence[str], *, cwd: Path) -> None:
        nonlocal count
        count += 1
        if count - 1 < step or is_done:
            commands.run(args, cwd=cwd)
        if count - 1 == step:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(tagging, "run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            run_release(workplace)
    run_release(workplace)
    again = run_release(workplace)
    assert workplace.tags_there() == {TAG: workplace.commit}
    assert git(workplace.remote, "cat-file", "-t", f"refs/tags/{TAG}") == "tag"
    assert f"{TAG} is on origin already" in again
    assert "changes 1 commit, the first release" in again


def test_a_push_that_the_remote_rejects_leaves_the_tag_here_and_the_next_try_pushes_it(workplace: Workplace) -> None:
    hook = workplace.remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n", encoding="utf-8")
    hook.chmod(0o755)
    with pytest.raises(TagNotPushedError, match="run the same command again, which only pushes"):
        run_release(workplace)
    assert workplace.tags_there() == {}
    hook.unlink()
    assert f"the tag {TAG} is made already" in run_release(workplace)
    assert workplace.tags_there() == {TAG: workplace.commit}


def test_a_tag_that_somebody_else_pushes_meanwhile_is_not_overwritten(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = git(workplace.remote, "commit-tree", "-m", "theirs", "main^{tree}")

    def overtaken(args: Sequence[str], *, cwd: Path) -> None:
        if args[1] == "push":
            git(workplace.remote, "tag", TAG, theirs)
        commands.run(args, cwd=cwd)

    monkeypatch.setattr(tagging, "run", overtaken)
    with pytest.raises(TagNotPushedError):
        run_release(workplace)
    assert workplace.tags_there() == {TAG: theirs}
    assert f"the tag {TAG} is taken on the remote: it stands at {theirs[:7]}" in refusal(workplace)


def test_a_commit_that_is_made_after_the_plan_is_not_tagged(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned = workplace.commit

    def meanwhile(args: Sequence[str], *, cwd: Path) -> None:
        if args[1] == "tag":
            workplace.commit_all("fix: too late", is_pushed=False)
        commands.run(args, cwd=cwd)

    monkeypatch.setattr(tagging, "run", meanwhile)
    run_release(workplace)
    assert workplace.commit != planned
    assert workplace.tags_there() == {TAG: planned}


def test_a_tag_at_another_commit_or_a_lightweight_one_in_the_clone_is_refused(workplace: Workplace) -> None:
    workplace.git("tag", TAG)
    assert "lightweight one, without a date and a name\nhint: take it away" in refusal(workplace)
    first = workplace.commit
    workplace.commit_all("fix: second")
    assert f"taken in this clone: it stands at {first[:7]}" in refusal(workplace)
    assert f"git tag -d {TAG}" in refusal(workplace)


def test_a_pushed_tag_can_be_looked_after_from_a_folder_that_has_changed_since(workplace: Workplace) -> None:
    run_release(workplace)
    workplace.write("left-behind", "")
    workplace.git("tag", "--delete", TAG)
    workplace.git("switch", "--quiet", "--detach")
    assert f"{TAG} is on origin already" in run_release(workplace)


def test_a_tag_that_git_cannot_make_changes_nothing(workplace: Workplace) -> None:
    workplace.git("config", "tag.gpgSign", "true")
    workplace.git("config", "gpg.program", "false")
    with pytest.raises(TagNotMadeError):
        run_release(workplace)
    assert (workplace.git("tag", "--list"), workplace.tags_there()) == ("", {})


def test_with_gh_absent_the_actions_page_is_printed_after_the_push(
    on_github: Workplace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "git").symlink_to(str(shutil.which("git")))
    monkeypatch.setenv("PATH", str(programs))
    printed = run_release(on_github)
    assert "the run cannot be looked up: the program 'gh' was not found on the PATH" in printed
    assert "the run: https://github.com/owner/tiny/actions" in printed


def test_with_gh_not_signed_in_the_actions_page_is_printed_after_the_push(on_github: Workplace) -> None:
    printed = run_release(on_github)
    assert "gh is not signed in to GitHub" in printed
    assert "the run: https://github.com/owner/tiny/actions" in printed
    assert on_github.tags_there() == {TAG: on_github.commit}


def answering(entries: Callable[[int], list[dict[str, Any]]]) -> Callable[..., Finished]:
    """A gh that lists these runs; it is asked with the number of the request, from 1 on."""
    count = 0

    def start(args: Sequence[str], **_: Any) -> Finished:
        nonlocal count
        count += 1
        runs = entries(count)
        text = json.dumps({"workflow_runs": runs} if "?" in args[5] else runs[0])
        return Finished(args=tuple(args), code=0, stdout=f"HTTP/2.0 200 OK\n\n{text}", stderr="", seconds=0.0)

    return start


def entry(number: int, status: str = "in_progress", conclusion: str | None = None, **changes: object) -> dict[str, Any]:
    address = f"https://github.com/owner/tiny/actions/runs/{number}"
    fields = {"id": number, "html_url": address, "status": status, "conclusion": conclusion, "head_sha": "1a2b3c4"}
    return {**fields, "path": ".github/workflows/build.yml", "head_branch": TAG, "event": "push", **changes}


ENDED = ("completed", "success")


def requests_of(workplace: Workplace, entries: Callable[[int], list[dict[str, Any]]]) -> Requests:
    return Requests(workplace.root, start=answering(entries), say=lambda _: None)


def test_the_run_of_the_tag_is_told_from_those_of_the_branch(workplace: Workplace) -> None:
    others = [entry(1, head_branch="main"), entry(2, event="workflow_dispatch"), entry(3), entry(4)]
    assert "the run: https://github.com/owner/tiny/actions/runs/3\n" in run_release(
        workplace, requests=requests_of(workplace, lambda _: others)
    )


def test_watching_waits_for_the_run_and_follows_it_to_its_end(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[Sequence[str]] = []
    monkeypatch.setattr(remote_builds, "run", lambda args, **_: started.append(args))
    requests = requests_of(workplace, lambda number: [entry(7, *(ENDED if started else ()))] if number > 4 else [])
    printed = run_release(workplace, is_watching=True, requests=requests)
    assert started == [["gh", "run", "watch", "--exit-status", "7"]]
    assert printed.endswith("the run: https://github.com/owner/tiny/actions/runs/7\nthe run has succeeded\n")


@pytest.mark.parametrize(
    ("after", "error"),
    [(entry(7, "completed", "failure"), ReleaseRunFailedError), (entry(7), RemoteRunError)],
    ids=["failed", "lost"],
)
@pytest.mark.parametrize("gh_ends", [ReportedError, KilledError])
def test_a_run_that_fails_is_told_from_one_that_gh_lost(
    workplace: Workplace,
    monkeypatch: pytest.MonkeyPatch,
    after: dict[str, Any],
    error: type[ReleaseError],
    gh_ends: Callable[[Sequence[str], int], ReleaseError],
) -> None:
    def fail(args: Sequence[str], **_: Any) -> None:
        raise gh_ends(args, 1)

    monkeypatch.setattr(remote_builds, "run", fail)
    requests = requests_of(workplace, lambda number: [entry(7)] if number < 3 else [after])
    with pytest.raises(error, match=r"run 7 on GitHub: gh could not follow it|actions/runs/7 failed"):
        run_release(workplace, is_watching=True, requests=requests)


def test_a_run_that_has_ended_already_is_not_followed_again(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote_builds, "run", lambda *_, **__: pytest.fail("there is nothing to follow"))
    finished = requests_of(workplace, lambda _: [entry(7, "completed", "success")])
    assert "the run has succeeded" in run_release(workplace, is_watching=True, requests=finished)
    failed = requests_of(workplace, lambda _: [entry(7, "completed", "cancelled")])
    with pytest.raises(ReleaseRunFailedError, match="gh run rerun 7 --failed"):
        run_release(workplace, is_watching=True, requests=failed)


def test_a_run_that_never_comes_is_an_error_after_a_while(workplace: Workplace) -> None:
    with pytest.raises(NoRunError, match=f"115 s after the push GitHub shows no run for {TAG}"):
        run_release(workplace, is_watching=True, requests=requests_of(workplace, lambda _: []))


def test_watching_without_a_way_to_is_refused_before_the_tag_is_made(on_github: Workplace) -> None:
    with pytest.raises(RequestError, match="--watch cannot follow the run: gh is not signed in to GitHub"):
        run_release(on_github, is_watching=True)
    assert on_github.git("tag", "--list") == ""


def test_outside_a_checkout_there_is_nothing_to_release(workplace: Workplace) -> None:
    shutil.rmtree(workplace.root / ".git")
    with pytest.raises(ReleaseError, match="is not a git checkout with a commit"):
        run_release(workplace)
