"""Takes away what builds leave: `build/<platform>/`, and the archives in `dist/` where that is asked for.

Nothing else is touched: files that somebody put beside them stay, and so does what a symbolic link leads to.
"""

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from release_tools.errors import CleaningError, Problem, RequestError
from release_tools.platforms import PLATFORMS
from release_tools.repository import git, is_checkout
from release_tools.settings import ReleaseSettings


@dataclass(frozen=True, kw_only=True)
class Leftover:
    """A file, or a folder with all that is in it, that builds left. `size` in bytes."""

    path: Path
    size: int


def clean(root: Path, *, with_archives: bool, is_dry_run: bool, say: Callable[[str], None]) -> None:
    """Remove what builds left, and say each of it.

    Raises `RequestError`, before anything is removed, when a symbolic link or a file that git tracks is in the way, and
    `CleaningError` when something cannot be removed.
    """
    settings = ReleaseSettings.load(root)
    paths = [*_build_folders(settings), *(_archives(settings) if with_archives else ())]
    problems = [problem for path in paths for problem in _problems(root, path)]
    if problems:
        raise RequestError("clean", problems)
    leftovers = [Leftover(path=path, size=_size(path)) for path in paths]
    for leftover in leftovers:
        if not is_dry_run:
            _remove(leftover.path)
        verb = "would remove" if is_dry_run else "removed"
        say(f"{verb} {leftover.path.relative_to(root).as_posix()} ({leftover.size / 1_000_000:.1f} MB)")
    if not leftovers:
        say("nothing to remove")
    if not is_dry_run:
        for folder in {path.parent for path in paths}:
            _remove_if_empty(folder)


def _build_folders(settings: ReleaseSettings) -> list[Path]:
    folders = [settings.build_folder(platform.name) for platform in PLATFORMS]
    return [folder for folder in folders if os.path.lexists(folder)]


def _archives(settings: ReleaseSettings) -> list[Path]:
    """Archives of this project and their checksums, by their names, whatever their version."""
    if not settings.dist_folder.is_dir():
        return []
    ends = "|".join(re.escape(f"-{platform.name}{platform.archive_suffix}") for platform in PLATFORMS)
    name = re.compile(rf"{re.escape(settings.executable)}-(dev|v[0-9][0-9A-Za-z.+-]*)({ends})(\.sha256)?")
    return sorted(path for path in settings.dist_folder.iterdir() if name.fullmatch(path.name))


def _problems(root: Path, path: Path) -> Iterator[Problem]:
    link = next((place for place in (path.parent, path) if place.is_symlink()), None)
    if link is not None:
        yield Problem(
            what=f"{link.relative_to(root).as_posix()} is a symbolic link to {link.readlink()}",
            hint="no build made it; remove it by hand, together with what it leads to",
        )
    elif is_checkout(root) and git(root, "ls-files", "--", str(path)).strip():
        yield Problem(
            what=f"git tracks files in {path.relative_to(root).as_posix()}",
            hint="move them to another folder (git mv); builds own this one",
        )


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sum(file.lstat().st_size for file in files)


def _remove(path: Path) -> None:
    try:
        if not path.is_dir():
            path.unlink()
            return
        _make_removable(path)
        shutil.rmtree(path)
    except OSError as error:
        raise CleaningError(Path(error.filename or path), error) from None


def _make_removable(folder: Path) -> None:
    """Lift the write protection that git puts on its objects and tests put on folders; rmtree stops at it."""
    folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
    for place, folders, files in os.walk(folder):
        # Files have to be writable on Windows only, folders elsewhere only.
        for name in (*folders, *(files if os.name == "nt" else ())):
            path = Path(place, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | stat.S_IRWXU)


def _remove_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
