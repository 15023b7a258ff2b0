from collections.abc import Iterator
from pathlib import Path

import pytest

from release_tools.releasing.publish.release_files import gather_release_files
from tests.release_tools.releasing.fake_github import (
    UNDESCRIBED,
    FakeRepository,
    fake_fetch,
    fake_gh,
    served_to_gh,
)
from tests.release_tools.releasing.project_clone import ProjectClone, git, isolate_git, make_clone
from tests.release_tools.releasing.publishers import Publisher, digests
from tests.release_tools.releasing.sample_release import COMMIT, EXECUTABLE, TAG, VERSION, make_release_files


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with the fixture `gh` start the real one."""
    for item in items:
        if isinstance(item, pytest.Function) and "gh" in item.fixturenames:
            item.add_marker(pytest.mark.programs)


@pytest.fixture(autouse=True)
def _answers_are_described() -> Iterator[None]:
    """A fake GitHub answers nothing that GitHub wouldn't."""
    UNDESCRIBED.clear()
    yield
    assert not UNDESCRIBED


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ten files of the release; read-only."""
    return make_release_files(tmp_path_factory.mktemp("release") / "dist")


@pytest.fixture
def repository(dist: Path) -> FakeRepository:
    """A repository with the tag and no release."""
    return FakeRepository({TAG: COMMIT}, digests(gather_release_files(EXECUTABLE, VERSION, dist)))


@pytest.fixture
def publisher(dist: Path, repository: FakeRepository) -> Publisher:
    """A publisher that reaches the repository without a process."""
    return Publisher(folder=dist, start=fake_gh(repository), fetch=fake_fetch(repository))


@pytest.fixture
def gh(repository: FakeRepository, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeRepository]:
    """The repository, served to the real `gh`."""
    with served_to_gh(repository, monkeypatch):
        yield repository


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ProjectClone:
    """A project that is ready to be released as `tiny-v1.2.3`."""
    isolate_git(tmp_path, monkeypatch)
    folder = tmp_path / "project"
    folder.mkdir()
    return make_clone(folder)


@pytest.fixture
def shallow_clone(clone: ProjectClone, tmp_path: Path) -> ProjectClone:
    """A clone of depth 1 of a project with two commits."""
    clone.commit_all("fix: second")
    git(tmp_path, "clone", "--quiet", "--depth=1", f"file://{clone.remote}", "shallow")
    return ProjectClone(tmp_path / "shallow", clone.remote)
