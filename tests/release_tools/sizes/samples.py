"""An executable with a bit of everything, and its contents."""

from pathlib import Path

from release_tools.sizes.contents import Contents, read_parts
from release_tools.verification.static.sizes import Owners
from tests.release_tools.verification.static.samples import make_elf, write_one_file

OWNERS = Owners(
    files={"one/_fast.so": "one", "one/words.txt": "one"},
    modules={"one": "one", "one.cli": "one", "two": "two"},
    metadata={"one-1.0.dist-info": "one"},
)


def executable_of(folder: Path, words: int = 1000) -> Path:
    """Where `make_contents` writes the executable."""
    return folder / f"words-{words}" / "app"


def make_contents(folder: Path, words: int = 1000) -> Contents:
    """The contents of `executable_of(folder, words)`; `words` changes one data file."""
    executable = executable_of(folder, words)
    executable.parent.mkdir()
    write_one_file(
        executable,
        bootloader=make_elf(),
        binaries={"one/_fast.so": bytes(10_000)},
        data={"one/words.txt": b"words " * words, "one-1.0.dist-info/METADATA": bytes(500)},
        modules={"one": "", "one.cli": "NAME = '" + "name " * 1000 + "'", "two": ""},
        script="print('hello')",
    )
    return Contents(
        archive="app-dev-linux-amd64.tar.gz",
        sha256=f"{words:064}",
        archive_bytes=1000,
        executable_bytes=executable.stat().st_size,
        parts=read_parts(executable, OWNERS),
    )
