"""Removes the folder that Python is installed in from its `sysconfig` data.

With it, two machines couldn't build equal binaries of one commit, and a Python in the user's home would put that folder
into the binary. Called by `plan.py`.
"""

import importlib
import re
import sys
import sysconfig
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

# The prefix in python-build-standalone's own archives. The folder doesn't exist, so a program that looks for one of
# Python's files finds none, rather than one of another Python.
PLACEHOLDER: Final = "/install"

# Shared with the rest of the system: TZPATH, for example, names folders in them.
_SYSTEM_FOLDERS: Final = frozenset({"/", "/usr", "/usr/local"})

Variables = Mapping[str, str | int]


def write_neutral_data(folder: Path) -> Path:
    """Write the running Python's cleaned data to `folder`, in a module of the same name; returns the folder."""
    name: str = sysconfig._get_sysconfigdata_name()  # type: ignore[attr-defined]  # noqa: SLF001 - as PyInstaller does
    variables: Variables = importlib.import_module(name).build_time_vars
    neutral = without_folders(variables, python_folders(variables))
    folder.mkdir(parents=True, exist_ok=True)
    text = f"build_time_vars = {neutral!r}\n"
    (folder / f"{name}.py").write_text(text, encoding="utf-8", errors="surrogateescape")
    return folder


def python_folders(variables: Variables) -> frozenset[str]:
    """Python's installation folders: as given, with links resolved, and as its data has them."""
    named = {sys.base_prefix, sys.base_exec_prefix}
    stated = {str(variables[key]) for key in ("prefix", "exec_prefix") if key in variables}
    return frozenset(named | {str(Path(name).resolve()) for name in named} | stated) - _SYSTEM_FOLDERS


def without_folders(variables: Variables, folders: Collection[str]) -> dict[str, str | int]:
    """The variables sorted by name, with each of these folders replaced by the placeholder."""
    if not folders:
        return dict(sorted(variables.items()))
    longest_first = sorted(folders, key=len, reverse=True)
    # Not a folder whose name only starts with this one.
    pattern = re.compile(f"(?:{'|'.join(map(re.escape, longest_first))})(?![\\w.+-])")
    return {
        name: pattern.sub(PLACEHOLDER, value) if isinstance(value, str) else value
        for name, value in sorted(variables.items())
    }
