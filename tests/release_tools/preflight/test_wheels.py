import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console

from release_tools.errors import LockFileError, Problem
from release_tools.lockfile import APP_GROUPS, TOOLS_LOCK, LockedPackage, LockFile, read_lock_file
from release_tools.platforms import PLATFORMS, Platform, find_platform
from release_tools.preflight.wheels import check_all_wheels, check_wheels, packages_for, print_wheels
from release_tools.settings import ReleaseSettings

REPOSITORY = Path(__file__).parents[3]


@pytest.fixture
def limited(settings: ReleaseSettings) -> ReleaseSettings:
    return dataclasses.replace(settings, glibc_floor="2.28", macos_minimum="11.0")


def package(*file_names: str, marker: str = "", group: str = "main") -> LockedPackage:
    return LockedPackage(
        name="thing",
        version="2.0",
        groups=frozenset({group}),
        markers=((group, marker),),
        hashes=(),
        file_names=file_names,
    )


def lock_of(*packages: LockedPackage) -> LockFile:
    return LockFile(path=Path("poetry.lock"), packages=packages, content_hash="")


NO_LOCK = lock_of()


def platforms_without(settings: ReleaseSettings, *file_names: str, marker: str = "") -> list[str]:
    rows = check_all_wheels(settings, lock_of(package(*file_names, marker=marker)), NO_LOCK)
    assert [row.platform for row in rows] == list(PLATFORMS)
    return [row.platform.name for row in rows if row.missing]


def problem_of(settings: ReleaseSettings, platform_name: str, *file_names: str) -> Problem:
    (problem,) = check_wheels(settings, lock_of(package(*file_names)), NO_LOCK, find_platform(platform_name)).problems
    return problem


def test_every_package_of_this_repository_has_a_wheel(platform: Platform) -> None:
    settings = ReleaseSettings.load(REPOSITORY)
    assert settings.glibc_floor
    assert settings.macos_minimum
    row = check_wheels(settings, read_lock_file(settings.lock_path), read_lock_file(TOOLS_LOCK), platform)
    assert row.problems == ()
    assert row.package_count > 50


@pytest.mark.parametrize(
    "file_name",
    ["thing-2.0-py3-none-any.whl", "thing-2.0-py2.py3-none-any.whl", "thing-2.0-1build-py3-none-any.whl"],
)
def test_pure_wheel_fits_every_platform(limited: ReleaseSettings, file_name: str) -> None:
    assert platforms_without(limited, file_name) == []


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("cp313-cp313-macosx_11_0_arm64", "darwin-arm64"),
        ("cp39-abi3-macosx_10_12_x86_64", "darwin-amd64"),
        ("cp313-abi3-manylinux_2_28_x86_64", "linux-amd64"),
        ("cp313-cp313-manylinux1_x86_64", "linux-amd64"),
        ("py3-none-manylinux2014_aarch64.manylinux_2_17_aarch64", "linux-arm64"),
        ("cp313-cp313-win_amd64", "windows-amd64"),
    ],
)
def test_platform_wheel_fits_no_other_platform(limited: ReleaseSettings, tag: str, name: str) -> None:
    others = [platform.name for platform in PLATFORMS if platform.name != name]
    assert platforms_without(limited, f"thing-2.0-{tag}.whl") == others


def test_universal_wheel_fits_both_macs(limited: ReleaseSettings) -> None:
    without = platforms_without(limited, "thing-2.0-cp313-cp313-macosx_10_13_universal2.whl")
    assert without == ["linux-amd64", "linux-arm64", "windows-amd64"]


@pytest.mark.parametrize(
    "tag",
    [
        "cp312-cp312-manylinux_2_17_x86_64",
        "cp314-abi3-manylinux_2_17_x86_64",
        "cp313-cp313t-manylinux_2_17_x86_64",
        "cp313-cp313-musllinux_1_2_x86_64",
        "pp311-pypy311_pp73-manylinux_2_17_x86_64",
        "cp313-cp313-win32",
    ],
)
def test_wheel_for_another_python_or_libc_fits_none(limited: ReleaseSettings, tag: str) -> None:
    assert platforms_without(limited, f"thing-2.0-{tag}.whl") == [platform.name for platform in PLATFORMS]


def test_package_with_marker_is_needed_only_there(limited: ReleaseSettings) -> None:
    windows_only = "thing-2.0-cp313-cp313-win_amd64.whl"
    assert platforms_without(limited, windows_only, marker='sys_platform == "win32"') == []
    intel_only = 'sys_platform == "darwin" and platform_machine == "x86_64"'
    assert platforms_without(limited, windows_only, marker=intel_only) == ["darwin-amd64"]


@pytest.mark.parametrize("marker", ["sys_platform ==", "no_such_variable == '1'", "sys_platform ~= 'x'", "(" * 9999])
def test_invalid_marker_is_reported_with_its_package(limited: ReleaseSettings, marker: str) -> None:
    with pytest.raises(LockFileError) as caught:
        platforms_without(limited, "thing-2.0-py3-none-any.whl", marker=marker)
    assert "thing" in caught.value.what


@pytest.mark.parametrize("comparison", [">=", "==", "<"])
def test_unpinned_patch_release_needs_what_any_needs(limited: ReleaseSettings, comparison: str) -> None:
    marker = f'python_full_version {comparison} "3.13.4"'
    everywhere = [platform.name for platform in PLATFORMS]
    for version, missing in (("3.13", everywhere), ("3.13.4", everywhere if "=" in comparison else [])):
        pinned = dataclasses.replace(limited, python_version=version)
        assert platforms_without(pinned, "thing-2.0-cp39-cp39-win32.whl", marker=marker) == missing


