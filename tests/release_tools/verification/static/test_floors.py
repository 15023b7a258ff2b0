import dataclasses
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from release_tools.binaries.payload import Payload
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError
from release_tools.verification.static.floors import check_glibc_floor, check_macos_minimum
from tests.release_tools.verification.static.contexts import as_dev_build, findings_of, make_context
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


def with_floors(settings: ReleaseSettings, *, glibc: str | None = None, macos: str | None = None) -> ReleaseSettings:
    return dataclasses.replace(settings, glibc_floor=glibc, macos_minimum=macos)


def test_newest_versions_are_reported_with_their_files(settings: ReleaseSettings) -> None:
    figure = check_glibc_floor(make_context(settings, binaries=LINUX))
    assert figure.startswith("GLIBC 2.28 (new.so), GLIBCXX 3.4.21 (new.so), CXXABI 1.3.9 (new.so);")
    figure = check_macos_minimum(make_context(settings, platform="darwin-amd64", binaries=MACOS))
    assert figure.startswith("macOS 12.0.0 (new.dylib);")


@pytest.mark.parametrize("floor", ["2.28", "2.28.0", "2.36"])
def test_build_within_the_glibc_floor_passes(settings: ReleaseSettings, floor: str) -> None:
    assert check_glibc_floor(make_context(with_floors(settings, glibc=floor), binaries=LINUX)).endswith(floor)


@pytest.mark.shows_failing("glibc floor")
def test_only_dev_build_may_need_a_newer_glibc(settings: ReleaseSettings) -> None:
    context = make_context(with_floors(settings, glibc="2.17"), binaries=LINUX)
    assert findings_of(check_glibc_floor, context) == ("lib/new.so",)
    assert check_glibc_floor(as_dev_build(context)).startswith("GLIBC 2.28 (new.so)")


def test_glibc_versions_compare_as_numbers(settings: ReleaseSettings) -> None:
    old = make_elf(versions={"libc.so.6": ["GLIBC_2.4"]})
    assert check_glibc_floor(make_context(with_floors(settings, glibc="2.17"), binaries={"old.so": old}))


def test_executable_itself_must_keep_the_floor(settings: ReleaseSettings) -> None:
    newer = make_elf(versions={"libc.so.6": ["GLIBC_2.38"]})
    context = make_context(with_floors(settings, glibc="2.28"), bootloader=newer, binaries=LINUX)
    assert findings_of(check_glibc_floor, context) == ("tiny",)


@pytest.mark.parametrize(
    ("runtime", "symbol", "provided", "floor"),
    [
        ("libstdc++.so.6", "GLIBCXX_3.4.29", "GLIBCXX_3.4.24", "2.34"),
        ("libgcc_s.so.1", "GCC_14.0.0", "GCC_7", "2.39"),
    ],
)
def test_unbundled_runtime_must_exist_on_the_oldest_system(
    settings: ReleaseSettings, runtime: str, symbol: str, provided: str, floor: str
) -> None:
    newer = {"new.so": make_elf(versions={"libc.so.6": ["GLIBC_2.28"], runtime: [symbol]})}
    limited = with_floors(settings, glibc="2.28")
    context = make_context(limited, binaries=newer)
    with pytest.raises(CheckFailedError) as caught:
        check_glibc_floor(context)
    assert caught.value.findings == ("new.so",)
    assert provided in caught.value.what
    assert caught.value.cure == f'glibc-floor = "{floor}"'
    assert check_glibc_floor(as_dev_build(context))
    bundled = {**newer, runtime: make_elf(versions={"libc.so.6": ["GLIBC_2.28"]})}
    assert check_glibc_floor(make_context(limited, binaries=bundled))
    assert check_glibc_floor(make_context(with_floors(settings, glibc=floor), binaries=newer))
    assert check_glibc_floor(make_context(limited, binaries=LINUX))


def test_concurrent_checks_read_the_executable_once(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
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


def test_packed_relocations_need_glibc_2_36(settings: ReleaseSettings) -> None:
    binaries = {"packed.so": make_elf(versions={"libc.so.6": ["GLIBC_2.17", "GLIBC_ABI_DT_RELR"]})}
    assert check_glibc_floor(make_context(settings, binaries=binaries)).startswith("GLIBC 2.36 (packed.so)")


def test_build_within_the_macos_minimum_passes(settings: ReleaseSettings) -> None:
    context = make_context(with_floors(settings, macos="12"), platform="darwin-amd64", binaries=MACOS)
    assert check_macos_minimum(context)


@pytest.mark.shows_failing("macOS minimum")
def test_only_dev_build_may_need_a_newer_macos(settings: ReleaseSettings) -> None:
    context = make_context(with_floors(settings, macos="11.7"), platform="darwin-amd64", binaries=MACOS)
    with pytest.raises(CheckFailedError) as caught:
        check_macos_minimum(context)
    assert caught.value.findings == ("lib/new.dylib",)
    assert caught.value.cure == 'macos-minimum = "12.0.0"'
    assert check_macos_minimum(as_dev_build(context)).startswith("macOS 12.0.0")
