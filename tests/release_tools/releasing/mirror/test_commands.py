"""The commands as processes, with the real `gh` and a real S3 server, and killed during an upload."""

import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from release_tools.processes.run import Finished, changed_environment, observe, started
from tests.release_tools.releasing.fake_github import PUBLISHED_AT, FakeRepository
from tests.release_tools.releasing.mirror.faulting_proxy import FaultingProxy, FaultKind, Request
from tests.release_tools.releasing.mirror.mirroring import read_state
from tests.release_tools.releasing.mirror.s3_server import BUCKET, CREDENTIALS, S3Server
from tests.release_tools.releasing.project_clone import ProjectClone
from tests.release_tools.releasing.publishers import Publisher
from tests.release_tools.releasing.sample_release import TAG

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="gh reaches the fake GitHub by a Unix socket")


@pytest.fixture
def prefix(s3: S3Server) -> str:
    return s3.new_prefix()


@pytest.fixture
def environment(
    publisher: Publisher, gh: FakeRepository, s3: S3Server, proxy: FaultingProxy, prefix: str
) -> Mapping[str, str]:
    """The variables of a job that mirrors, after the release was published."""
    publisher.publish()
    assert gh.violations == []
    mirror = s3.mirror(prefix, port=proxy.port)
    changes = {
        "PYTHONPATH": str(Path(__file__).parents[4]),
        "MIRROR_URL": mirror.url,
        "MIRROR_BUCKET": BUCKET,
        "MIRROR_ENDPOINT": mirror.endpoint,
        "MIRROR_PREFIX": prefix,
        "AWS_ACCESS_KEY_ID": CREDENTIALS.key_id,
        "AWS_SECRET_ACCESS_KEY": CREDENTIALS.secret,
        # Settings of the user that mustn't matter.
        "AWS_PROFILE": "no-such-profile",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
        "AWS_CONFIG_FILE": "/no/such/file",
    }
    return changed_environment(changes)


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "release_tools.releasing", *args]


def run(clone: ProjectClone, environment: Mapping[str, str], *args: str) -> Finished:
    return observe(command(*args), cwd=clone.root, environment=environment, timeout_seconds=300)


def test_published_release_is_mirrored_with_installers(
    clone: ProjectClone, environment: Mapping[str, str], publisher: Publisher, s3: S3Server, prefix: str
) -> None:
    planned = run(clone, environment, "mirror", f"--tag={TAG}", "--dry-run")
    assert (planned.code, read_state(s3, prefix).files) == (0, {})
    finished = run(clone, environment, "mirror", f"--tag={TAG}")
    assert (finished.code, finished.stderr) == (0, "")
    state = read_state(s3, prefix)
    (version,) = state.manifest.versions
    assert (version.date, state.latest) == (PUBLISHED_AT, "1.2.3")
    archives = {file.name: file.sha256 for file in version.files if file.kind in {"archive", "checksum"}}
    assert archives == {file.name: file.sha256 for file in publisher.files}
    assert {file.name for file in version.files if file.kind == "installer"} == {"install.sh", "install.ps1"}
    assert all(
        digest.encode() in state.files["install.sh"] for name, digest in archives.items() if "sha256" not in name
    )
    assert state.files["install.sh"] == state.files["1.2.3/install.sh"]
    assert planned.stdout.count("upload ") == finished.stdout.count("upload ") == 12
    assert "nothing to do" in run(clone, environment, "mirror", f"--tag={TAG}", "--dry-run").stdout
    assert "everything agrees" in run(clone, environment, "versions").stdout


def test_yanked_version_is_marked(
    clone: ProjectClone, environment: Mapping[str, str], s3: S3Server, prefix: str, proxy: FaultingProxy
) -> None:
    proxy.yanked.add("1.2.3")
    assert run(clone, environment, "mirror", f"--tag={TAG}").code == 0
    assert run(clone, environment, "yank", f"--tag={TAG}", "--reason=loses data").code == 0
    (version,) = read_state(s3, prefix).manifest.versions
    assert (version.yanked, version.yank_reason) == (True, "loses data")
    assert "yanked: loses data" in run(clone, environment, "versions").stdout


def test_secret_is_never_printed(clone: ProjectClone, environment: Mapping[str, str]) -> None:
    wrong = {**environment, "AWS_SECRET_ACCESS_KEY": "another-secret"}
    finished = run(clone, wrong, "mirror", f"--tag={TAG}")
    assert finished.code == 1
    assert "SignatureDoesNotMatch" in finished.stderr
    assert "another-secret" not in finished.output
    missing = {name: value for name, value in environment.items() if not name.startswith(("AWS_", "MIRROR_"))}
    assert "MIRROR_BUCKET" in run(clone, missing, "mirror", f"--tag={TAG}").stderr


def test_killed_process_resumes(
    clone: ProjectClone, environment: Mapping[str, str], s3: S3Server, prefix: str, proxy: FaultingProxy
) -> None:
    is_uploading, may_continue = threading.Event(), threading.Event()

    def block(request: Request) -> FaultKind | None:
        # Block the sixth upload of the first process.
        uploads = [one for one in proxy.requests if one.method == "PUT" and "/1.2.3/" in one.key]
        if len(uploads) == 6 and request == uploads[-1] and not is_uploading.is_set():
            is_uploading.set()
            assert may_continue.wait(300)
            return "drop before"
        return None

    proxy.choose_fault = block
    args = command("mirror", f"--tag={TAG}")
    with started(args, cwd=clone.root, environment=environment, timeout_seconds=300) as running:
        assert is_uploading.wait(300), running.read_rest()
        running.send_signal(signal.SIGKILL)
        assert running.wait() == -signal.SIGKILL
    may_continue.set()
    state = read_state(s3, prefix)
    assert len([name for name in state.files if name.startswith("1.2.3/")]) == 5
    assert "versions.json" not in state.files
    assert run(clone, environment, "mirror", f"--tag={TAG}").code == 0
    assert read_state(s3, prefix).latest == "1.2.3"
