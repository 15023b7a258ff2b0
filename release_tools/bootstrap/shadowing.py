"""Modules in the project's own folder that hide the standard library's, from the app and from what builds it.

Runs in Nox's interpreter, before any environment exists: the library itself could not start beside such a module.
"""

import sys
from pathlib import Path

from release_tools.errors import Problem


def shadowing_problems(root: Path) -> list[Problem]:
    """One problem for each module or package in `root` that has a name of the standard library."""
    files = [*root.glob("*.py"), *(path.parent for path in root.glob("*/__init__.py"))]
    return [
        Problem(
            what=f"{path.name} in the project's folder has the name of the standard library's {path.stem!r}, and "
            "hides it",
            hint="rename it; in a folder src/ it would still hide it from the app",
        )
        for path in sorted(files)
        if path.stem in sys.stdlib_module_names
    ]
