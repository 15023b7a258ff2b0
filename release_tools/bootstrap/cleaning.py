"""Deletes the output of builds: `build/<platform>/` and, if asked, the archives in `dist/`.

Other files next to them and the targets of symbolic links stay.
"""

import os
import re
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from release_tools.errors import CleaningError, Problem, RequestError
from release_tools.platforms import PLATFORMS
from release_tools.repository import git, is_checkout
from release_tools.settings import ReleaseSettings


def clean(root: Path, *, with_archives: bool, is_dry_run: bool, report: Callable[[str], None]) -> None:
    """Delete the output of builds, and report each file and folder.

    Raises `RequestError`, before anything is deleted, for symbolic links and files that git tracks, and
    `CleaningError` for what can't be deleted.
    """
    settings = ReleaseSettings.load(root)
    paths = [*_build_folders(settings), *(_archives(settings) if with_archives else ())]
    problems = [problem for path in paths for problem in _problems(root, path)]
    if problems:
        raise RequestError("clean", problems)
    for path in paths:
        megabytes = _size(path) / 1_000_000
        if not is_dry_run:
            _delete(path)
        verb = "would delete" if is_dry_run else "deleted"
        report(f"{verb} {path.relative_to(root).as_posix()} ({megabytes:.1f} MB)")
    if not paths:
        report("nothing to delete")
    if not is_dry_run:
        for folder in {path.parent for path in paths}:
            _delete_if_empty(folder)


def _build_folders(settings: ReleaseSettings) -> list[Path]:
    folders = [settings.build_folder(platform.name) for platform in PLATFORMS]
    return [folder for folder in folders if os.path.lexists(folder)]


def _archives(settings: ReleaseSettings) -> list[Path]:
    """The archives of this project and their checksums, of every version."""
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
            hint="builds don't create links: delete it and its target yourself",
        )
    elif is_checkout(root) and git(root, "ls-files", "--", str(path)).strip():
        yield Problem(
            what=f"git tracks files in {path.relative_to(root).as_posix()}",
            hint="builds overwrite this folder: move the files elsewhere with `git mv`",
        )


def _size(path: Path) -> int:
    if not path.is_dir():
        return path.stat().st_size
    files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sum(file.lstat().st_size for file in files)


def _delete(path: Path) -> None:
    try:
        if not path.is_dir():
            path.unlink()
            return
        _make_deletable(path)
        shutil.rmtree(path)
    except OSError as error:
        raise CleaningError(Path(error.filename or path), error) from None


def _make_deletable(folder: Path) -> None:
    """Make everything writable; git's objects and some tests' folders aren't, and `rmtree` fails on them."""
    folder.chmod(folder.stat().st_mode | stat.S_IRWXU)
    for place, folders, files in os.walk(folder):
        # Deleting needs writable files on Windows and writable folders elsewhere.
        for name in (*folders, *(files if os.name == "nt" else ())):
            path = Path(place, name)
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | stat.S_IRWXU)


def _delete_if_empty(folder: Path) -> None:
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()
