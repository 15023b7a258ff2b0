"""Checks of the executable by its bytes; they need no machine of its platform."""

from release_tools.native import read_native
from release_tools.verification.check import CheckFailedError, Subject


def check_machine(subject: Subject) -> str:
    """The executable has the platform's format, for the platform's machine and no other."""
    wanted = f"{subject.platform.binary_format} for {subject.platform.arch}"
    if not subject.executable.is_file():
        raise CheckFailedError(
            f"the archive holds no {subject.executable.name}",
            "get it again: its name says another platform or version than what is inside",
        )
    native = read_native(subject.executable.read_bytes())
    found = f"{native.format} for {', '.join(native.machines)}" if native else "no executable file format"
    if found != wanted:
        raise CheckFailedError(
            f"{subject.executable.name} is {found}, not {wanted}",
            f"build on a {subject.platform.name} machine, with a Python made for it",
        )
    return found
