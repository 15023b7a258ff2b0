"""The native files in an executable, read once for all checks."""

import csv
import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Final

from release_tools.binaries.native_files import NativeFile, format_of, read_native
from release_tools.binaries.payload import BINARY, DATA, UNPACKED, Payload, PayloadMember
from release_tools.lockfile import METADATA_SUFFIX, distribution_of
from release_tools.platforms import BINARY_FORMATS, BinaryFormat
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext

_LIBRARY_NAME: Final = re.compile(r".*\.(so(\.\d+)*|dylib|dll|pyd)", re.IGNORECASE)
_PE_LIBRARY_NAME: Final = re.compile(r".*\.(dll|pyd)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class NativeContents:
    """The executable itself, its native members by name, and the lower-case names of all files that it unpacks.

    A member with the name of a library that isn't native is None. `owners` has the distribution's
    normalized name for each file in the bundled RECORDs.
    """

    executable_name: str
    executable: NativeFile | None
    members: dict[str, NativeFile | None]
    file_names: frozenset[str]
    owners: Mapping[str, str]

    @property
    def libraries(self) -> list[tuple[str, NativeFile]]:
        """The readable members, sorted by name."""
        return [(name, native) for name, native in sorted(self.members.items()) if native is not None]

    @property
    def files(self) -> list[tuple[str, NativeFile]]:
        """The readable members, then the executable."""
        return [*self.libraries, *([(self.executable_name, self.executable)] if self.executable else [])]


def native_contents(context: VerificationContext) -> NativeContents:
    """The native files in the executable.

    Raises `CheckFailedError` when the executable can't be opened.
    """
    path = context.executable
    try:
        status = path.stat()
        with _reading:
            return _read_contents(path, context.platform.binary_format, status.st_mtime_ns, status.st_size)
    except OSError as error:
        raise CheckFailedError(f"can't read the executable: {error}", "unpack the archive again") from None


def contents_of(context: VerificationContext, binary_format: BinaryFormat) -> NativeContents:
    """The native files in an executable of this format.

    Raises `CheckSkippedError` on platforms with another format.
    """
    if context.platform.binary_format != binary_format:
        systems = [system for system, kind in BINARY_FORMATS.items() if kind == binary_format]
        raise CheckSkippedError(f"applies to {', '.join(systems)} only")
    return native_contents(context)


# Checks run concurrently, and `lru_cache` would let each of them read the executable.
_reading: Final = threading.Lock()


@lru_cache(maxsize=1)
def _read_contents(path: Path, binary_format: BinaryFormat, _changed_ns: int, _size: int) -> NativeContents:
    payload = Payload(path)
    members: dict[str, NativeFile | None] = {}
    owners: dict[str, str] = {}
    for member in payload.members:
        if member.kind not in {BINARY, DATA}:
            continue
        content = payload.read(member)
        folder, _, name = member.name.rpartition("/")
        if name == "RECORD" and folder.endswith(METADATA_SUFFIX):
            rows = csv.reader(content.decode("utf-8", "replace").splitlines())
            owners |= {row[0]: distribution_of(folder) for row in rows if row}
        native = read_native(content)
        if _is_loaded(member, content, native, binary_format):
            members[member.name] = native
    names = (PurePosixPath(member.name).name for member in payload.members if member.kind in UNPACKED)
    return NativeContents(
        executable_name=path.name,
        executable=read_native(path.read_bytes()),
        members=members,
        file_names=frozenset(name.lower() for name in names),
        owners=owners,
    )


def _is_loaded(member: PayloadMember, content: bytes, native: NativeFile | None, binary_format: BinaryFormat) -> bool:
    """Whether the program may load or start this member as native code.

    PyInstaller's kind says little: it collects every file with the executable bit as a binary, such as a script or the
    text files of some wheels; on Windows that is every file. Some packages contain libraries and programs for other
    systems.
    """
    is_library = _LIBRARY_NAME.fullmatch(member.name) is not None
    if member.kind == BINARY and binary_format != "PE":
        return is_library or format_of(content) == binary_format
    if member.kind == BINARY and _PE_LIBRARY_NAME.fullmatch(member.name):
        return True
    return is_library and native is not None and native.format == binary_format
