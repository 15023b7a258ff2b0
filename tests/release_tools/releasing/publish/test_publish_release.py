"""What `invoke publish` gathers on this machine, with real git; and its process, killed while it sends a file."""

import signal
import sys
import threading
from pathlib import Path

import pytest

from release_tools.archives import checksum_path
from release_tools.processes.run import changed_environment, observe, started
from release_tools.releasing.errors import PublishError
from release_tools.releasing.publish.publish_release import publish_release
from release_tools.releasing.publish.release_files import expected_archives
from tests.release_tools.releasing.clones import Workplace
from tests.release_tools.releasing.conftest import needs_gh
from tests.release_tools.releasing.github_server import OWNER_AND_NAME, TOKEN, Repository, serve, stand_in
from tests.release_tools.releasing.publishers import Publisher, is_settled
from tests.release_tools.releasing.subjects import EXECUTABLE, TAG, VERSION, make_release_files, write_record

pytestmark = pytest.mark.programs


@pytest.fixture
def tagged(workplace: Workplace, repository: Repository) -> Workplace:
    """The project with its tag, here and on GitHub, and its ten files in `dist/`."""
    workplace.git("tag", "--annotate", "--message", "x", TAG)
    repository.tags[TAG] = workplace.commit
    make_release_files(workplace.root / "dist")
    return workplace


def publish(workplace: Workplace, repository: Repository, tag: str = TAG, *, is_dry_run: bool = False) -> list[str]:
    said: list[str] = []
    folder = workplace.root / "dist"
    github = Publisher(folder=folder, start=stand_in(repository)).github
    publish_release(workplace.settings, github, tag, folder, said.append, is_dry_run=is_dry_run)
    return said


def test_the_ten_files_become_a_release_with_its_notes(tagged: Workplace, repository: Repository) -> None:
    said = publish(tagged, repository)
    assert is_settled(repository, TAG)
    assert said[-1] == f"public: https://github.com/{OWNER_AND_NAME}/releases/tag/{TAG}"
    body = repository.published[0]["body"]
    assert body.startswith(f"<!-- release-tools: tag={TAG} commit={tagged.commit} publisher=local-")
    assert "greet" in body.lower()


def test_a_dry_run_tells_the_plan_and_changes_nothing_here_or_there(tagged: Workplace, repository: Repository) -> None:
    before = tagged.fingerprint()
    said = publish(tagged, repository, is_dry_run=True)
    assert (tagged.fingerprint(), repository.changes) == (before, [])
    assert said[0] == f"{TAG} has no release yet"
    assert len(said) == 1 + 13 + 1
    assert said[-2:] == [" 13. open it to the public as a release, the latest one", "nothing was changed (--dry-run)"]
    publish(tagged, repository)
    assert publish(tagged, repository, is_dry_run=True)[:2] == [
        f"{TAG} is public, with all files as they are here",
        "nothing is left to do",
    ]


def test_everything_that_is_wrong_on_this_machine_is_listed_at_once(
    workplace: Workplace, repository: Repository
) -> None:
    first, second, *_ = expected_archives(EXECUTABLE, VERSION)
    dist = make_release_files(workplace.root / "dist")
    (dist / first).unlink()
    checksum_path(dist / second).unlink()
    (dist / "extra.txt").touch()
    with pytest.raises(PublishError) as caught:
        publish(workplace, repository)
    message = str(caught.value)
    assert message.startswith(f"error: cannot publish '{TAG}': 4 problems")
    for what in (
        "this clone has no such tag",
        f"{first} is missing",
        f"{second}.sha256 is missing",
        "'extra.txt' does",
    ):
        assert what in message
    assert repository.log == []


@pytest.mark.parametrize("tag", ["tiny-v1.2.4", "v1.2.3", "tiny-v1.2.3/../..", "--help", ""])
def test_a_tag_that_is_not_the_one_of_this_version_is_refused(
    tag: str, tagged: Workplace, repository: Repository
) -> None:
    with pytest.raises(PublishError, match=r"the version of pyproject.toml is 1\.2\.3, and its tag tiny-v1\.2\.3"):
        publish(tagged, repository, tag)
    assert repository.log == []


def test_an_archive_that_its_record_ties_to_another_commit_is_refused(
    tagged: Workplace, repository: Repository
) -> None:
    archive = tagged.root / "dist" / next(iter(expected_archives(EXECUTABLE, VERSION)))
    write_record(archive, tagged.root / "build" / "darwin-arm64" / "record.json", commit="f" * 40)
    with pytest.raises(PublishError, match=f"{archive.name} was made from commit '{'f' * 40}'"):
        publish(tagged, repository)
    assert repository.log == []


@needs_gh
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signal that ends a process at once")
def test_a_process_that_is_killed_while_it_sends_a_file_is_gone_on_from_by_the_next(
    tagged: Workplace, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_sending, may_go_on = threading.Event(), threading.Event()
    take_fault = repository.take_fault

    def hold(method: str, target: str) -> object:
        # Only the sixth upload of the first process is held.
        if sum("/assets?" in line for line in repository.log) == 5 and not is_sending.is_set():
            is_sending.set()
            assert may_go_on.wait(300)
        return take_fault(method, target)

    monkeypatch.setattr(repository, "take_fault", hold)
    with serve(repository) as folder:
        for name, value in (("GH_CONFIG_DIR", str(folder)), ("GH_TOKEN", TOKEN), ("GH_REPO", OWNER_AND_NAME)):
            monkeypatch.setenv(name, value)
        publish_args = ["publish", f"--tag={TAG}", "--folder=dist"]
        command = [sys.executable, "-m", "release_tools.releasing", *publish_args]
        changes = {"PYTHONPATH": str(Path(__file__).parents[4]), "GITHUB_RUN_ID": "17"}
        environment = changed_environment(changes)
        with started(command, cwd=tagged.root, environment=environment, timeout_seconds=300) as running:
            assert is_sending.wait(300), running.read_rest()
            running.send_signal(signal.SIGKILL)
            assert running.wait() == -signal.SIGKILL
        may_go_on.set()
        assert (repository.published, repository.violations) == ([], [])
        ended = observe(command, cwd=tagged.root, environment=environment, timeout_seconds=300)
    assert (ended.code, ended.stderr) == (0, "")
    assert is_settled(repository, TAG)
    assert sum(line.startswith("POST /repos/owner/tiny/releases") for line in repository.log) >= 11
