"""A compiler runtime that would raise the floor is left to the system; everything else stays in the bundle."""

import dataclasses
from pathlib import Path

import pytest

from release_tools.binaries.compiler_runtime import RUNTIME_LIBRARIES, runtime_versions, without_newer_runtime
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import GLIBC_FLOORS
from release_tools.verification.check import CheckFailedError
from release_tools.verification.static.native_members import check_needed_libraries
from tests.release_tools.verification.static.contexts import make_context
from tests.release_tools.verification.static.samples import make_elf


@pytest.fixture
def binaries(tmp_path: Path) -> list[tuple[str, str, str]]:
    newest = {"libstdc++.so.6": "2.38", "libgcc_s.so.1": "2.14", "thing.so": "2.38"}
    for name, version in newest.items():
        (tmp_path / name).write_bytes(make_elf(versions={"libc.so.6": [f"GLIBC_{version}"]}))
    return [(name, str(tmp_path / name), "BINARY") for name in newest]


def names(binaries: list[tuple[str, str, str]]) -> list[str]:
    return [entry[0] for entry in binaries]


def test_only_a_runtime_that_is_newer_than_the_floor_is_left_out(binaries: list[tuple[str, str, str]]) -> None:
    assert names(without_newer_runtime(binaries, "2.28")) == ["libgcc_s.so.1", "thing.so"]
    assert names(without_newer_runtime(binaries, "2.12")) == ["thing.so"]


@pytest.mark.parametrize("floor", ["2.38", "2.38.0", "2.40"])
def test_a_runtime_within_the_floor_is_bundled(binaries: list[tuple[str, str, str]], floor: str) -> None:
    assert without_newer_runtime(binaries, floor) == binaries


def test_without_a_floor_everything_is_bundled(binaries: list[tuple[str, str, str]]) -> None:
    assert without_newer_runtime(binaries, None) == binaries


@pytest.mark.parametrize("floor", GLIBC_FLOORS)
def test_every_floor_that_can_be_declared_has_a_runtime(floor: str) -> None:
    assert set(runtime_versions(floor)) == {name for names in RUNTIME_LIBRARIES.values() for name in names}


@pytest.mark.parametrize(("floor", "version"), [("2.28", (3, 4, 24)), ("2.17", (3, 4, 19)), ("2.36", (3, 4, 30))])
def test_the_age_of_glibc_tells_that_of_the_runtime(floor: str, version: tuple[int, ...]) -> None:
    assert runtime_versions(floor)["GLIBCXX"] == version


def test_files_for_amd64_may_ask_for_gcc_4_8_within_the_oldest_floor() -> None:
    assert runtime_versions("2.17")["GCC"] == (4, 8)


def test_a_runtime_that_is_not_bundled_is_missing_only_where_no_floor_is_declared(settings: ReleaseSettings) -> None:
    binaries = {"a.so": make_elf(needed=["libstdc++.so.6", "libgcc_s.so.1", "libc.so.6"])}
    with pytest.raises(CheckFailedError, match=r"a\.so needs libgcc_s\.so\.1\n.*a\.so needs libstdc\+\+\.so\.6"):
        check_needed_libraries(make_context(settings, binaries=binaries))
    declared = dataclasses.replace(settings, glibc_floor="2.28")
    assert check_needed_libraries(make_context(declared, binaries=binaries)) == "all libraries of 1 members"
    other = {"a.so": make_elf(needed=["libssl.so.3"])}
    with pytest.raises(CheckFailedError, match=r"libssl"):
        check_needed_libraries(make_context(declared, binaries=other))
