"""Folders that are full, read-only, not executable or empty, for one program alone: mounts in a namespace of its own.

Linux only, and only where an ordinary user may make such namespaces; some distributions and containers forbid it.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.starts.running import bare_environment, start_program

_OWN_NAMESPACE: Final = ("unshare", "--mount", "--map-root-user")

# Arguments: how many folders, the options of the mounts, the folders, then the program with its own arguments. The
# working folder may lie in what was mounted, so it is entered anew.
_MOUNT_AND_START: Final = """
options=$1 count=$2
shift 2
while [ "$count" -gt 0 ]; do
    mount -t tmpfs -o "$options" tmpfs "$1" || exit 125
    shift; count=$((count - 1))
done
cd "$PWD" && exec "$@"
"""


# Arguments: the folder, the program that goes into it, then the command line. `bind` makes only this mount read-only;
# without it mount passes all options of the file system on, and a user's number among them is unknown in the namespace.
_COPY_AND_START: Final = """
folder=$1 program=$2
shift 2
mount -t tmpfs tmpfs "$folder" && cp "$program" "$folder" && mount -o remount,bind,ro "$folder" || exit 125
exec "$@"
"""


def mounted(options: str, folders: Sequence[Path]) -> tuple[str, ...]:
    """The start of a command line that starts the rest of it with an empty memory file system on these folders."""
    return (*_OWN_NAMESPACE, "/bin/sh", "-c", _MOUNT_AND_START, "sh", options, str(len(folders)), *map(str, folders))


def copied_read_only(program: Path, folder: Path) -> tuple[str, ...]:
    """The start of a command line that starts the rest of it with a copy of the program in this folder, read-only."""
    return (*_OWN_NAMESPACE, "/bin/sh", "-c", _COPY_AND_START, "sh", str(folder), str(program))


def require_mounts(context: VerificationContext, folder: Path) -> None:
    """Raises `CheckSkippedError`, with the system's own words, where such mounts are not possible."""
    if context.platform.os != "linux":
        raise CheckSkippedError(f"{context.platform.os} has no private mounts")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        tried = start_program(context, [*mounted("size=4k", [folder]), "/bin/true"], bare_environment(context))
    except CheckFailedError as error:
        raise CheckSkippedError(error.what) from None
    if tried.code != 0:
        raise CheckSkippedError(f"private mounts are not permitted here: {tried.output.strip() or tried.code}")
