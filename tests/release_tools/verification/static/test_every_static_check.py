"""Tests of several static checks at once: platforms they skip, and unreadable executables."""

from collections.abc import Callable

import pytest

from release_tools.binaries.payload import PayloadError
from release_tools.platforms import PLATFORMS
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.static import (
    bundled_files,
    embedded_version,
    floors,
    freeze_support,
    leaks,
    native_members,
    signatures,
    sizes,
)
from tests.release_tools.installed import running_environment
from tests.release_tools.verification.static.contexts import make_context
from tests.release_tools.verification.static.samples import make_elf

StaticCheck = Callable[[VerificationContext], object]

LINUX = {"linux-amd64", "linux-arm64"}
MACOS = {"darwin-amd64", "darwin-arm64"}
WINDOWS = {"windows-amd64"}

NATIVE_CHECKS = (
    native_members.check_member_architectures,
    native_members.check_needed_libraries,
    native_members.check_executable_stacks,
    native_members.check_segment_alignment,
    native_members.check_rpaths,
    native_members.check_upx,
)


@pytest.mark.parametrize(
    ("check", "platforms"),
    [
        (floors.check_glibc_floor, LINUX),
        (native_members.check_executable_stacks, LINUX),
        (native_members.check_segment_alignment, LINUX),
        (native_members.check_rpaths, LINUX | MACOS),
        (floors.check_macos_minimum, MACOS),
        (signatures.check_codesign, MACOS),
        (signatures.check_signatures, {"darwin-arm64"}),
        (embedded_version.check_version_resource, WINDOWS),
        (bundled_files.check_path_lengths, WINDOWS),
    ],
)
def test_check_is_skipped_where_it_does_not_apply(
    settings: ReleaseSettings, check: StaticCheck, platforms: set[str]
) -> None:
    for name in {platform.name for platform in PLATFORMS} - platforms:
        with pytest.raises(CheckSkippedError):
            check(make_context(settings, platform=name))


@pytest.mark.parametrize(
    "check",
    [
        *NATIVE_CHECKS,
        bundled_files.check_build_only_distributions,
        embedded_version.check_bundled_version,
        freeze_support.check_freeze_support,
        leaks.check_leaks,
        pytest.param(sizes.check_sizes, marks=pytest.mark.shows_failing("size by distribution")),
    ],
)
def test_executable_without_payload_is_refused(settings: ReleaseSettings, check: StaticCheck) -> None:
    context = make_context(settings, installed=running_environment())
    context.executable.write_bytes(make_elf())
    with pytest.raises(PayloadError):
        check(context)


@pytest.mark.parametrize("check", NATIVE_CHECKS)
def test_missing_executable_fails_the_check(settings: ReleaseSettings, check: StaticCheck) -> None:
    context = make_context(settings)
    context.executable.unlink()
    with pytest.raises(CheckFailedError):
        check(context)
