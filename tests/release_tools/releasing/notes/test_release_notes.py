"""Release notes, with the real git-cliff on real commits."""

import dataclasses
import re
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from release_tools.archives import write_checksum
from release_tools.errors import MissingToolError, RequestError
from release_tools.releasing.errors import ShallowCloneError
from release_tools.releasing.notes.release_notes import preview_notes, release_notes
from release_tools.releasing.publish.release_body import BODY_LIMIT_BYTES
from release_tools.releasing.publish.release_files import ReleaseFile, gather_release_files
from release_tools.reporting.records import Proof, ProofLevel
from release_tools.reporting.report import records_table
from tests.release_tools.releasing.project_clone import TAG, ProjectClone
from tests.release_tools.releasing.sample_release import make_release_files
from tests.release_tools.reporting.sample_records import GOOD, record_of

pytestmark = pytest.mark.programs


@pytest.fixture
def files(tmp_path: Path) -> tuple[ReleaseFile, ...]:
    return gather_release_files("tiny", "1.2.3", make_release_files(tmp_path / "files"))


def notes_of(clone: ProjectClone, tag: str = TAG) -> str:
    return release_notes(clone.settings, tag, [], [])


def sections(notes: str) -> dict[str, list[str]]:
    """The entries under each heading, without the commit."""
    found: dict[str, list[str]] = {}
    for line in notes.splitlines():
        if line.startswith("### "):
            entries = found.setdefault(line.removeprefix("### "), [])
        elif line.startswith("- "):
            entries.append(re.sub(r" \([^()]*\)$", "", line.removeprefix("- ")))
    return found


def add_raw_commit(clone: ProjectClone, message: bytes, encoding: str = "") -> None:
    """A commit whose message isn't UTF-8, as old tools and `i18n.commitEncoding` write them."""
    person = "x <x@example.org> 1700000000 +0000"
    header = f"tree {clone.git('rev-parse', 'HEAD^{tree}')}\nparent {clone.commit}\n"
    header += f"author {person}\ncommitter {person}\n{f'encoding {encoding}' if encoding else ''}".rstrip() + "\n\n"
    command = ["git", "hash-object", "-t", "commit", "-w", "--stdin"]
    made = subprocess.run(command, cwd=clone.root, input=header.encode() + message, capture_output=True, check=True)
    clone.git("reset", "--quiet", "--hard", made.stdout.decode().strip())


def test_commits_in_other_encodings_keep_their_messages(clone: ProjectClone) -> None:
    add_raw_commit(clone, b"fix(core): gr\xfc\xdfe\n", "ISO-8859-1")
    add_raw_commit(clone, b"feat!: raw \xfc\n")
    add_raw_commit(clone, b"\xfc without a type\n", "ISO-8859-1")
    assert sections(notes_of(clone)) == {
        "Breaking changes": [r"raw \\xfc"],
        "Features": ["greet"],
        "Fixes": ["**core:** grüße"],
        "Other changes": ["ü without a type"],
    }


