"""Runs builds, and builds wheels, in forks of a process that has imported what they import.

A gate is mostly start-up, and much of what the library itself does in one is to import. Here that's done once for all
gates. So the library doesn't run in the project's folder, unless the project has its own: it imports that.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LIBRARY = "release_tools"
# No build ends with this; it isn't the 1 of a build that refuses an app.
CRASHED = 70
# The modules of the library and of the build backend that import the others, some of them only when they're used.
ENTRIES = (
    *(f"{LIBRARY}.{name}" for name in ("__main__", "pipeline", "binaries.native_parser", "reporting.progress")),
    *(f"poetry.core.{name}" for name in ("masonry.api", "factory", "masonry.builders.wheel")),
)


class BuildServer:
    """A process of the tools' Python that forks for each build; started when it's first needed."""

    def __init__(self, python: Path, library: Path) -> None:
        self._command = [str(python), __file__, str(library.parent)]
        self._process: subprocess.Popen[str] | None = None

    def ask(self, what: str, *, cwd: Path, env: Mapping[str, str], output: Path, **more: Any) -> int:
        """Call `build` or `build_wheel` in a fork, in that folder, with that environment; returns the exit code.

        What it prints is in the file `output`.
        """
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                env={**env},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                encoding="utf-8",
                start_new_session=True,
            )
        request = {"what": what, "cwd": str(cwd), "env": {**env}, "output": str(output), **more}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())
        except BaseException:
            # The test has no more time, and the build may go on.
            self.close()
            raise

    def close(self) -> None:
        """End the process, and the library's own of a build that it runs."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.communicate()
            self._process = None


def serve(folder: str) -> int:
    """Answer each line of the input with an exit code, until the input ends; `folder` has the library."""
    others = sys.path[1:]
    sys.path[:] = [folder, *others]
    for name in ENTRIES:
        importlib.import_module(name)
    # Measured once, and kept for all.
    importlib.import_module(f"{LIBRARY}.verification.timeouts").slowness()
    # Importing may have added folders.
    sys.path[1:] = others
    # A fork that collects garbage would copy all of it.
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                return answer(Path(folder) / LIBRARY, **json.loads(line))
            except Exception:  # noqa: BLE001 - none of them may end like a refusal
                traceback.print_exc()
                return CRASHED
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return 0


def answer(library: Path, what: str, cwd: str, env: dict[str, str], output: str, **more: Any) -> int:
    """Do what's asked, in that folder, with that environment; returns the exit code."""
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for descriptor, target in ((os.open(os.devnull, os.O_RDONLY), 0), (written, 1), (written, 2)):
        os.dup2(descriptor, target)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    return build_wheel(**more) if what == "build_wheel" else build(library, **more)


def build(library: Path, args: list[str]) -> int:
    """Do what `python -m release_tools` does here; returns the exit code."""
    # This one is executed, not imported.
    changed = [f"{LIBRARY}.__main__"]
    if not library.samefile(LIBRARY):
        changed = [name for name in sys.modules if name.partition(".")[0] == LIBRARY]
    for name in changed:
        del sys.modules[name]
    sys.path[0] = str(Path.cwd())
    sys.argv = [LIBRARY, *args]
    try:
        runpy.run_module(LIBRARY, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


def build_wheel(local_version: str, folder: str) -> int:
    """Build the wheel of the project here, as a build frontend does; returns the exit code."""
    from poetry.core.masonry import api  # noqa: PLC0415

    Path(folder).mkdir()
    api.build_wheel(folder, {"local-version": local_version})
    return 0


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1]))
