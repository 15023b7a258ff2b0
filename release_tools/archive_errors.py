"""What is wrong with an archive that came from elsewhere."""

from collections.abc import Sequence
from pathlib import Path

from release_tools.errors import ReleaseError


class UnsafeArchiveError(ReleaseError):
    """An archive holds a name that must not be unpacked."""

    def __init__(self, archive: Path, member: str, why: str) -> None:
        super().__init__(
            f"{archive.name}: member {member!r} {why}; nothing was unpacked",
            "do not use this file: get it again from its release page and compare its checksum",
        )


class UnknownArchiveError(ReleaseError):
    """A file whose name is not that of an archive of this project."""

    def __init__(self, name: str, executable: str) -> None:
        super().__init__(
            f"{name!r} is not the name of an archive of this project",
            f"name a file such as {executable}-v1.2.3-linux-amd64.tar.gz, as downloaded, or a folder of them",
        )


class RefusedDownloadsError(ReleaseError):
    """Archives from elsewhere failed the verification."""

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(
            f"{len(names)} of the archives must not be used: {', '.join(names)}",
            "the table above says what is wrong with each; download it again, or report it to who made it",
        )
