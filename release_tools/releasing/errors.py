"""Failures of a release that a person can act on. They follow the form of `release_tools.errors`."""

from collections.abc import Sequence
from pathlib import Path

from release_tools.errors import Problem, ProblemsFoundError


class ReleaseFilesError(ProblemsFoundError):
    """The folder does not hold exactly the files of the release; nothing was sent."""

    def __init__(self, folder: Path, problems: Sequence[Problem]) -> None:
        super().__init__(f"the release files in {folder}", problems)
