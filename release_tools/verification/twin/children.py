"""What the frozen program starts runs as if the program were not frozen: other programs, its workers, and itself."""

import marshal
import os
import select
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from release_tools.platforms import Platform
from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext, listed
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

# Set or removed by every shell, by the start of an interpreter, or, the last one, by the frozen interpreter, so that
# no package takes the bundle for a virtual environment.
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

_CANARY: Final = """\
import marshal, os, sys
with open(sys.argv[1], "wb") as file:
    marshal.dump(dict(os.environ), file)
"""


def check_child_environment(context: VerificationContext) -> str:
    """Whatever way a child process is started, it gets the environment that the program itself was started with."""
    library_path = {"LD_LIBRARY_PATH": str(context.scratch)}
    found = _leaks(context, {}, "a")
    if context.platform.os == "linux":
        found |= {
            f"{way} (with LD_LIBRARY_PATH set by the user)": leak
            for way, leak in _leaks(context, library_path, "b").items()
        }
    leaks = [f"{way}: {leak}" for way, leak in found.items() if leak]
    if leaks:
        raise CheckFailedError(
            f"child processes see what is the bundle's:{listed(leaks)}",
            "release_tools/freeze/runtime/child_environment.py gives them the outer environment; add this way to it",
        )
    return f"{len(found)} starts clean"


def check_workers(context: VerificationContext) -> str:
    """Worker processes of multiprocessing start and work, by every start method; none of them runs the app instead."""
    request: dict[str, Any] = {"methods": [], "seconds": scaled_timeout(WORKER_TIMEOUT_SECONDS)}
    # Workers talk by sockets in the temporary folder, whose path must be short (108 bytes on Linux).
    with tempfile.TemporaryDirectory(prefix="w", ignore_cleanup_errors=True) as short:
        extra = temporary_folder_variables(context, Path(short))
        frozen: dict[str, str] = ask(context, "worker_processes", request, extra=extra)
        failing = [method for method, problem in frozen.items() if problem]
        request["methods"] = failing
        source = ask(context, "worker_processes", request, place="source", extra=extra) if failing else {}
    if not frozen:
        raise CheckSkippedError("the program has no multiprocessing")
    broken = [f"{method}: {frozen[method]}" for method in failing if not source[method]]
    if broken:
        raise CheckFailedError(
            f"worker processes do not work in the frozen program:{listed(broken)}",
            "multiprocessing.freeze_support() must run before anything else, and the variables _PYI_* must reach the "
            "workers: leave os.environ as it is",
        )
    working = [method for method in frozen if method not in failing]
    if not working:
        raise CheckSkippedError(f"this machine cannot start worker processes: {source[failing[0]]}")
    return ", ".join([*working, *(f"{method} neither here nor from source" for method in failing)])


def check_nested_starts(context: VerificationContext) -> str:
    """The program starts from inside the program, directly, by a shell, and by a shell that outlives the first."""
    arguments = [str(context.executable), "--version"]
    command = shell_command(arguments, context.platform)
    request = {"arguments": arguments, "command": command, "detached": []}
    if context.platform.os == "windows":
        results = ask(context, "nested_starts", request)
    else:
        folder = context.scratch / "probes" / "detached"
        with _detached_shell(folder, command) as (detached, result):
            results = ask(context, "nested_starts", {**request, "detached": detached})
            results["after the first has ended"] = result()
    wrong = [
        f"{way} it exits with {code} and prints {output!r}"
        for way, (code, output) in results.items()
        if code != 0 or not context.is_version_line(output)
    ]
    if wrong:
        raise CheckFailedError(
            f"started from inside itself, --version was to print {context.version_line!r}:{listed(wrong)}",
            "a child must not inherit the variables _PYI_*, by which it takes the bundle of the first for its own",
        )
    return ", ".join(results)


def shell_command(arguments: list[str], platform: Platform) -> str:
    """The arguments as one line for the platform's shell."""
    if platform.os != "windows":
        return shlex.join(arguments)
    # The pair of quotes that cmd takes off the whole line is added by `subprocess`.
    return " ".join(f'"{argument}"' for argument in arguments)


def _leaks(context: VerificationContext, extra: Mapping[str, str], name: str) -> dict[str, str]:
    """By way: in what the child's environment differs from the one that the twin was started with, "" if in nothing."""
    folder = context.scratch / "probes" / f"canary-{name}"
    folder.mkdir(parents=True)
    canary = folder / "canary.py"
    canary.write_text(_CANARY, encoding="utf-8")
    python = [str(context.build.python), "-I", str(canary)]
    files = {way: folder / f"{number}.seen" for number, way in enumerate(WAYS)}
    starts = {
        way: ([*python, str(path)], shell_command([*python, str(path)], context.platform))
        for way, path in files.items()
    }
    tried: list[str] = ask(context, "child_processes", starts, extra=extra)
    given = {**probe_environment(context, "child_processes"), **extra}
    return {way: _difference(given, _seen(files[way])) for way in tried}


def _seen(path: Path) -> Mapping[str, str] | None:
    if not path.is_file():
        return None
    seen: dict[str, str] = marshal.loads(path.read_bytes())  # noqa: S302 - written by the canary
    return seen


def _difference(given: Mapping[str, str], seen: Mapping[str, str] | None) -> str:
    if seen is None:
        return "the child did not run"
    # The names of the request and answer files are new with every question; Wine tells every process of itself.
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
    """The arguments of a shell that waits for a word from here before it runs `command`.

    The second value gives that word, waits for the end, and returns exit code and output.
    """
    folder.mkdir(parents=True)
    start, end, output = (folder / name for name in ("start", "end", "output"))
    pipes = []
    for path in (start, end):
        os.mkfifo(path)
        # For both directions: neither end has to wait here for the other, and none sees a premature end.
        pipes.append(os.open(path, os.O_RDWR))
    quoted = {name: shlex.quote(str(path)) for name, path in (("start", start), ("end", end), ("output", output))}
    script = "read word < {start}; {command} > {output} 2>&1; echo $? > {end}".format(command=command, **quoted)

    def result() -> tuple[int, str]:
        os.write(pipes[0], b"go\n")
        seconds = scaled_timeout(DETACHED_TIMEOUT_SECONDS)
        if not select.select([pipes[1]], [], [], seconds)[0]:
            return -1, f"nothing within {seconds:g} s"
        return int(os.read(pipes[1], 100)), output.read_text(encoding="utf-8").strip()

    try:
        yield ["/bin/sh", "-c", script], result
    finally:
        for pipe in pipes:
            os.close(pipe)
