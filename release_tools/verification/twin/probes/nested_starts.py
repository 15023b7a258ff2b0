"""Start the program from inside itself: two starts to wait for, and a detached one."""

import subprocess
from typing import Any


def answer(request: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """The exit codes and outputs of `arguments` and the shell command `command`; `detached` keeps running."""
    if request["detached"]:
        sink = subprocess.DEVNULL
        subprocess.Popen(request["detached"], stdin=sink, stdout=sink, stderr=sink, start_new_session=True)
    return {
        "directly": _run(request["arguments"], is_shell=False),
        "through a shell": _run(request["command"], is_shell=True),
    }


def _run(command: Any, *, is_shell: bool) -> tuple[int, str]:
    finished = subprocess.run(
        command, shell=is_shell, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", check=False
    )
    return finished.returncode, finished.stdout.strip()
