"""Fixtures: a mirror, the versions on it, and machines with each shell."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.release_tools.installers.machines import COMMON_PROGRAMS, SHELLS, Machine, system_program
from tests.release_tools.installers.mirror_server import Mirror, PublishedVersions


@pytest.fixture
def mirror() -> Iterator[Mirror]:
    server = Mirror()
    yield server
    server.close()


@pytest.fixture
def versions(mirror: Mirror) -> PublishedVersions:
    return PublishedVersions(mirror)


@pytest.fixture
def make_machine(tmp_path: Path) -> Callable[[str], Machine]:
    def make(shell: str) -> Machine:
        home, folder = tmp_path / "home", tmp_path / "bin"
        home.mkdir()
        folder.mkdir()
        command = [system_program("busybox"), "sh"] if shell == "busybox" else [system_program(shell)]
        machine = Machine(home=home, bin=folder, shell=command)
        machine.add(*COMMON_PROGRAMS)
        if shell == "busybox":
            for applet in ("awk", "grep", "gzip", "sed", "sh", "sha256sum", "tail", "tar", "wget"):
                machine.remove(applet)
                (folder / applet).symlink_to(command[0])
        else:
            machine.add("curl", "sha256sum")
        machine.uname("Linux", "x86_64")
        # A retry waits.
        machine.fake("sleep", "exit 0")
        return machine

    return make


@pytest.fixture(params=SHELLS)
def machine(request: pytest.FixtureRequest, make_machine: Callable[[str], Machine]) -> Machine:
    """A machine with each shell in turn; the one with BusyBox has its wget, awk, tar and sed."""
    return make_machine(request.param)


@pytest.fixture
def dash(make_machine: Callable[[str], Machine]) -> Machine:
    return make_machine("dash")
