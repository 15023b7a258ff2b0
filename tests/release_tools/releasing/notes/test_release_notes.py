"""The notes of a release, with the real git-cliff on real commits."""

import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from release_tools.archives import write_checksum
from release_tools.errors import ReleaseError, RequestError
from release_tools.releasing.notes.release_notes import preview_notes, release_notes
from release_tools.releasing.publish.release_files import ReleaseFile, gather_release_files
from release_tools.releasing.publish.release_text import BODY_LIMIT_BYTES
from tests.release_tools.releasing.clones import TAG, Workplace, git
from tests.release_tools.releasing.subjects import make_release_files
from tests.release_tools.reporting.records_of_builds import GOOD, write_json

pytestmark = pytest.mark.programs


@pytest.fixture
def files(tmp_path: Path) -> tuple[ReleaseFile, ...]:
    return gather_release_files("tiny", "1.2.3", make_release_files(tmp_path / "files"))


def notes_of(workplace: Workplace, tag: str = TAG) -> str:
    return release_notes(workplace.root, tag, [], [])


def sections(notes: str) -> dict[str, list[str]]:
    """The entries below each heading, without their commits."""
    found: dict[str, list[str]] = {}
    for line in notes.splitlines():
        if line.startswith("### "):
            entries = found.setdefault(line.removeprefix("### "), [])
        elif line.startswith("- "):
            entries.append(re.sub(r" \([^()]*\)$", "", line.removeprefix("- ")))
    return found


def test_commits_are_grouped_by_their_type_and_all_others_stand_last(workplace: Workplace) -> None:
    for subject in (
        "fix(core): mend",
        "FIX: shout",
        "perf: hurry",
        "docs: tell",
        "refactor: tidy",
        "ci: watch",
        "build(deps): lock",
        "chore: sweep",
        "test: doubt",
        "revert: mend",
        "wish: hope",
        "no type at all",
        "feature: not a type",
        "feat!: change all\n\nbody",
        "fix: rename\n\nBREAKING CHANGE: the option is gone",
    ):
        workplace.commit_all(subject, is_pushed=False)
    assert sections(notes_of(workplace)) == {
        "Breaking changes": ["rename: the option is gone", "change all"],
        "Features": ["greet"],
        "Fixes": ["shout", "**core:** mend"],
        "Performance": ["hurry"],
        "Reverts": ["mend"],
        "Documentation": ["tell"],
        "Refactoring": ["tidy"],
        "Build": ["**deps:** lock", "watch"],
        "Maintenance": ["doubt", "sweep"],
        "Other changes": ["not a type", "no type at all", "hope"],
    }


def test_merges_are_left_out_and_what_they_brought_is_in(workplace: Workplace) -> None:
    workplace.git("switch", "--quiet", "--create", "side")
    workplace.commit_all("fix: on the side", is_pushed=False)
    workplace.git("switch", "--quiet", "main")
    workplace.commit_all("fix: meanwhile", is_pushed=False)
    workplace.git("merge", "--quiet", "--no-ff", "-m", "feat: merge the side", "side")
    found = sections(notes_of(workplace))
    assert found["Features"] == ["greet"]
    # Commits of one second on two branches have no order.
    assert sorted(found["Fixes"]) == ["meanwhile", "on the side"]


def test_notes_begin_at_the_last_release_tag_that_is_reachable(workplace: Workplace) -> None:
    workplace.git("tag", "--annotate", "--message=old", "tiny-v1.0.0")
    workplace.commit_all("fix: second", is_pushed=False)
    workplace.git("switch", "--quiet", "--create", "elsewhere")
    workplace.commit_all("fix: elsewhere", is_pushed=False)
    workplace.git("tag", "tiny-v1.1.0")
    workplace.git("switch", "--quiet", "main")
    for name in ("tiny-vendor", "other-v9.0.0", "v9.0.0", "tiny-v9.0.0-to-do;"):
        workplace.git("tag", name)
    workplace.commit_all("fix: third", is_pushed=False)
    assert sections(notes_of(workplace)) == {"Fixes": ["third", "second"]}


