"""Which native files an executable holds: what the checks of its members look at."""

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Final

from release_tools.binaries.native_files import NativeFile, read_native
from release_tools.binaries.payload import BINARY, DATA, UNPACKED, Payload, PayloadMember
from release_tools.platforms import BINARY_FORMATS, BinaryFormat
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext

_LIBRARY_NAME: Final = re.compile(r".*\.(so(\.\d+)*|dylib|dll|pyd)", re.IGNORECASE)
_PE_LIBRARY_NAME: Final = re.compile(r".*\.(dll|pyd)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class NativeContents:
    """The native files of an executable by their names, and the names of all the files that it unpacks.

    What `members` maps to None is bundled as native, and is not.
    """

    executable: NativeFile | None
    members: dict[str, NativeFile | None]
    file_names: frozenset[str]

    def natives(self) -> Iterator[tuple[str, NativeFile]]:
        """The members that can be read, in order of name."""
        return ((name, native) for name, native in sorted(self.members.items()) if native is not None)


def native_contents(context: VerificationContext) -> NativeContents:
    """What the checks here look at; read once for all of them.

    Raises `CheckFailedError` when the executable cannot be read.
    """
    path = context.executable
    try:
        status = path.stat()
        with _reading:
            return _read_contents(path, context.platform.binary_format, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise CheckFailedError(f"the executable cannot be read: {error}", "unpack the archive again") from None


# Checks ask side by side, and a cache does not wait for what is being worked out.
_reading: Final = threading.Lock()


@lru_cache(maxsize=1)
def _read_contents(path: Path, binary_format: BinaryFormat, _changed_ns: int, _size: int) -> NativeContents:
    payload = Payload(path)
    members: dict[str, NativeFile | None] = {}
    for member in payload.members:
        if member.kind not in {BINARY, DATA}:
            continue
        native = read_native(payload.read(member))
        # Among the data, a program for another system is what some packages ship; it is copied, and never loaded.
        is_loadable = native is not None and native.format == binary_format and _LIBRARY_NAME.fullmatch(member.name)
        if is_loadable or _is_bundled_as_native(member, binary_format):
            members[member.name] = native
    names = (PurePosixPath(member.name).name for member in payload.members if member.kind in UNPACKED)
    return NativeContents(
        executable=read_native(path.read_bytes()), members=members, file_names=frozenset(name.lower() for name in names)
    )


def _is_bundled_as_native(member: PayloadMember, binary_format: BinaryFormat) -> bool:
    # PyInstaller calls binary whatever the system would execute by its mode, and on Windows that is every file.
    return member.kind == BINARY and (binary_format != "PE" or _PE_LIBRARY_NAME.fullmatch(member.name) is not None)


def contents_of(context: VerificationContext, binary_format: BinaryFormat) -> NativeContents:
    """What the checks of one format look at.

    Raises `CheckSkippedError` on the platforms of another one.
    """
    if context.platform.binary_format != binary_format:
        systems = [system for system, kind in BINARY_FORMATS.items() if kind == binary_format]
        raise CheckSkippedError(f"a question for {', '.join(systems)} only")
    return native_contents(context)


def native_files(context: VerificationContext, contents: NativeContents) -> list[tuple[str, NativeFile]]:
    """The members that can be read, and the executable itself."""
    itself = [(context.executable.name, contents.executable)] if contents.executable else []
    return [*contents.natives(), *itself]
