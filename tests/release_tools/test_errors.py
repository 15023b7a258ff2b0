import errno
import os
import sys
from pathlib import Path

import pytest

from release_tools.errors import (
    SIGKILL,
    CommandFailedError,
    FilesystemError,
    KilledError,
    MissingToolError,
    Problem,
    RequestError,
    UnsafeArchiveError,
    reporting_os_errors,
)

PROBLEM = Problem(what="it broke", hint="fix it")


def test_problems_are_numbered_if_there_are_several() -> None:
    assert str(RequestError("build", [PROBLEM])) == "error: cannot build: it broke\nhint: fix it"
    numbered = "  1. it broke\n     hint: fix it\n  2. it broke\n     hint: fix it"
    assert str(RequestError("build", [PROBLEM, PROBLEM])) == f"error: cannot build: 2 problems\n{numbered}"


@pytest.mark.parametrize("character", ["\x1b", "\u202e", "\udcff"])
def test_control_characters_are_escaped(character: str) -> None:
    error = UnsafeArchiveError(Path("a.zip"), f"name{character}", f"is not {character}")
    assert character not in str(error)
    assert character not in str(RequestError("build", [Problem(what=character, hint=character)]))


def test_failed_command_shows_the_end_of_its_output() -> None:
    output = "\n".join(map(str, range(100)))
    error = CommandFailedError(["a program", "x"], "failed with exit code 3", output)
    first, *shown = error.what.splitlines()
    assert first == "'a program' x failed with exit code 3"
    assert (shown[0], shown[-1]) == ("  | 80", "  | 99")


@pytest.mark.parametrize(("tool", "hint"), [("gh", "cli.github.com"), ("uv", "nox[uv]"), ("objcopy", "PATH")])
def test_missing_tool_names_its_installation(tool: str, hint: str) -> None:
    assert hint in MissingToolError(tool).hint


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.parametrize("number", [SIGKILL, 11])
def test_only_sigkill_suggests_too_little_memory(number: int) -> None:
    assert ("out of memory" in KilledError(["x"], number).hint) == (number == SIGKILL)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EEXIST])
def test_refusal_of_the_system_is_reported(number: int) -> None:
    with pytest.raises(FilesystemError) as caught, reporting_os_errors():
        raise OSError(number, os.strerror(number), "dist/app")
    assert (caught.value.number, caught.value.path) == (number, "dist/app")
    assert ("disk space" in caught.value.hint) == (number == errno.ENOSPC)


def test_other_os_errors_pass_through() -> None:
    with pytest.raises(ConnectionError), reporting_os_errors():
        raise ConnectionError(errno.ECONNRESET, "reset")
