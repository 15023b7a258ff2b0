"""Python's `sysconfig` data without the folder that Python is installed in.

Every installation names its own there. Left in, it would differ between two machines that build one commit, and hold
the home folder of whoever has Python in it. Called by `plan.py`.
"""

import importlib
import re
import sys
import sysconfig
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

# What python-build-standalone has there before it is installed. No Python is in it, so that a program which looks for a
# file of Python's finds none, instead of one of another Python.
PLACEHOLDER: Final = "/install"

# The rest of the system is in these too, such as the time zones that TZPATH names.
_SYSTEM_FOLDERS: Final = frozenset({"/", "/usr", "/usr/local"})

Variables = Mapping[str, str | int]


def write_neutral_data(folder: Path) -> Path:
    """Write the running Python's data as a module of the same name into `folder`; returns the folder."""
    name: str = sysconfig._get_sysconfigdata_name()  # type: ignore[attr-defined]  # noqa: SLF001 - PyInstaller's way
    variables: Variables = importlib.import_module(name).build_time_vars
    neutral = without_folders(variables, python_folders(variables))
    folder.mkdir(parents=True, exist_ok=True)
    text = f"build_time_vars = {neutral!r}\n"
    (folder / f"{name}.py").write_text(text, encoding="utf-8", errors="surrogateescape")
    return folder


def python_folders(variables: Variables) -> frozenset[str]:
    """The folders that Python is installed in, by every name: those of links, what they point to, what its data say."""
    named = {sys.base_prefix, sys.base_exec_prefix}
    stated = {str(variables[key]) for key in ("prefix", "exec_prefix") if key in variables}
    return frozenset(named | {str(Path(name).resolve()) for name in named} | stated) - _SYSTEM_FOLDERS


def without_folders(variables: Variables, folders: Collection[str]) -> dict[str, str | int]:
    """The variables in a fixed order, with the placeholder for each of these folders."""
    if not folders:
        return dict(sorted(variables.items()))
    longest_first = sorted(folders, key=len, reverse=True)
    # A folder of which the name only begins so is another one.
    pattern = re.compile(f"(?:{'|'.join(map(re.escape, longest_first))})(?![\\w.+-])")
    return {
        name: pattern.sub(PLACEHOLDER, value) if isinstance(value, str) else value
        for name, value in sorted(variables.items())
    }
