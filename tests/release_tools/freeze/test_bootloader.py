import os
import sys

import pytest

from release_tools.freeze.runtime import bootloader


def test_parent_of_a_process_is_known() -> None:
    assert bootloader.parent_of(os.getpid()) == os.getppid()


def test_process_that_does_not_exist_is_its_own_parent() -> None:
    # No system has as many processes.
    assert bootloader.parent_of(0x7FFF0000) == 0x7FFF0000


def test_parent_of_the_bootloader_is_the_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootloader, "process_id", os.getppid())
    assert bootloader.getppid() == bootloader.parent_of(os.getppid()) != os.getppid()
    monkeypatch.setattr(bootloader, "process_id", 0)
    assert bootloader.getppid() == os.getppid()


@pytest.mark.parametrize(
    ("folder", "process"), [("_MEI0000002aXyZ123", 42), ("_MEIpass", 0), ("other", 0), ("", 0), ("_MEI", 0)]
)
def test_folder_names_the_process_that_unpacked_it(folder: str, process: int) -> None:
    assert bootloader.process_of(folder) == process


def test_only_the_parent_is_the_bootloader() -> None:
    assert bootloader.find_bootloader(f"/bundle/_MEI{os.getppid():08x}abcdef") == os.getppid()
    assert bootloader.find_bootloader(f"/bundle/_MEI{os.getpid():08x}abcdef") == 0
    assert bootloader.find_bootloader("") == 0


def test_program_without_bootloader_keeps_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "_MEIPASS", "/opt/tiny/_internal", raising=False)
    bootloader.install()
    assert bootloader.process_id == 0
    assert os.getppid is bootloader.original_getppid
