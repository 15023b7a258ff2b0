from collections.abc import Iterator

import pytest

from tests.release_tools.releasing.mirror.faulting_proxy import FaultingProxy, faulting_proxy
from tests.release_tools.releasing.mirror.s3_server import S3Server, serve_s3


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests with a server start a program and connect to it. One worker runs them all, with one server."""
    for item in items:
        if isinstance(item, pytest.Function) and "s3" in item.fixturenames:
            for marker in (pytest.mark.programs, pytest.mark.loopback, pytest.mark.xdist_group("s3")):
                item.add_marker(marker)


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """The running S3 server, with an empty bucket."""
    with serve_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server


@pytest.fixture
def proxy(s3: S3Server) -> Iterator[FaultingProxy]:
    """A proxy in front of the server. It must never have seen a broken promise."""
    with faulting_proxy(s3) as running:
        yield running
        assert running.violations == []
