"""Contexts for static checks: an unpacked one-file executable for any platform."""

import dataclasses
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from release_tools.distributions import InstalledEnvironment
from release_tools.platforms import BinaryFormat, find_platform
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import BuildEvidence, CheckFailedError, VerificationContext
from release_tools.versions import BuildVersion
from tests.release_tools.verification.static.samples import make_elf, make_macho, make_pe, write_one_file

RELEASE = BuildVersion(label="v1.2.3", project_version="1.2.3", local_part="")
DEV = BuildVersion(label="dev", project_version="1.2.3", local_part="dev")
BOOTLOADERS: Mapping[BinaryFormat, bytes] = {
    "ELF": make_elf(needed=["libc.so.6", "libz.so.1"]),
    "MACHO": make_macho(),
    "PE": make_pe(),
}


def make_context(
    settings: ReleaseSettings,
    *,
    platform: str = "linux-amd64",
    bootloader: bytes | None = None,
    binaries: Mapping[str, bytes] | None = None,
    data: Mapping[str, bytes] | None = None,
    modules: Mapping[str, str] | None = None,
    script: str = "",
    installed: InstalledEnvironment | None = None,
) -> VerificationContext:
    """A version whose executable has these members; a build of it if `installed` is given."""
    row = find_platform(platform)
    folder = Path(tempfile.mkdtemp(prefix="unpacked", dir=settings.root))
    context = VerificationContext(
        settings=settings,
        platform=row,
        version=RELEASE,
        archive=settings.root / "archive",
        folder=folder,
        scratch=folder,
        suite_python=None,
        evidence=BuildEvidence(installed=installed, python=Path(sys.executable)) if installed else None,
    )
    write_one_file(
        context.executable,
        bootloader=BOOTLOADERS[row.binary_format] if bootloader is None else bootloader,
        binaries=binaries,
        data=data,
        modules=modules,
        script=script,
    )
    return context


def as_dev_build(context: VerificationContext) -> VerificationContext:
    return dataclasses.replace(context, version=DEV)


def findings_of(check: Callable[[VerificationContext], object], context: VerificationContext) -> tuple[str, ...]:
    """The findings that fail the check."""
    with pytest.raises(CheckFailedError) as caught:
        check(context)
    return caught.value.findings
