"""Checks that child processes run as if their parent weren't frozen: other programs, worker processes, and itself."""

import os
import select
import shlex
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from release_tools.platforms import Platform
from release_tools.verification.check import CheckSkippedError, VerificationContext, refuse
from release_tools.verification.starts.running import temporary_folder_variables
from release_tools.verification.timeouts import scaled_timeout
from release_tools.verification.twin.probe import ask, probe_environment
from release_tools.verification.wine import wine_version

WORKER_TIMEOUT_SECONDS: Final = 20.0
DETACHED_TIMEOUT_SECONDS: Final = 60.0

WAYS: Final = (
    "subprocess",
    "subprocess with a given environment",
    "subprocess through a shell",
    "asyncio",
    "asyncio through a shell",
    "os.system",
    "os.popen",
    "os.spawnv",
    "os.spawnve",
    "os.spawnlp",
    "os.posix_spawn",
    "os.posix_spawnp",
    "fork and os.execv",
    "fork and os.execve",
    "fork and os.execlp",
)

# Shells and interpreters set or remove these. The frozen interpreter removes the last one, so that no package takes the
# bundle for a virtual environment.
_CHANGED_BY_OTHERS: Final = frozenset(
    {
        "_",
        "PWD",
        "OLDPWD",
        "SHLVL",
        "LC_CTYPE",
        "PROMPT",
        "PATHEXT",
        "COMSPEC",
        "__CF_USER_TEXT_ENCODING",
        "VIRTUAL_ENV",
    }
)

# Writes the environment as Linux shows it: `NAME=value`, each with a zero byte at its end.
_CANARY: Final = """\
import os, sys
with open(sys.argv[1], "wb") as file:
    file.writelines(os.fsencode(f"{name}={value}\\0") for name, value in os.environ.items())
"""


def check_child_environment(context: VerificationContext) -> str:
    """Child processes get the environment that the program was started with, however they're started."""
    library_path = {"LD_LIBRARY_PATH": str(context.scratch)}
    found = _leaks(context, {}, "a")
    if context.platform.os == "linux":
        found |= {
            f"{way} (with LD_LIBRARY_PATH set by the user)": leak
            for way, leak in _leaks(context, library_path, "b").items()
        }
    refuse(
        context,
        {way: leak for way, leak in found.items() if leak},
        what="child processes get a changed environment",
        hint="code that runs at import sets these variables, or starts children in a way that "
        "release_tools/freeze/runtime/child_environment.py doesn't cover: set them only for the children that need it",
    )
    return f"{len(found)} starts clean"


def check_workers(context: VerificationContext) -> str:
    """Worker processes of multiprocessing work with every start method, and none of them runs the app instead."""
    request: dict[str, Any] = {"methods": [], "seconds": scaled_timeout(WORKER_TIMEOUT_SECONDS)}
    # Workers communicate through sockets in the temporary folder, whose path must be short (108 bytes on Linux).
    with tempfile.TemporaryDirectory(prefix="w", ignore_cleanup_errors=True) as short:
        extra = temporary_folder_variables(context, Path(short))
        frozen: dict[str, str] = ask(context, "worker_processes", request, extra=extra)
        failing = [method for method, problem in frozen.items() if problem]
        request["methods"] = failing
        source = ask(context, "worker_processes", request, place="source", extra=extra) if failing else {}
    if not frozen:
        raise CheckSkippedError("the program doesn't bundle multiprocessing")
    refuse(
        context,
        {method: frozen[method] for method in failing if not source[method]},
        what="worker processes don't work in the frozen program",
        hint="multiprocessing.freeze_support() must run before anything else, and the workers need the variables "
        "_PYI_*: don't remove them from os.environ",
    )
    working = [method for method in frozen if method not in failing]
    if not working:
        raise CheckSkippedError(f"this machine can't start worker processes: {source[failing[0]]}")
    return ", ".join([*working, *(f"{method} fails from source too" for method in failing)])


