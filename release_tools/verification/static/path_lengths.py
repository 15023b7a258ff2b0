"""The check that everything in the executable can be unpacked where paths may have 260 characters, as on Windows."""

from typing import Final

from release_tools.binaries.payload import UNPACKED, Payload
from release_tools.verification.check import CheckSkippedError, VerificationContext, refuse

# MAX_PATH of the Windows API counts a zero at the end. Users who may have longer paths are few: it takes a setting that
# only administrators can change.
_LONGEST_PATH: Final = 259
# A user's name on Windows has at most 20 characters.
_TEMPORARY_FOLDER: Final = rf"C:\Users\{'n' * 20}\AppData\Local\Temp"
# `_MEI`, the bootloader's process id in eight digits, and random characters.
_BUNDLE_FOLDER: Final = "_MEI" + 8 * "0" + 8 * "x"
_ROOM: Final = _LONGEST_PATH - len(f"{_TEMPORARY_FOLDER}\\{_BUNDLE_FOLDER}\\")


def check_path_lengths(context: VerificationContext) -> str:
    """No member's path is too long for the temporary folder of a Windows user with the longest name there is."""
    if context.platform.os != "windows":
        raise CheckSkippedError("a question for windows only")
    names = [member.name for member in Payload(context.executable).members if member.kind in UNPACKED]
    refuse(
        context,
        (f"{name} ({len(name)} characters)" for name in names if len(name) > _ROOM),
        what=f"longer than the {_ROOM} characters that Windows leaves below a user's temporary folder",
        hint="give the file a shorter name or place, or leave it out of the bundle; where it is never opened, list the "
        "finding with a reason in allowed-findings",
    )
    return f"{max(map(len, names), default=0)} of {_ROOM} characters"
