"""`invoke publish` with real git, and its process killed during an upload."""

import re
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from release_tools.archives import checksum_path
from release_tools.processes.run import Finished, changed_environment, observe, started
from release_tools.releasing.errors import PublishError
from release_tools.releasing.publish.publish_release import publish_release
from release_tools.releasing.publish.release_body import read_marker
from release_tools.releasing.publish.release_files import expected_archives
from tests.release_tools.releasing.fake_github import OWNER_AND_NAME, FakeRepository, fake_gh
from tests.release_tools.releasing.project_clone import ProjectClone
from tests.release_tools.releasing.publishers import Publisher, is_fully_published
from tests.release_tools.releasing.sample_release import EXECUTABLE, TAG, VERSION, make_release_files, write_record

pytestmark = pytest.mark.programs


@pytest.fixture
def tagged(clone: ProjectClone, repository: FakeRepository) -> ProjectClone:
    """The project with its tag, in the clone and on GitHub, and its ten files in `dist/`."""
    clone.git("tag", "--annotate", "--message", "x", TAG)
    repository.tags[TAG] = clone.commit
    make_release_files(clone.root / "dist")
    return clone


def publish(clone: ProjectClone, repository: FakeRepository, tag: str = TAG, *, is_dry_run: bool = False) -> list[str]:
    said: list[str] = []
    folder = clone.root / "dist"
    github = Publisher(folder=folder, start=fake_gh(repository)).github
    publish_release(clone.settings, github, tag, folder, said.append, is_dry_run=is_dry_run)
    return said


def test_ten_files_are_published_with_notes(tagged: ProjectClone, repository: FakeRepository) -> None:
    said = publish(tagged, repository)
    assert is_fully_published(repository, TAG)
    assert said[-1].endswith(f" https://github.com/{OWNER_AND_NAME}/releases/tag/{TAG}")
    body = repository.published[0]["body"]
    marker = read_marker(body)
    assert marker is not None
    assert (marker.tag, marker.commit) == (TAG, tagged.commit)
    assert "greet" in body.lower()


def test_dry_run_prints_plan_and_changes_nothing(tagged: ProjectClone, repository: FakeRepository) -> None:
    before = tagged.fingerprint()
    said = publish(tagged, repository, is_dry_run=True)
    assert (tagged.fingerprint(), repository.changes) == (before, [])
    assert len(said) == 1 + 13 + 1
    publish(tagged, repository)
    assert len(publish(tagged, repository, is_dry_run=True)) == 3


def test_draft_is_complete_and_not_public(tagged: ProjectClone, repository: FakeRepository) -> None:
    said: list[str] = []
    folder = tagged.root / "dist"
    github = Publisher(folder=folder, start=fake_gh(repository)).github
    publish_release(tagged.settings, github, TAG, folder, said.append, is_dry_run=False, is_draft=True)
    [draft] = repository.drafts
    assert (repository.published, len(draft["assets"])) == ([], 10)
    assert "not public" in said[-1]
    publish(tagged, repository)
    assert is_fully_published(repository, TAG)
    assert len([line for line in repository.changes if line.startswith("POST")]) == 11


@pytest.mark.parametrize(
    ("request_pattern", "left"),
    [("GET", "nothing was changed"), ("POST .*linux-amd64", "isn't public"), ("PATCH", "may be public")],
)
def test_interrupted_publisher_says_what_is_left(
    tagged: ProjectClone, repository: FakeRepository, request_pattern: str, left: str
) -> None:
    answer = fake_gh(repository)

    def start(args: Sequence[str], **options: object) -> Finished:
        if re.match(request_pattern, " ".join(args[args.index("--method") + 1 :])):
            raise KeyboardInterrupt
        return answer(args, **options)

    said: list[str] = []
    folder = tagged.root / "dist"
    github = Publisher(folder=folder, start=start).github
    with pytest.raises(KeyboardInterrupt):
        publish_release(tagged.settings, github, TAG, folder, said.append, is_dry_run=False)
    assert said[-1].startswith("interrupted")
    assert left in said[-1]


def test_all_local_problems_are_reported_together(clone: ProjectClone, repository: FakeRepository) -> None:
    first, second, *_ = expected_archives(EXECUTABLE, VERSION)
    dist = make_release_files(clone.root / "dist")
    (dist / first).unlink()
    checksum_path(dist / second).unlink()
    (dist / "extra.txt").touch()
    with pytest.raises(PublishError) as caught:
        publish(clone, repository)
    subjects = ["tag", first, f"{second}.sha256", "extra.txt"]
    problems = [problem.what for problem in caught.value.problems]
    assert len(problems) == len(subjects)
    assert all(subject in what for subject, what in zip(subjects, problems, strict=True))
    assert repository.log == []


@pytest.mark.parametrize("tag", ["tiny-v1.2.4", "v1.2.3", "tiny-v1.2.3/../..", "--help", ""])
def test_tag_of_another_version_is_refused(tag: str, tagged: ProjectClone, repository: FakeRepository) -> None:
    with pytest.raises(PublishError) as caught:
        publish(tagged, repository, tag)
    assert caught.value.tag == tag
    assert repository.log == []


def test_archive_built_from_another_commit_is_refused(tagged: ProjectClone, repository: FakeRepository) -> None:
    archive = tagged.root / "dist" / next(iter(expected_archives(EXECUTABLE, VERSION)))
    write_record(archive, tagged.root / "build" / "darwin-arm64" / "record.json", commit="f" * 40)
    with pytest.raises(PublishError) as caught:
        publish(tagged, repository)
    assert archive.name in caught.value.problems[0].what
    assert repository.log == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_killed_publisher_resumes(tagged: ProjectClone, gh: FakeRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    is_uploading, may_continue = threading.Event(), threading.Event()
    take_fault = gh.take_fault

    def block(method: str, target: str) -> object:
        # Block the sixth upload of the first process.
        if sum("/assets?" in line for line in gh.log) == 5 and not is_uploading.is_set():
            is_uploading.set()
            assert may_continue.wait(300)
        return take_fault(method, target)

    monkeypatch.setattr(gh, "take_fault", block)
    command = [sys.executable, "-m", "release_tools.releasing", "publish", f"--tag={TAG}", "--folder=dist"]
    environment = changed_environment({"PYTHONPATH": str(Path(__file__).parents[4]), "GITHUB_RUN_ID": "17"})
    with started(command, cwd=tagged.root, environment=environment, timeout_seconds=300) as running:
        assert is_uploading.wait(300), running.read_rest()
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
    may_continue.set()
    assert (gh.published, gh.violations) == ([], [])
    ended = observe(command, cwd=tagged.root, environment=environment, timeout_seconds=300)
    assert (ended.code, ended.stderr) == (0, "")
    assert is_fully_published(gh, TAG)
