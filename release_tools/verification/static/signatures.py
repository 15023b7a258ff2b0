"""Code signatures of macOS, which ends a program on Apple silicon that has none, or one that does not fit its bytes.

PyInstaller signs what it bundles and the executable ad hoc, without an identity: enough to run, not to be trusted by
Gatekeeper after a download.
"""

from typing import Final

from release_tools.processes.run import observe
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext, refuse
from release_tools.verification.starts.running import bare_environment, described
from release_tools.verification.static.native_contents import contents_of, native_files

# A part of macOS, and not of Apple's developer tools (man codesign).
_CODESIGN: Final = "/usr/bin/codesign"
_TIMEOUT_SECONDS: Final = 120.0


def check_signatures(context: VerificationContext) -> str:
    """Everything that runs on Apple silicon carries a signature; told by the bytes, on any machine."""
    contents = contents_of(context, "MACHO")
    if context.platform.arch != "arm64":
        raise CheckSkippedError("Intel Macs run code without a signature")
    files = native_files(context, contents)
    refuse(
        context,
        (name for name, native in files if context.platform.arch not in native.signed_machines),
        what="macOS on Apple silicon ends what carries no code signature",
        hint="PyInstaller signs on macOS, and its log (build/<platform>/freeze/pyinstaller.log) says why it did not; "
        "what strips or changes files afterwards takes the signature away",
    )
    return f"on {len(files)} files"


def check_codesign(context: VerificationContext) -> str:
    """The executable's signature fits its bytes, as macOS itself judges; asked where macOS runs."""
    if context.platform.os != "darwin":
        raise CheckSkippedError("a question for darwin only")
    finished = observe(
        [_CODESIGN, "--verify", "--strict", "--verbose=2", str(context.executable)],
        cwd=context.scratch,
        environment=bare_environment(context),
        timeout_seconds=_TIMEOUT_SECONDS,
    )
    if finished.code != 0:
        raise CheckFailedError(
            f"macOS refuses the executable's code signature: codesign --verify {described(finished)}",
            "something changed the file after PyInstaller had signed it",
        )
    return "valid"
