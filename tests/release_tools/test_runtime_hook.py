"""The hook is tried in an ordinary interpreter that is dressed up as a frozen one; the integration test freezes it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from release_tools.freezing import RUNTIME_HOOK

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="library paths are environment variables on POSIX only"),
]

PRELUDE = f"""
import json, os, subprocess, sys
sys._MEIPASS = "/bundle/_MEIabc"
exec(open({str(RUNTIME_HOOK)!r}).read())
show = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
async def wait_for_child():
    await (await asyncio.create_subprocess_exec(*show)).wait()
"""


def child_environment(code: str, **variables: str) -> dict[str, str]:
    """The environment that a child sees which `code` starts with the argument list `show`."""
    frozen = {"LD_LIBRARY_PATH": "/bundle/_MEIabc", "_PYI_ARCHIVE_FILE": "/app", "_PYI_PARENT_PROCESS_LEVEL": "1"}
    output = subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        env={"PATH": os.environ["PATH"], **frozen, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    seen: dict[str, str] = json.loads(output)
    return seen


@pytest.mark.parametrize(
    "code",
    [
        "subprocess.run(show)",
        "subprocess.run(show, env={**os.environ, 'MINE': '1'})",
        "subprocess.run(' '.join(map(__import__('shlex').quote, show)), shell=True)",
        "import asyncio; asyncio.run(wait_for_child())",
        "print(os.popen(' '.join(map(__import__('shlex').quote, show))).read())",
        "subprocess.Popen(show, -1, None, None, None, None, None, True, False, None, dict(os.environ)).wait()",
        "subprocess.run(show, env={os.fsencode(k): os.fsencode(v) for k, v in os.environ.items()})",
    ],
    ids=["run", "given environment", "shell", "asyncio", "popen", "by position", "bytes"],
)
def test_no_child_sees_what_the_bootloader_set(code: str) -> None:
    seen = child_environment(code)
    assert "LD_LIBRARY_PATH" not in seen
    assert not [name for name in seen if name.startswith("_PYI_")]


def test_the_library_path_that_the_user_had_comes_back() -> None:
    seen = child_environment("subprocess.run(show)", LD_LIBRARY_PATH_ORIG="/opt/lib")
    assert seen["LD_LIBRARY_PATH"] == "/opt/lib"
    assert "LD_LIBRARY_PATH_ORIG" not in seen


def test_a_library_path_that_the_app_chose_for_its_child_is_left_alone() -> None:
    seen = child_environment("subprocess.run(show, env={**os.environ, 'LD_LIBRARY_PATH': '/chosen'})")
    assert seen["LD_LIBRARY_PATH"] == "/chosen"


def test_the_programs_own_environment_stays_as_it_is() -> None:
    seen = child_environment("print(json.dumps(dict(os.environ)))")
    assert seen["LD_LIBRARY_PATH"] == "/bundle/_MEIabc"
    assert seen["_PYI_PARENT_PROCESS_LEVEL"] == "1"


def test_an_ordinary_program_with_a_library_path_keeps_it(tmp_path: Path) -> None:
    seen = child_environment("subprocess.run(show)", LD_LIBRARY_PATH=str(tmp_path))
    assert seen["LD_LIBRARY_PATH"] == str(tmp_path)
