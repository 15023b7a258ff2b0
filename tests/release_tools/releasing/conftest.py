import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from release_tools.releasing.publish.release_files import gather_release_files
from tests.release_tools.releasing.clones import Workplace, isolate_git, make_workplace
from tests.release_tools.releasing.github_server import Repository, reached_by_gh, stand_in
from tests.release_tools.releasing.publishers import Publisher, expected_digests
from tests.release_tools.releasing.subjects import COMMIT, EXECUTABLE, TAG, VERSION, make_release_files

needs_gh = pytest.mark.skipif(
    not hasattr(socket, "AF_UNIX"), reason="gh reaches our server by a Unix socket, which Python lacks on Windows"
)


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ten files of the release; read only."""
    return make_release_files(tmp_path_factory.mktemp("release") / "dist")


@pytest.fixture
def repository(dist: Path) -> Repository:
    """A repository with the tag and no release."""
    return Repository({TAG: COMMIT}, expected_digests(gather_release_files(EXECUTABLE, VERSION, dist)))


@pytest.fixture
def publisher(dist: Path, repository: Repository) -> Publisher:
    """A publisher that reaches the repository without a process."""
    return Publisher(folder=dist, start=stand_in(repository))


@pytest.fixture
def gh(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """The repository, where the real `gh` reaches it."""
    with reached_by_gh(repository, monkeypatch):
        yield repository


@pytest.fixture
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workplace:
    """A project that is ready to be released as `tiny-v1.2.3`."""
    isolate_git(tmp_path, monkeypatch)
    folder = tmp_path / "workplace"
    folder.mkdir()
    return make_workplace(folder)
