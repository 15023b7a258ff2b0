"""Checks of code signatures: macOS on Apple silicon kills a program whose signature is missing or invalid.

PyInstaller signs the executable and what it bundles ad hoc, without an identity. That is enough to run, but not for
Gatekeeper to trust a download.
"""

from typing import Final

from release_tools.processes.run import observe
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext, refuse
from release_tools.verification.starts.running import bare_environment, described
from release_tools.verification.static.native_contents import contents_of

# Part of macOS itself, not of the developer tools (man codesign).
_CODESIGN: Final = "/usr/bin/codesign"
_TIMEOUT_SECONDS: Final = 120.0


def check_signatures(context: VerificationContext) -> str:
    """Every native file for Apple silicon is signed. Reads the bytes, so this runs on any machine."""
    contents = contents_of(context, "MACHO")
    if context.platform.arch != "arm64":
        raise CheckSkippedError("Intel Macs run code without a signature")
    files = contents.files
    refuse(
        context,
        (name for name, native in files if context.platform.arch not in native.signed_machines),
        what="unsigned files, which macOS on Apple silicon refuses to run",
        hint="see build/<platform>/freeze/pyinstaller.log for why PyInstaller didn't sign it; stripping or editing a "
        "file removes its signature",
    )
    return f"{len(files)} files signed"


def check_codesign(context: VerificationContext) -> str:
    """The executable's signature is valid according to codesign, on a Mac."""
    if context.platform.os != "darwin":
        raise CheckSkippedError("applies to darwin only")
    finished = observe(
        [_CODESIGN, "--verify", "--strict", "--verbose=2", str(context.executable)],
        cwd=context.scratch,
        environment=bare_environment(context),
        timeout_seconds=_TIMEOUT_SECONDS,
    )
    if finished.code != 0:
        raise CheckFailedError(
            f"the executable's code signature is invalid: codesign --verify {described(finished)}",
            "something changed the file after PyInstaller signed it: build the archive again, or download it again",
        )
    return "valid"