def check_nested_starts(context: VerificationContext) -> str:
    """The program can start itself: directly, through a shell, and from a shell that outlives it."""
    arguments = [str(context.executable), "--version"]
    command = shell_command(arguments, context.platform)
    request = {"arguments": arguments, "command": command, "detached": []}
    if context.platform.os == "windows":
        results = ask(context, "nested_starts", request)
    else:
        folder = context.scratch / "probes" / "detached"
        with _detached_shell(folder, command) as (detached, result):
            results = ask(context, "nested_starts", {**request, "detached": detached})
            results["after the parent has exited"] = result()
    wrong = {
        way: f"it exits with {code} and prints {output!r}"
        for way, (code, output) in results.items()
        if code != 0 or not context.is_version_output(output)
    }
    refuse(
        context,
        wrong,
        what=f"--version should print {context.version_line!r} when the program starts itself",
        hint="the child must not inherit the variables _PYI_*, which make it use its parent's bundle",
    )
    return ", ".join(results)


def shell_command(arguments: list[str], platform: Platform) -> str:
    """Join arguments to one line for the platform's shell."""
    if platform.os != "windows":
        return shlex.join(arguments)
    # `subprocess` adds the outer quotes that cmd strips.
    return " ".join(f'"{argument}"' for argument in arguments)


def _leaks(context: VerificationContext, extra: Mapping[str, str], name: str) -> dict[str, str]:
    """For each way of starting a child, how its environment differs from the twin's, or "" if it doesn't."""
    folder = context.scratch / "probes" / f"canary-{name}"
    folder.mkdir(parents=True)
    canary = _canary(context, folder)
    files = {way: folder / f"{number}.seen" for number, way in enumerate(WAYS)}
    starts = {
        way: ([*canary, str(path)], shell_command([*canary, str(path)], context.platform))
        for way, path in files.items()
    }
    tried: list[str] = ask(context, "child_processes", starts, extra=extra)
    given = {**probe_environment(context, "child_processes"), **extra}
    return {way: _difference(given, _seen(files[way])) for way in tried}


def _canary(context: VerificationContext, folder: Path) -> list[str]:
    """The command that writes its environment to the file whose path follows."""
    # It starts several times as fast as Python, and there are thirty starts.
    copier = shutil.which("cp") if context.platform.os == "linux" else None
    if copier is not None:
        return [copier, "/proc/self/environ"]
    script = folder / "canary.py"
    script.write_text(_CANARY, encoding="utf-8")
    return [str(context.build.python), "-I", "-S", str(script)]


def _seen(path: Path) -> Mapping[str, str] | None:
    if not path.is_file():
        return None
    entries = (entry.partition("=") for entry in os.fsdecode(path.read_bytes()).split("\0"))
    return {name: value for name, is_set, value in entries if is_set}


def _difference(given: Mapping[str, str], seen: Mapping[str, str] | None) -> str:
    if seen is None:
        return "the child didn't run"
    # Every request has new file names in these variables, and Wine sets some in every process.
    others = ("RELEASE_TOOLS_PROBE_", "WINE") if wine_version() else ("RELEASE_TOOLS_PROBE_",)
    names = {name for name in {*given, *seen} - _CHANGED_BY_OTHERS if not name.startswith(others)}
    changes = [
        f"{name}={seen[name]}" if name in seen else f"no {name}"
        for name in sorted(names)
        if given.get(name) != seen.get(name)
    ]
    return ", ".join(changes)


@contextmanager
def _detached_shell(folder: Path, command: str) -> Iterator[tuple[list[str], Any]]:
    """Yield the arguments of a shell that waits before it runs `command`, and a function that lets it continue.

    The function waits for the command and returns its exit code and output.
    """
    folder.mkdir(parents=True)
    start, end, output = (folder / name for name in ("start", "end", "output"))
    pipes = []
    for path in (start, end):
        os.mkfifo(path)
        # Opened for reading and writing, a named pipe neither blocks here nor reports a premature end of file.
        pipes.append(os.open(path, os.O_RDWR))
    quoted = {name: shlex.quote(str(path)) for name, path in (("start", start), ("end", end), ("output", output))}
    script = "read word < {start}; {command} > {output} 2>&1; echo $? > {end}".format(command=command, **quoted)

    def result() -> tuple[int, str]:
        os.write(pipes[0], b"go\n")
        seconds = scaled_timeout(DETACHED_TIMEOUT_SECONDS)
        if not select.select([pipes[1]], [], [], seconds)[0]:
            return -1, f"nothing in {seconds:g} s"
        return int(os.read(pipes[1], 100)), output.read_text(encoding="utf-8").strip()

    try:
        yield ["/bin/sh", "-c", script], result
    finally:
        for pipe in pipes:
            os.close(pipe)
