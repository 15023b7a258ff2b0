"""Runs builds in forks of a process that has imported everything that a build imports from elsewhere.

A gate is mostly start-up. Much of what the library itself does in one is to import Rich, lief and the like, and here
they're imported once for all gates. The library itself is imported from each project, which may have changed it.
"""

import contextlib
import json
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

# The modules of the library that import the others, some of them only when they're used.
ENTRIES = ("__main__", "pipeline", "binaries.native_parser", "reporting.progress")


class BuildServer:
    """A process of the tools' Python that forks for each build; started when it's first needed."""

    def __init__(self, python: Path, library: Path) -> None:
        self._command = [str(python), __file__, str(library.parent)]
        self._process: subprocess.Popen[str] | None = None

    def run(self, args: Sequence[str], *, cwd: Path, env: Mapping[str, str], output: Path) -> int:
        """Run `python -m release_tools` with these arguments; returns the exit code.

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
        request = {"args": [*args], "cwd": str(cwd), "env": {**env}, "output": str(output)}
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


def serve(library: str) -> int:
    """Answer each line of the input with the exit code of a build, until the input ends."""
    sys.path[:] = [library, *sys.path[1:]]
    for name in ENTRIES:
        __import__(f"release_tools.{name}")
    for name in [name for name in sys.modules if name.partition(".")[0] == "release_tools"]:
        del sys.modules[name]
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            return build(**json.loads(line))
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
    return 0


def build(args: list[str], cwd: str, env: dict[str, str], output: str) -> int:
    """Do what `python -m release_tools` does there; returns the exit code."""
    written = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for descriptor, target in ((os.open(os.devnull, os.O_RDONLY), 0), (written, 1), (written, 2)):
        os.dup2(descriptor, target)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    sys.path[0] = cwd
    sys.argv = ["release_tools", *args]
    try:
        runpy.run_module("release_tools", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    return 0


if __name__ == "__main__":
    sys.exit(serve(sys.argv[1]))