def test_only_packages_of_a_build_need_wheels(limited: ReleaseSettings) -> None:
    lock = lock_of(package("thing-2.0.tar.gz", group="lint"), package("thing-2.0-py3-none-any.whl"))
    for platform in PLATFORMS:
        assert [found.groups for found in packages_for(limited, lock, APP_GROUPS, platform)] == [frozenset({"main"})]
        assert check_wheels(limited, lock, NO_LOCK, platform).problems == ()


def test_tools_need_wheels_for_any_system_of_the_platform(limited: ReleaseSettings) -> None:
    newer, other = (
        lock_of(package(f"thing-2.0-cp313-cp313-{tag}.whl", group="build"))
        for tag in ("manylinux_2_39_x86_64", "win_amd64")
    )
    linux = find_platform("linux-amd64")
    assert check_wheels(limited, NO_LOCK, newer, linux).problems == ()
    (problem,) = check_wheels(limited, NO_LOCK, other, linux).problems
    assert "thing 2.0, which the build needs, has no wheel for linux-amd64" in problem.what


@pytest.mark.parametrize(
    ("platform", "tags", "limits", "marker"),
    [
        (
            "linux-amd64",
            ("manylinux_2_34_x86_64", "manylinux_2_39_x86_64"),
            ("glibc-floor 2.28", "2.34"),
            "sys_platform == 'linux' and platform_machine == 'x86_64'",
        ),
        (
            "darwin-arm64",
            ("macosx_14_0_arm64",),
            ("macos-minimum 11.0", "14.0"),
            "sys_platform == 'darwin' and platform_machine == 'arm64'",
        ),
    ],
)
def test_too_new_wheel_names_the_limit(
    limited: ReleaseSettings, platform: str, tags: tuple[str, ...], limits: tuple[str, str], marker: str
) -> None:
    problem = problem_of(limited, platform, *(f"thing-2.0-cp313-cp313-{tag}.whl" for tag in tags))
    assert all(part in problem.what for part in ("thing 2.0", platform, *limits))
    assert limits[1] in problem.hint
    assert f'"thing<2.0; {marker}"' in problem.hint


def test_legacy_manylinux_tag_names_its_glibc(settings: ReleaseSettings) -> None:
    old = dataclasses.replace(settings, glibc_floor="2.12")
    problem = problem_of(old, "linux-amd64", "thing-2.0-cp313-cp313-manylinux2014_x86_64.whl")
    assert "2.17" in problem.what


def test_wheel_for_any_system_fits_without_limits(settings: ReleaseSettings) -> None:
    without = platforms_without(
        settings, "thing-2.0-cp313-cp313-manylinux_2_39_x86_64.whl", "thing-2.0-cp313-cp313-macosx_26_0_arm64.whl"
    )
    assert without == ["darwin-amd64", "linux-arm64", "windows-amd64"]


def test_platform_that_a_package_dropped_gets_a_pin(limited: ReleaseSettings) -> None:
    problem = problem_of(
        limited,
        "darwin-amd64",
        "thing-2.0-cp311-abi3-macosx_11_0_arm64.whl",
        "thing-2.0-cp311-abi3-win_amd64.whl",
        "thing-2.0.tar.gz",
    )
    assert "darwin-arm64, windows-amd64" in problem.what
    assert "\"thing<2.0; sys_platform == 'darwin' and platform_machine == 'x86_64'\"" in problem.hint


def test_only_a_package_without_any_wheel_is_built(limited: ReleaseSettings) -> None:
    for names, built in ((["thing-2.0.tar.gz"], ("thing",)), (["thing-2.0.tar.gz", "thing-2.0-py3-none-any.whl"], ())):
        rows = check_all_wheels(limited, lock_of(package(*names)), NO_LOCK)
        assert {(row.built, row.problems) for row in rows} == {(built, ())}
    problem = problem_of(limited, "linux-amd64", "thing-2.0.tar.gz", "thing-2.0-cp313-cp313-win_amd64.whl")
    assert "thing 2.0" in problem.what


def test_tools_are_never_built(limited: ReleaseSettings) -> None:
    rows = check_all_wheels(limited, NO_LOCK, lock_of(package("thing-2.0.tar.gz", group="build")))
    assert [row.missing[0][0] for row in rows] == ["thing"] * len(PLATFORMS)


def test_pinned_python_decides_which_wheels_fit(limited: ReleaseSettings) -> None:
    wheel = "thing-2.0-cp314-cp314-win_amd64.whl"
    newer = dataclasses.replace(limited, python_version="3.14.2")
    assert "windows-amd64" in platforms_without(limited, wheel)
    assert "windows-amd64" not in platforms_without(newer, wheel)


def test_table_names_missing_packages_by_platform(limited: ReleaseSettings) -> None:
    console = Console(width=120, file=io.StringIO(), record=True)
    lock = lock_of(package("thing-2.0-cp313-cp313-win_amd64.whl"))
    print_wheels(limited, check_all_wheels(limited, lock, NO_LOCK), console)
    lines = {line.split()[0]: line for line in console.export_text().splitlines() if line.split()[1:]}
    assert "missing: thing" in lines["darwin-arm64"]
    assert "macOS 11.0" in lines["darwin-arm64"]
    assert "missing: thing" in lines["linux-amd64"]
    assert "glibc 2.28" in lines["linux-amd64"]
    assert lines["windows-amd64"].split()[-2:] == ["1", "all"]
