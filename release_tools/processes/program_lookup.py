"""Where a program is found: on the PATH that it is started with."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from release_tools.errors import MissingToolError


def with_program_path(args: Sequence[str], environment: Mapping[str, str]) -> list[str]:
    """The command line with the absolute path of its program, found as in this environment.

    Raises `MissingToolError`. A program that may not be executed is an error of the system's, which says so.
    """
    # Absolute, because the program runs in another folder, and a PATH may have relative entries.
    path = Path(args[0])
    if len(path.parts) > 1 and path.is_file():
        return [str(path.absolute()), *args[1:]]
    program = shutil.which(args[0], path=environment.get("PATH"))
    if program is None:
        raise MissingToolError(args[0], "install it, or put its folder on the PATH, then run the same command again")
    return [str(Path(program).absolute()), *args[1:]]
