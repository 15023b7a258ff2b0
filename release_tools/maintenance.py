"""What the Invoke tasks do, in Invoke's own interpreter: standard library only.

Like the sessions, a task that needs libraries makes the locked environment and hands over to `python -m release_tools`.
"""

from collections.abc import Sequence
from pathlib import Path

from release_tools.errors import Problem, RequestError
from release_tools.lockfile import BUILD_GROUPS
from release_tools.sessions import run_inside, tool_environment


def report(root: Path, paths: Sequence[Path], output: Path | None) -> None:
    """Show the records of builds (files, or all in a folder) as Markdown, on standard output or in a file.

    Raises `RequestError` when there is no record, and `ToldError` when one of them is damaged.
    """
    records = [record for path in paths for record in _records_at(path)]
    problems = [
        Problem(what=f"there is no build record at {path}", hint="a build leaves one in build/<platform>/record.json")
        for path in paths
        if not path.is_file() and not _records_at(path)
    ]
    if problems:
        raise RequestError("report on builds", problems)
    python = tool_environment(root, "verify-environment", BUILD_GROUPS)
    command = [str(python), "-m", "release_tools", "report", *(str(record.resolve()) for record in records)]
    run_inside(root, [*command, *(["--output", str(output.resolve())] if output else [])])


def _records_at(path: Path) -> list[Path]:
    """The file itself, or the records in a folder and in the folders right below it, as builds and downloads lie."""
    if not path.is_dir():
        return [path] if path.exists() else []
    return sorted({*path.glob("*record.json"), *path.glob("*/*record.json")})
