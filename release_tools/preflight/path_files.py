"""Finds `.pth` files with code, which Python's `site` module runs at every start: a frozen program doesn't run them."""

from collections.abc import Iterable
from typing import Final

from release_tools.distributions import InstalledDistribution
from release_tools.errors import Problem

# In the name or code of files that aren't missed: namespace packages need none, and PyInstaller's hooks do the rest.
_REPLACED: Final = ("-nspkg.pth", "_distutils_hack", "pywin32_bootstrap")


def path_file_problems(project: InstalledDistribution) -> list[Problem]:
    """One problem for each `.pth` file of the project with code in it."""
    return [
        Problem(
            what=f"{path} runs code whenever Python starts, but not in a frozen program",
            hint="call it at the start of the program instead",
        )
        for path in _files_with_code(project)
    ]


def path_file_notes(dependencies: Iterable[InstalledDistribution]) -> tuple[str, ...]:
    """One note for each such file of a dependency: few programs need what they do."""
    return tuple(
        f"{path} of {one.label} runs code whenever Python starts, but not in the frozen program"
        for one in dependencies
        for path in _files_with_code(one)
    )


def _files_with_code(one: InstalledDistribution) -> list[str]:
    paths = [file.path for file in one.files if file.path.endswith(".pth") and "/" not in file.path]
    return [path for path in paths if any(_is_lost_code(path, line) for line in _lines_of(one, path))]


def _lines_of(one: InstalledDistribution, path: str) -> list[str]:
    return one.locate(path).read_text(encoding="utf-8", errors="replace").splitlines()


def _is_lost_code(path: str, line: str) -> bool:
    return line.startswith(("import ", "import\t")) and not any(mark in path or mark in line for mark in _REPLACED)
