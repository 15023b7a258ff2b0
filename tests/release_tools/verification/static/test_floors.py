"""The floor is worked out over all members, is a limit for a version of the app, and a figure for a dev build."""

import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from release_tools.binaries.payload import Payload
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError
from release_tools.verification.static.floors import check_glibc_floor, check_macos_minimum
from tests.release_tools.verification.static.contexts import as_dev_build, make_context
from tests.release_tools.verification.static.samples import (
    MACHO_ARM64,
    MACHO_X86_64,
    make_elf,
    make_fat_macho,
    make_macho,
)

LINUX = {
    "old.so": make_elf(versions={"libc.so.6": ["GLIBC_2.9", "GLIBC_2.2.5"]}),
    "lib/new.so": make_elf(
        versions={"libc.so.6": ["GLIBC_2.28", "GLIBC_PRIVATE"], "libstdc++.so.6": ["GLIBCXX_3.4.21", "CXXABI_1.3.9"]}
    ),
}
MACOS = {
    "old.so": make_macho(machine=MACHO_X86_64, minimum=(10, 13)),
    "lib/new.dylib": make_fat_macho(
        (MACHO_X86_64, make_macho(machine=MACHO_X86_64, minimum=(12, 0))), (MACHO_ARM64, make_macho(minimum=(14, 0)))
    ),
}


def with_floors(settings: ReleaseSettings, glibc: str, macos: str) -> ReleaseSettings:
    return dataclasses.replace(settings, glibc_floor=glibc, macos_minimum=macos)


def test_the_newest_versions_are_stated_with_their_files(settings: ReleaseSettings) -> None:
    figure = check_glibc_floor(make_context(settings, binaries=LINUX))
    assert figure == "GLIBC 2.28 (new.so), GLIBCXX 3.4.21 (new.so), CXXABI 1.3.9 (new.so); no glibc-floor is set"
    figure = check_macos_minimum(make_context(settings, platform="darwin-amd64", binaries=MACOS))
    assert figure == "macOS 12.0.0 (new.dylib); no macos-minimum is set"


@pytest.mark.parametrize("limit", ["2.28", "2.28.0", "2.36"])
def test_a_build_within_the_limit_of_glibc_passes(settings: ReleaseSettings, limit: str) -> None:
    figure = check_glibc_floor(make_context(with_floors(settings, limit, "11"), binaries=LINUX))
    assert figure.endswith(f"; glibc-floor is {limit}")


@pytest.mark.shows_failing("glibc floor")
def test_a_version_of_the_app_over_the_limit_of_glibc_is_refused_and_a_dev_build_is_not(
    settings: ReleaseSettings,
) -> None:
    context = make_context(with_floors(settings, "2.17", "11"), binaries=LINUX)
    with pytest.raises(CheckFailedError, match=r"lib/new\.so needs 2\.28, which is newer than glibc-floor 2\.17"):
        check_glibc_floor(context)
    assert check_glibc_floor(as_dev_build(context)).startswith("GLIBC 2.28 (new.so)")


def test_versions_of_glibc_are_numbers(settings: ReleaseSettings) -> None:
    old = make_elf(versions={"libc.so.6": ["GLIBC_2.4"]})
    context = make_context(with_floors(settings, "2.17", "11"), binaries={"old.so": old})
    assert check_glibc_floor(context) == "GLIBC 2.4 (old.so); glibc-floor is 2.17"


def test_the_executable_itself_counts(settings: ReleaseSettings) -> None:
    newer = make_elf(versions={"libc.so.6": ["GLIBC_2.38"]})
    context = make_context(with_floors(settings, "2.28", "11"), bootloader=newer, binaries=LINUX)
    with pytest.raises(CheckFailedError, match=r"tiny needs 2\.38"):
        check_glibc_floor(context)


@pytest.mark.parametrize(
    ("runtime", "symbol", "oldest", "floor"),
    [("libstdc++.so.6", "GLIBCXX_3.4.29", "3.4.24", "2.34"), ("libgcc_s.so.1", "GCC_14.0.0", "7", "2.39")],
)
def test_a_runtime_that_is_left_to_the_system_may_be_asked_only_for_what_the_oldest_system_has(
    settings: ReleaseSettings, runtime: str, symbol: str, oldest: str, floor: str
) -> None:
    """A runtime in the bundle is asked in the place of the system's."""
    newer = {"new.so": make_elf(versions={"libc.so.6": ["GLIBC_2.28"], runtime: [symbol]})}
    limited = with_floors(settings, "2.28", "11")
    context = make_context(limited, binaries=newer)
    with pytest.raises(CheckFailedError) as failure:
        check_glibc_floor(context)
    wanted = symbol.removesuffix(".0.0")
    assert failure.value.what == (
        f"new.so needs {wanted} of the system, and systems with glibc 2.28 have up to {oldest}"
    )
    assert check_glibc_floor(as_dev_build(context))
    bundled = {**newer, runtime: make_elf(versions={"libc.so.6": ["GLIBC_2.28"]})}
    assert check_glibc_floor(make_context(limited, binaries=bundled))
    assert check_glibc_floor(make_context(with_floors(settings, floor, "11"), binaries=newer))
    assert check_glibc_floor(make_context(limited, binaries=LINUX))


def test_checks_that_run_side_by_side_read_the_executable_once(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = make_context(settings, binaries=LINUX)
    read: list[Path] = []
    begun = threading.Barrier(4)

    def counted(path: Path) -> Payload:
        read.append(path)
        return Payload(path)

    def check(_: int) -> str:
        begun.wait()
        return check_glibc_floor(context)

    monkeypatch.setattr("release_tools.verification.static.native_contents.Payload", counted)
    with ThreadPoolExecutor(4) as pool:
        figures = set(pool.map(check, range(4)))
    assert len(figures) == 1
    assert read == [context.executable]


def test_packed_relocations_need_the_glibc_that_brought_them(settings: ReleaseSettings) -> None:
    binaries = {"packed.so": make_elf(versions={"libc.so.6": ["GLIBC_2.17", "GLIBC_ABI_DT_RELR"]})}
    assert check_glibc_floor(make_context(settings, binaries=binaries)).startswith("GLIBC 2.36 (packed.so)")


def test_a_build_within_the_limit_of_macos_passes(settings: ReleaseSettings) -> None:
    context = make_context(with_floors(settings, "2.28", "12"), platform="darwin-amd64", binaries=MACOS)
    assert check_macos_minimum(context).endswith("macos-minimum is 12")


@pytest.mark.shows_failing("macOS minimum")
def test_a_version_of_the_app_over_the_limit_of_macos_is_refused_and_a_dev_build_is_not(
    settings: ReleaseSettings,
) -> None:
    context = make_context(with_floors(settings, "2.28", "11.7"), platform="darwin-amd64", binaries=MACOS)
    with pytest.raises(
        CheckFailedError, match=r"lib/new\.dylib needs 12\.0\.0, which is newer than macos-minimum 11\.7"
    ):
        check_macos_minimum(context)
    assert check_macos_minimum(as_dev_build(context)).startswith("macOS 12.0.0")


def test_each_floor_is_a_question_for_its_system(settings: ReleaseSettings) -> None:
    with pytest.raises(CheckSkippedError, match="a question for darwin only"):
        check_macos_minimum(make_context(settings))
    with pytest.raises(CheckSkippedError, match="a question for linux only"):
        check_glibc_floor(make_context(settings, platform="windows-amd64"))
