"""Mount namespaces that make a folder full, read-only, noexec or empty for a single program.

Linux only. Some distributions and containers don't let unprivileged users create namespaces.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext
from release_tools.verification.starts.running import bare_environment, start_program

_OWN_NAMESPACE: Final = ("unshare", "--mount", "--map-root-user")

# Arguments: the mount options, the number of folders, the folders, then the program and its arguments. A mount may
# cover the working directory, so change into it again.
_MOUNT_AND_START: Final = """
options=$1 count=$2
shift 2
while [ "$count" -gt 0 ]; do
    mount -t tmpfs -o "$options" tmpfs "$1" || exit 125
    shift; count=$((count - 1))
done
cd "$PWD" && exec "$@"
"""


# Arguments: the folder, the program to copy into it, then the command to run. `bind` makes only this mount read-only;
# without it, mount passes on all options of the file system, and a user ID among them is unknown in the namespace.
_COPY_AND_START: Final = """
folder=$1 program=$2
shift 2
mount -t tmpfs tmpfs "$folder" && cp "$program" "$folder" && mount -o remount,bind,ro "$folder" || exit 125
exec "$@"
"""


def mounted(options: str, folders: Sequence[Path]) -> tuple[str, ...]:
    """A command prefix that runs the rest of the command with an empty tmpfs mounted on each folder."""
    return (*_OWN_NAMESPACE, "/bin/sh", "-c", _MOUNT_AND_START, "sh", options, str(len(folders)), *map(str, folders))


def copied_read_only(program: Path, folder: Path) -> tuple[str, ...]:
    """A command prefix that runs the rest of the command with a copy of the program in the folder, read-only."""
    return (*_OWN_NAMESPACE, "/bin/sh", "-c", _COPY_AND_START, "sh", str(folder), str(program))


def require_mounts(context: VerificationContext, folder: Path) -> None:
    """Raise `CheckSkippedError`, with the system's message, where this machine can't mount privately."""
    if context.platform.os != "linux":
        raise CheckSkippedError(f"{context.platform.os} has no mount namespaces")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        tried = start_program(context, [*mounted("size=4k", [folder]), "/bin/true"], bare_environment(context))
    except CheckFailedError as error:
        raise CheckSkippedError(error.what) from None
    if tried.code != 0:
        raise CheckSkippedError(f"mount namespaces aren't permitted here: {tried.output.strip() or tried.code}")
