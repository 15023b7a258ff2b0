"""Checks of the archive's files and size, and of the executable's format and architecture."""

import math

from release_tools.archives import EXECUTABLE_MODE, FILE_MODE, member_modes
from release_tools.binaries.native_files import read_native
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext

LICENSE_FILES = ("LICENSE", "THIRD_PARTY_LICENSES")
MIB = 1024 * 1024


def check_members(context: VerificationContext) -> str:
    """The archive contains the executable (mode 0755), the two license files (0644) and nothing else."""
    expected = {context.executable.name: EXECUTABLE_MODE, **dict.fromkeys(LICENSE_FILES, FILE_MODE)}
    found = member_modes(context.archive)
    wrong = [f"{name} is missing" for name in expected if name not in found]
    wrong += [f"{name} is unexpected" for name in found if name not in expected]
    wrong += [
        f"{name} has mode {found[name]:04o}, not {mode:04o}"
        for name, mode in expected.items()
        if name in found and found[name] != mode
    ]
    if wrong:
        raise CheckFailedError(
            f"wrong contents of {context.archive.name}",
            "build the archive again, or download it again; don't repack it",
            wrong,
        )
    return f"{len(found)} files"


def check_size(context: VerificationContext) -> str:
    """The archive is no larger than `size-limit-mib`."""
    limit = context.settings.size_limit_mib
    size = context.archive.stat().st_size / MIB
    if limit is None:
        raise CheckSkippedError(f"{size:.1f} MiB; size-limit-mib is not set")
    if size > limit:
        raise CheckFailedError(
            f"the archive is {size:.1f} MiB, over the limit of {limit} MiB",
            "exclude what grew (see the sizes in the build record), or raise size-limit-mib in [tool.release-tools]",
            cure=f"size-limit-mib = {math.ceil(size)}",
        )
    return f"{size:.1f} of {limit} MiB"


def check_architecture(context: VerificationContext) -> str:
    """The executable has the platform's file format and architecture, and no other."""
    name = context.executable.name
    wanted = f"{context.platform.binary_format} for {context.platform.arch}"
    if not context.executable.is_file():
        raise CheckFailedError(
            f"the archive has no {name}", "download it again: its contents don't match the platform in its name"
        )
    native = read_native(context.executable.read_bytes())
    found = f"{native.format} for {', '.join(native.machines)}" if native else "not an executable"
    if found != wanted:
        raise CheckFailedError(
            f"{name} is {found}; expected {wanted}",
            f"build on a {context.platform.name} machine, with a Python built for it",
        )
    return found
