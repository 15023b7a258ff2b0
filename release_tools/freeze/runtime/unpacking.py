"""Unpacks the bundle's files, except the few that Python needs to get here, which the bootloader has unpacked.

A signal that ends the bootloader while it unpacks leaves its folder behind. One that ends this process doesn't: the
bootloader removes the folder then.
"""

import contextlib
import os
import sys

from . import bootloader

# How the payload of an executable ends: this mark, then four numbers and the name of Python's library (`CArchiveWriter`
# in PyInstaller/archive/writers.py).
MARK = b"MEI\014\013\012\013\016"
COOKIE_SIZE = 88
# What an entry of its table begins with: six numbers, the last two of one byte each, before the name.
ENTRY_SIZE = 18

# The kinds of files that the bootloader leaves to this module, and the permissions they get from it otherwise.
PERMISSIONS = {b"B": 0o700, b"X": 0o600}

# The kind, name, position and size in bytes.
Entry = tuple[bytes, str, int, int]


def unpack() -> None:
    """Unpack the files, in the process that the bootloader started; every other one finds them unpacked."""
    # The bootloader of Windows has unpacked them all.
    if sys.platform == "win32":
        return
    folder: str = getattr(sys, "_MEIPASS", "")
    if not bootloader.process_id:
        if is_abandoned(folder):
            os._exit(1)
        return
    created = {""}
    executable = os.open(sys.executable, os.O_RDONLY)
    try:
        files = deferred_files(executable)
        # A program that has replaced itself, by `os.execv`, has the same process and folder.
        if is_unpacked(files, folder):
            return
        for kind, name, offset, size in files:
            create_folder(folder, os.path.dirname(name), created)  # noqa: PTH120 - pathlib would cost time
            copy(executable, offset, size, f"{folder}/{name}", PERMISSIONS[kind])
    except OSError as error:
        program = os.path.basename(sys.executable)  # noqa: PTH119
        sys.stderr.write(f"{program}: error: can't unpack {error.filename or folder}: {error.strerror}\n")
        sys.stderr.write("hint: free some space there, or set TMPDIR to another folder\n")
        sys.stderr.flush()
        os._exit(1)
    finally:
        os.close(executable)


def is_abandoned(folder: str) -> bool:
    """Whether the bootloader was killed before this process could find out that it's the first one."""
    unpacked_by = bootloader.process_of(folder)
    if not unpacked_by or bootloader.is_alive(unpacked_by):
        return False
    try:
        with open(sys.executable, "rb") as executable:  # noqa: PTH123
            return not is_unpacked(deferred_files(executable.fileno()), folder)
    except OSError:
        return False


def deferred_files(executable: int) -> list[Entry]:
    """The files that the bootloader leaves to this module. Raises `OSError` if the executable has no payload."""
    return [entry for entry in read_table(executable) if entry[0] in PERMISSIONS]


def is_unpacked(files: list[Entry], folder: str) -> bool:
    """Whether the last of the files is there."""
    return not files or os.path.isfile(f"{folder}/{files[-1][1]}")  # noqa: PTH113


def read_table(executable: int) -> list[Entry]:
    """Each entry of an executable's payload.

    Raises `OSError` if there's none.
    """
    end = find_cookie(executable)
    numbers = os.pread(executable, COOKIE_SIZE, end)[len(MARK) :]
    length, table_position, table_size = (int.from_bytes(numbers[at : at + 4]) for at in (0, 4, 8))
    start = end + COOKIE_SIZE - length
    table = os.pread(executable, table_size, start + table_position)
    entries = []
    at = 0
    while at < len(table):
        entry_size, offset, size = (int.from_bytes(table[at + begin : at + begin + 4]) for begin in (0, 4, 8))
        name = table[at + ENTRY_SIZE : at + entry_size].rstrip(b"\0").decode()
        entries.append((table[at + ENTRY_SIZE - 1 : at + ENTRY_SIZE], name, start + offset, size))
        at += entry_size
    return entries


def find_cookie(executable: int) -> int:
    """The position of the mark. What comes behind the payload, such as section headers or a signature, is small."""
    block = 64 * 1024
    end = os.fstat(executable).st_size
    while end > 0:
        begin = max(0, end - block)
        found = os.pread(executable, end - begin + len(MARK), begin).rfind(MARK)
        if found >= 0:
            return begin + found
        end = begin
    raise OSError(0, "the executable has no payload", sys.executable)


def create_folder(root: str, folder: str, created: set[str]) -> None:
    """Create a folder below `root` and those above it, unless they are among `created`."""
    if folder not in created:
        create_folder(root, os.path.dirname(folder), created)  # noqa: PTH120
        created.add(folder)
        # The bootloader may have unpacked files there.
        with contextlib.suppress(FileExistsError):
            os.mkdir(f"{root}/{folder}", 0o700)  # noqa: PTH102


def copy(executable: int, offset: int, size: int, path: str, permissions: int) -> None:
    """Write a part of the executable to a new file."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, permissions)
    try:
        while size:
            content = os.pread(executable, min(size, 1 << 20), offset)
            if not content:
                raise OSError(0, "the executable is truncated", sys.executable)
            offset, size = offset + len(content), size - len(content)
            while content:
                content = content[os.write(file, content) :]
    finally:
        os.close(file)