def test_the_notes_of_a_tag_are_those_of_its_commit_whatever_is_checked_out(workplace: Workplace) -> None:
    workplace.git("tag", "tiny-v1.2.2")
    workplace.commit_all("fix: in it", is_pushed=False)
    workplace.git("tag", "--annotate", "--message=new", TAG)
    workplace.commit_all("fix: too late", is_pushed=False)
    assert sections(notes_of(workplace)) == {"Fixes": ["in it"]}
    workplace.git("checkout", "--quiet", "tiny-v1.2.2")
    assert sections(notes_of(workplace)) == {"Fixes": ["in it"]}


def test_the_same_commit_released_again_has_no_changes(workplace: Workplace) -> None:
    workplace.git("tag", "tiny-v1.2.2")
    assert notes_of(workplace) == "No changes.\n"


@pytest.mark.parametrize(
    "subject",
    [
        "feat: ![x](https://evil.example/x.png) <img src=x onerror=alert(1)> @octocat",
        "fix(</details><b>): [x](javascript:alert(1))",
        "``` no fence",
        "- no list",
        "feat: \x1b[31mred\x07 \u202e",
        "-n",
        "$(touch owned)",
        "{{ commit.id }} {% raw %}",
    ],
)
def test_a_hostile_subject_becomes_plain_text(workplace: Workplace, subject: str) -> None:
    message = workplace.root / ".git" / "message"
    message.write_text(subject, encoding="utf-8")
    workplace.git("commit", "--quiet", "--allow-empty", "--cleanup=verbatim", f"--file={message}")
    notes = notes_of(workplace)
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(notes)
    kinds = {child.type for token in tokens for child in token.children or []} | {token.type for token in tokens}
    assert kinds.isdisjoint({"html_block", "html_inline", "image", "link_open", "fence", "em_open", "s_open"})
    assert sum(token.type == "list_item_open" for token in tokens) == 2
    assert "@octocat" not in notes
    assert all(line.isprintable() for line in notes.splitlines())
    assert not list(workplace.root.glob("owned*"))


def test_a_message_that_is_empty_or_no_text_does_not_stop_the_notes(workplace: Workplace) -> None:
    workplace.git("commit", "--quiet", "--allow-empty", "--allow-empty-message", "--message", "")
    message = workplace.root / ".git" / "message"
    message.write_bytes(b"fix: raw \xff bytes")
    workplace.git("commit", "--quiet", "--allow-empty", f"--file={message}")
    found = sections(notes_of(workplace))
    assert found["Other changes"] == ["no message"]
    assert len(found["Fixes"]) == 1


