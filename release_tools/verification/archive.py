"""Checks of the archive as a file."""

from release_tools.archives import EXECUTABLE_MODE, FILE_MODE, member_modes
from release_tools.verification.check import CheckFailedError, CheckSkippedError, Subject

LICENSE_FILES = ("LICENSE", "THIRD_PARTY_LICENSES")
MIB = 1024 * 1024


def check_members(subject: Subject) -> str:
    """The binary with mode 0755, the two license files with 0644, and nothing else."""
    expected = {subject.executable.name: EXECUTABLE_MODE, **dict.fromkeys(LICENSE_FILES, FILE_MODE)}
    found = member_modes(subject.archive)
    wrong = [f"{name} is missing" for name in expected if name not in found]
    wrong += [f"{name} does not belong there" for name in found if name not in expected]
    wrong += [
        f"{name} has mode {found[name]:04o}, not {mode:04o}"
        for name, mode in expected.items()
        if name in found and found[name] != mode
    ]
    if wrong:
        raise CheckFailedError(f"in the archive, {'; '.join(wrong)}", "pack it with archives.write_archive alone")
    return f"{len(found)} files"


def check_size(subject: Subject) -> str:
    """The archive is no larger than the project allows."""
    limit = subject.settings.size_limit_mib
    size = subject.archive.stat().st_size / MIB
    if limit is None:
        raise CheckSkippedError(f"{size:.1f} MiB; no size-limit-mib is set")
    if size > limit:
        raise CheckFailedError(
            f"the archive has {size:.1f} MiB, over the limit of {limit} MiB",
            "find what grew (build record, packages) and exclude it, or raise size-limit-mib in [tool.release-tools]",
        )
    return f"{size:.1f} of {limit} MiB"