def test_commits_are_grouped_by_type(clone: ProjectClone) -> None:
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
        clone.commit_all(subject, is_pushed=False)
    assert sections(notes_of(clone)) == {
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


def test_merged_commits_are_listed_without_the_merge(clone: ProjectClone) -> None:
    clone.git("switch", "--quiet", "--create", "side")
    clone.commit_all("fix: on the side", is_pushed=False)
    clone.git("switch", "--quiet", "main")
    clone.commit_all("fix: meanwhile", is_pushed=False)
    clone.git("merge", "--quiet", "--no-ff", "-m", "feat: merge the side", "side")
    found = sections(notes_of(clone))
    assert found["Features"] == ["greet"]
    # Commits of the same second on two branches have no order.
    assert sorted(found["Fixes"]) == ["meanwhile", "on the side"]


def test_notes_start_at_last_reachable_release_tag(clone: ProjectClone) -> None:
    clone.git("tag", "--annotate", "--message=old", "tiny-v1.0.0")
    clone.commit_all("fix: second", is_pushed=False)
    clone.git("switch", "--quiet", "--create", "elsewhere")
    clone.commit_all("fix: elsewhere", is_pushed=False)
    clone.git("tag", "tiny-v1.1.0")
    clone.git("switch", "--quiet", "main")
    for name in ("tiny-vendor", "other-v9.0.0", "v9.0.0", "tiny-v9.0.0-to-do;"):
        clone.git("tag", name)
    clone.commit_all("fix: third", is_pushed=False)
    assert sections(notes_of(clone)) == {"Fixes": ["third", "second"]}


def test_notes_are_of_the_tag_not_of_head(clone: ProjectClone) -> None:
    clone.git("tag", "tiny-v1.2.2")
    clone.commit_all("fix: in it", is_pushed=False)
    clone.git("tag", "--annotate", "--message=new", TAG)
    clone.commit_all("fix: too late", is_pushed=False)
    assert sections(notes_of(clone)) == {"Fixes": ["in it"]}
    clone.git("checkout", "--quiet", "tiny-v1.2.2")
    assert sections(notes_of(clone)) == {"Fixes": ["in it"]}


def test_same_commit_released_again_has_no_changes(clone: ProjectClone) -> None:
    clone.git("tag", "tiny-v1.2.2")
    assert notes_of(clone).partition("\n")[0] == "No changes."


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
def test_hostile_subject_becomes_plain_text(clone: ProjectClone, subject: str) -> None:
    message = clone.root / ".git" / "message"
    message.write_text(subject, encoding="utf-8")
    clone.git("commit", "--quiet", "--allow-empty", "--cleanup=verbatim", f"--file={message}")
    notes = notes_of(clone)
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(notes)
    kinds = {child.type for token in tokens for child in token.children or []} | {token.type for token in tokens}
    assert kinds.isdisjoint({"html_block", "html_inline", "image", "link_open", "fence", "em_open", "s_open"})
    assert sum(token.type == "list_item_open" for token in tokens) == 2
    assert "@octocat" not in notes
    assert all(line.isprintable() for line in notes.splitlines())
    assert not list(clone.root.glob("owned*"))


def test_empty_and_binary_messages_are_listed(clone: ProjectClone) -> None:
    clone.git("commit", "--quiet", "--allow-empty", "--allow-empty-message", "--message", "")
    message = clone.root / ".git" / "message"
    message.write_bytes(b"fix: raw \xff bytes")
    clone.git("commit", "--quiet", "--allow-empty", f"--file={message}")
    found = sections(notes_of(clone))
    assert found["Other changes"] == ["no message"]
    assert len(found["Fixes"]) == 1


def test_user_settings_of_git_cliff_are_ignored(clone: ProjectClone, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = notes_of(clone)
    monkeypatch.setenv("GIT_CLIFF_TAG", "v9")
    monkeypatch.setenv("GIT_CLIFF_SKIP_COMMIT", clone.commit)
    monkeypatch.setenv("GIT_CLIFF_OUTPUT", str(clone.root / "written"))
    clone.write("cliff.toml", "[changelog]\nbody = 'mine'\n")
    assert notes_of(clone) == expected
    assert not (clone.root / "written").exists()


def test_many_changes_are_cut_to_size_limit(clone: ProjectClone) -> None:
    count = 1200
    text = "feat: " + "日*" * 100
    header = "commit refs/heads/main\ncommitter T <t@example.org> 1800000000 +0000\n"
    body = f"data {len(text.encode())}\n{text}\n"
    stream = f"{header}{body}from {clone.commit}\n" + f"{header}{body}" * (count - 1)
    subprocess.run(
        ["git", "fast-import", "--quiet", "--force"], cwd=clone.root, input=stream, encoding="utf-8", check=True
    )
    notes = notes_of(clone)
    assert len(notes.encode()) < BODY_LIMIT_BYTES * 3 / 4
    more = re.search(r"^And (\d+) more\.$", notes, re.MULTILINE)
    assert more is not None
    assert int(more[1]) + sum(line.startswith("- ") for line in notes.splitlines()) == count + 1


def test_notes_link_files_digests_and_install_commands(clone: ProjectClone, files: tuple[ReleaseFile, ...]) -> None:
    clone.git("remote", "set-url", "origin", "https://token:secret@github.com/owner/tiny.git")
    clone.git("tag", "tiny-v1.2.2", clone.commit)
    clone.commit_all("fix: more (#12)", is_pushed=False)
    notes = release_notes(clone.settings, TAG, files, [])
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
    assert f"([`{clone.commit[:7]}`](https://github.com/owner/tiny/commit/{clone.commit}))" in notes
    assert notes.endswith(f"**All changes**: https://github.com/owner/tiny/compare/tiny-v1.2.2...{TAG}\n")
    assert "secret" not in notes


def test_install_commands_for_linux_run(clone: ProjectClone, tmp_path: Path) -> None:
    folder = make_release_files(tmp_path / "files")
    name = f"{TAG}-linux-amd64.tar.gz"
    program = tmp_path / "tiny"
    program.write_text("#!/bin/sh\necho tiny 1.2.3\n", encoding="utf-8")
    program.chmod(0o755)
    with tarfile.open(folder / name, "w:gz") as archive:
        archive.add(program, "tiny")
    write_checksum(folder / name)
    files = gather_release_files("tiny", "1.2.3", folder)
    notes = release_notes(clone.settings, TAG, files, [])
    section = notes.partition("<summary>linux-amd64</summary>")[2]
    block = section.partition("```sh\n")[2].partition("```")[0]
    shell = subprocess.run(["sh", "-ec", block], cwd=folder, capture_output=True, text=True, check=True)
    assert shell.stdout == f"{name}: OK\ntiny 1.2.3\n"


def test_local_remote_gives_no_links(clone: ProjectClone, files: tuple[ReleaseFile, ...]) -> None:
    notes = release_notes(clone.settings, TAG, files, [])
    assert "http" not in notes
    assert "sha256sum -c tiny-v1.2.3-linux-arm64.tar.gz.sha256" in notes


def test_first_release_links_all_commits(clone: ProjectClone) -> None:
    clone.git("remote", "set-url", "origin", "git@github.com:owner/tiny.git")
    assert notes_of(clone).endswith(f"**All commits**: https://github.com/owner/tiny/commits/{TAG}\n")


def test_build_records_become_a_table(clone: ProjectClone) -> None:
    notes = release_notes(clone.settings, TAG, [], [GOOD])
    assert f"## Builds\n\n{records_table([GOOD])}" in notes


@pytest.mark.parametrize(
    ("levels", "lines"),
    [
        (["tests", "tests"], ["The app's own tests passed on the binary."]),
        (["commands", "commands"], ["No test of the app ran on the binary, only `--help` and `run fast`."]),
        (["start", "start"], ["No test of the app ran on the binary, only `--version`."]),
        (
            ["tests", "start"],
            [
                "- linux-amd64: The app's own tests passed on the binary.",
                "- darwin-arm64: No test of the app ran on the binary, only `--version`.",
            ],
        ),
        ([None, None], ["No test of the app ran on the binary, only `--help` and `run fast`."]),
    ],
)
def test_notes_say_what_was_tried(clone: ProjectClone, levels: list[ProofLevel | None], lines: list[str]) -> None:
    settings = dataclasses.replace(clone.settings, smoke_commands=(("--help",), ("run", "fast")))
    records = [
        record_of(platform, "1.2.3", proof=Proof(level=level, text="") if level else None)
        for platform, level in zip(("linux-amd64", "darwin-arm64"), levels, strict=True)
    ]
    notes = release_notes(settings, TAG, [], records).splitlines()
    assert [line for line in notes if "on the binary" in line] == lines


def test_notes_without_records_do_not_claim_that_tests_ran(clone: ProjectClone) -> None:
    settings = dataclasses.replace(clone.settings, test_suite=clone.settings.root / "tests")
    assert "on the binary" not in release_notes(settings, TAG, [], [])


def test_shallow_clone_is_refused(shallow_clone: ProjectClone) -> None:
    with pytest.raises(ShallowCloneError):
        notes_of(shallow_clone)


@pytest.mark.parametrize("tag", ["v1.2.3", "tiny-v", "-x", "tiny-v1](javascript:x)"])
def test_other_tag_is_refused(clone: ProjectClone, tag: str) -> None:
    with pytest.raises(RequestError):
        notes_of(clone, tag)


def test_missing_git_cliff_is_an_error(clone: ProjectClone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(MissingToolError):
        notes_of(clone)


def test_preview_uses_next_version_and_folder(clone: ProjectClone, tmp_path: Path) -> None:
    assert "## Files" not in preview_notes(clone.settings, None, None)
    folder = make_release_files(tmp_path / "files")
    assert "`tiny-v1.2.3-linux-amd64.tar.gz`" in preview_notes(clone.settings, None, folder)
