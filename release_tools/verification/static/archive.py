"""The archive as a file, and the format of the executable in it."""

from release_tools.archives import EXECUTABLE_MODE, FILE_MODE, member_modes
from release_tools.binaries.native_files import read_native
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext

LICENSE_FILES = ("LICENSE", "THIRD_PARTY_LICENSES")
MIB = 1024 * 1024


def check_members(context: VerificationContext) -> str:
    """The binary with mode 0755, the two license files with 0644, and nothing else."""
    expected = {context.executable.name: EXECUTABLE_MODE, **dict.fromkeys(LICENSE_FILES, FILE_MODE)}
    found = member_modes(context.archive)
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


def check_size(context: VerificationContext) -> str:
    """The archive is no larger than the project allows."""
    limit = context.settings.size_limit_mib
    size = context.archive.stat().st_size / MIB
    if limit is None:
        raise CheckSkippedError(f"{size:.1f} MiB; no size-limit-mib is set")
    if size > limit:
        raise CheckFailedError(
            f"the archive has {size:.1f} MiB, over the limit of {limit} MiB",
            "find what grew (build record, packages) and exclude it, or raise size-limit-mib in [tool.release-tools]",
        )
    return f"{size:.1f} of {limit} MiB"


def check_machine(context: VerificationContext) -> str:
    """The executable has the platform's format, for the platform's machine and no other."""
    wanted = f"{context.platform.binary_format} for {context.platform.arch}"
    if not context.executable.is_file():
        raise CheckFailedError(
            f"the archive holds no {context.executable.name}",
            "get it again: its name says another platform or version than what is inside",
        )
    native = read_native(context.executable.read_bytes())
    found = f"{native.format} for {', '.join(native.machines)}" if native else "no executable file format"
    if found != wanted:
        raise CheckFailedError(
            f"{context.executable.name} is {found}, not {wanted}",
            f"build on a {context.platform.name} machine, with a Python made for it",
        )
    return found
