"""Unpacks the files that every start needs, except the few that Python needs to get here, which the bootloader has
unpacked.

A signal that ends the bootloader while it unpacks leaves its folder behind. One that ends this process doesn't: the
bootloader removes the folder then.
"""

import contextlib
import os
import sys

from . import bootloader, payload

# Every unpacked folder has this file, with the app's name in it. It's unpacked first, so that the folder of an
# interrupted start has it too.
MARKER = "!app"

# What the name of the folder ends in while the bootloader removes an empty one in its place.
KEPT = ".kept"
# How long the bootloader may take to remove a folder, and the program to end before.
BOOTLOADER_SECONDS = 2.0
END_SECONDS = 60.0

# The permissions of the files that are unpacked at every start.
PERMISSIONS = {payload.NATIVE_AT_START: 0o700, payload.DATA_AT_START: 0o600}


def unpack() -> list[payload.Entry]:
    """Unpack the files, in the process that the bootloader started, and return all entries of the payload."""
    folder: str = getattr(sys, "_MEIPASS", "")
    if not getattr(sys, "frozen", False):
        return []
    try:
        entries = payload.read_table()
        # The bootloader of Windows has unpacked them. What decompresses the others isn't compressed.
        files = sorted((entry for entry in entries if entry[0] in PERMISSIONS), key=is_entry_compressed)
        # A program that has replaced itself, by `os.execv`, has the same process and folder.
        if is_unpacked(files, folder):
            return entries
        if not bootloader.process_id:
            if is_abandoned(folder):
                os._exit(1)
            return entries
        for kind, name, position, size, is_compressed in files:
            create_folders(f"{folder}/{name}", len(folder) + 1)
            write(f"{folder}/{name}", position, size, PERMISSIONS[kind], is_compressed=is_compressed)
    except OSError as error:
        report(error)
        os._exit(1)
    return entries


def is_entry_compressed(entry: payload.Entry) -> bool:
    return entry[-1]


def report(error: OSError) -> None:
    """Tell the user why a file can't be unpacked, and what to do."""
    program = os.path.basename(sys.executable)  # noqa: PTH119
    folder = getattr(sys, "_MEIPASS", "")
    sys.stderr.write(f"{program}: error: can't unpack {error.filename or folder}: {error.strerror}\n")
    # The reasons without a number are ours.
    cure = "free some space there, or set TMPDIR to another folder" if error.errno else "start it again"
    sys.stderr.write(f"hint: {cure}\n")
    sys.stderr.flush()


def is_abandoned(folder: str) -> bool:
    """Whether the bootloader was killed before this process could find out that it's the first one."""
    unpacked_by = bootloader.process_of(folder)
    return bool(unpacked_by) and not bootloader.is_alive(unpacked_by)


def is_unpacked(files: list[payload.Entry], folder: str) -> bool:
    """Whether the last of the files is there."""
    return not files or os.path.isfile(f"{folder}/{files[-1][1]}")  # noqa: PTH113


def create_folders(path: str, start: int = 0, *, below: int | None = None) -> None:
    """Create the folders of a file, from this position in its path on."""
    end = path.find("/", start)
    while end > 0:
        # Others may have unpacked files there.
        with contextlib.suppress(FileExistsError):
            os.mkdir(path[:end], 0o700, dir_fd=below)
        end = path.find("/", end + 1)


def write(
    path: str, position: int, size: int, permissions: int, *, is_compressed: bool, below: int | None = None
) -> None:
    """Write an entry of the payload to a new file."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    file = os.open(path, flags, permissions, dir_fd=below)
    try:
        for content in payload.chunks(position, size, is_compressed=is_compressed):
            at = 0
            while at < len(content):
                at += os.write(file, content[at:] if at else content)
    finally:
        os.close(file)