def test_the_persons_own_settings_of_git_cliff_change_nothing(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = notes_of(workplace)
    monkeypatch.setenv("GIT_CLIFF_TAG", "v9")
    monkeypatch.setenv("GIT_CLIFF_SKIP_COMMIT", workplace.commit)
    monkeypatch.setenv("GIT_CLIFF_OUTPUT", str(workplace.root / "written"))
    workplace.write("cliff.toml", "[changelog]\nbody = 'mine'\n")
    assert notes_of(workplace) == expected
    assert not (workplace.root / "written").exists()


def test_very_many_changes_leave_room_for_the_rest(workplace: Workplace) -> None:
    count = 1200
    text = "feat: " + "日*" * 100
    header = "commit refs/heads/main\ncommitter T <t@example.org> 1800000000 +0000\n"
    body = f"data {len(text.encode())}\n{text}\n"
    stream = f"{header}{body}from {workplace.commit}\n" + f"{header}{body}" * (count - 1)
    subprocess.run(
        ["git", "fast-import", "--quiet", "--force"], cwd=workplace.root, input=stream, encoding="utf-8", check=True
    )
    notes = notes_of(workplace)
    assert len(notes.encode()) < BODY_LIMIT_BYTES * 3 / 4
    more = re.search(r"^And (\d+) more\.$", notes, re.MULTILINE)
    assert more is not None
    assert int(more[1]) + sum(line.startswith("- ") for line in notes.splitlines()) == count + 1


def test_with_files_the_notes_say_how_to_get_check_and_start_each(
    workplace: Workplace, files: tuple[ReleaseFile, ...]
) -> None:
    workplace.git("remote", "set-url", "origin", "https://token:secret@github.com/owner/tiny.git")
    workplace.git("tag", "tiny-v1.2.2", workplace.commit)
    workplace.commit_all("fix: more (#12)", is_pushed=False)
    notes = release_notes(workplace.root, TAG, files, [])
    page = f"https://github.com/owner/tiny/releases/download/{TAG}"
    for file in files[::2]:
        assert f"| {file.platform.name} | [`{file.name}`]({page}/{file.name}) | " in notes
        assert f" | `{file.sha256}` |\n" in notes
        assert f"<details><summary>{file.platform.name}</summary>" in notes
        assert f"curl{'.exe' if file.platform.os == 'windows' else ''} -fLO {page}/{file.name}.sha256" in notes
    assert notes.count("sha256sum -c ") == notes.count("shasum -a 256 -c ") == 2
    assert notes.count("xattr -d com.apple.quarantine tiny") == 2
    assert "(Get-FileHash tiny-v1.2.3-windows-amd64.zip -Algorithm SHA256)" in notes
    assert "certutil -hashfile tiny-v1.2.3-windows-amd64.zip SHA256" in notes
    assert f"([`{workplace.commit[:7]}`](https://github.com/owner/tiny/commit/{workplace.commit}))" in notes
    assert notes.endswith(f"**All changes**: https://github.com/owner/tiny/compare/tiny-v1.2.2...{TAG}\n")
    assert "secret" not in notes


def test_the_commands_for_linux_work_as_they_stand_in_the_notes(workplace: Workplace, tmp_path: Path) -> None:
    folder = make_release_files(tmp_path / "files")
    name = f"{TAG}-linux-amd64.tar.gz"
    program = tmp_path / "tiny"
    program.write_text("#!/bin/sh\necho tiny 1.2.3\n", encoding="utf-8")
    program.chmod(0o755)
    with tarfile.open(folder / name, "w:gz") as archive:
        archive.add(program, "tiny")
    write_checksum(folder / name)
    files = gather_release_files("tiny", "1.2.3", folder)
    notes = release_notes(workplace.root, TAG, files, [])
    section = notes.partition("<summary>linux-amd64</summary>")[2]
    block = section.partition("```sh\n")[2].partition("```")[0]
    shell = subprocess.run(["sh", "-ec", block], cwd=folder, capture_output=True, text=True, check=True)
    assert shell.stdout == f"{name}: OK\ntiny 1.2.3\n"


def test_without_an_address_on_a_server_there_are_no_links(
    workplace: Workplace, files: tuple[ReleaseFile, ...]
) -> None:
    notes = release_notes(workplace.root, TAG, files, [])
    assert "http" not in notes
    assert "sha256sum -c tiny-v1.2.3-linux-arm64.tar.gz.sha256" in notes


def test_a_first_release_links_to_all_its_commits(workplace: Workplace) -> None:
    workplace.git("remote", "set-url", "origin", "git@github.com:owner/tiny.git")
    assert notes_of(workplace).endswith(f"**All commits**: https://github.com/owner/tiny/commits/{TAG}\n")


def test_what_the_builds_measured_is_a_table(workplace: Workplace, tmp_path: Path) -> None:
    notes = release_notes(workplace.root, TAG, [], [write_json(tmp_path / "record.json", GOOD)])
    assert "## Builds\n\n| platform | version |" in notes


def test_a_shallow_clone_gives_no_notes_rather_than_wrong_ones(workplace: Workplace, tmp_path: Path) -> None:
    workplace.commit_all("fix: second")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{workplace.remote}", "shallow")
    with pytest.raises(ReleaseError, match=r"fetch-depth: 0"):
        release_notes(tmp_path / "shallow", TAG, [], [])


@pytest.mark.parametrize("tag", ["v1.2.3", "tiny-v", "-x", "tiny-v1](javascript:x)"])
def test_a_tag_of_something_else_has_no_notes(workplace: Workplace, tag: str) -> None:
    with pytest.raises(RequestError, match="is no tag of a release"):
        notes_of(workplace, tag)


def test_an_environment_without_git_cliff_says_how_to_get_it(
    workplace: Workplace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(ReleaseError, match="add git-cliff to the dependency group `release`"):
        notes_of(workplace)


def test_the_preview_takes_the_next_version_and_the_files_of_a_folder(workplace: Workplace, tmp_path: Path) -> None:
    assert "## Files" not in preview_notes(workplace.settings, None, None)
    folder = make_release_files(tmp_path / "files")
    assert "`tiny-v1.2.3-linux-amd64.tar.gz`" in preview_notes(workplace.settings, None, folder)
