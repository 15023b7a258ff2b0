"""Asks the executable's twin, and the environment that it was frozen from, the same questions.

The twin is a second executable of the same build: the same bundle, with another main script. That it is the same is
itself a check. What is asked are the scripts in `release_tools/verification/twin/probes`.
"""

import itertools
import marshal
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from PyInstaller.archive.readers import CArchiveReader

from release_tools.binaries.payload import SCRIPT
from release_tools.errors import CommandFailedError
from release_tools.freeze.plan import PROBE_LAUNCHER
from release_tools.processes.run import Finished, observe
from release_tools.verification.check import CheckFailedError, VerificationContext, listed
from release_tools.verification.starts.running import bare_environment, temporary_folder_variables
from release_tools.verification.timeouts import scaled_timeout

PROBES: Final = Path(__file__).with_name("probes")
PROBE_TIMEOUT_SECONDS: Final = 120.0

Place = Literal["twin", "source"]

_numbers: Final = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """What a probe answered. Where it gave no answer, `value` is None and `ending` says how it ended."""

    # Plain data of any shape: it comes from another process.
    value: Any
    ending: str


def check_equality(context: VerificationContext) -> str:
    """Twin and executable hold the same bytes, but for the main script: what holds for one holds for the other."""
    shipped, twin = (CArchiveReader(str(path)) for path in (context.executable, context.probe))
    mine, other = set(shipped.toc), set(twin.toc)
    # The main script of the one is not in the other; all else is.
    differing = sorted((mine ^ other) - {_main_script(shipped), _main_script(twin)})
    differing += sorted(name for name in mine & other if shipped.extract(name) != twin.extract(name))
    if shipped.options != twin.options:
        differing.append("run-time options")
    if differing:
        raise CheckFailedError(
            f"the executable and its probe twin differ in:{listed(differing)}",
            "both are written from one analysis in freeze.spec; run the build again, and look there if it stays",
        )
    return f"{len(mine & other)} members equal"


def _main_script(archive: CArchiveReader) -> str:
    """The last of the scripts; those before it are hooks, which both have."""
    return next((name for name, (*_, kind) in reversed(archive.toc.items()) if kind == SCRIPT), "")


def ask(
    context: VerificationContext,
    probe: str,
    # Plain data of any shape, as the probe wants it.
    request: Any,
    *,
    place: Place = "twin",
    extra: Mapping[str, str] | None = None,
    timeout_seconds: float = PROBE_TIMEOUT_SECONDS,
) -> Any:
    """The answer of a probe.

    Raises `CheckFailedError` where it gave none.
    """
    reply = try_to_ask(context, probe, request, place=place, extra=extra, timeout_seconds=timeout_seconds)
    if reply.value is None:
        where = "frozen program" if place == "twin" else "source environment"
        raise CheckFailedError(
            f"inside the {where}, the probe {probe} {reply.ending}",
            f"run it by hand: RELEASE_TOOLS_PROBE={PROBES / probe}.py {context.probe}",
        )
    return reply.value


def try_to_ask(
    context: VerificationContext,
    probe: str,
    request: Any,
    *,
    place: Place = "twin",
    extra: Mapping[str, str] | None = None,
    timeout_seconds: float = PROBE_TIMEOUT_SECONDS,
) -> Reply:
    """The answer of a probe, or how it ended without one."""
    folder = context.scratch / "probes" / f"{probe}-{next(_numbers)}"
    folder.mkdir(parents=True)
    (folder / "request").write_bytes(marshal.dumps(request))
    files = {
        "RELEASE_TOOLS_PROBE_REQUEST": str(folder / "request"),
        "RELEASE_TOOLS_PROBE_ANSWER": str(folder / "answer"),
    }
    try:
        finished = run_probe(
            context, probe, place=place, extra={**files, **(extra or {})}, timeout_seconds=timeout_seconds
        )
    except CommandFailedError as error:
        return Reply(value=None, ending=f"did not end: {error.what}")
    if not (folder / "answer").is_file():
        output = "\n".join(finished.output.strip().splitlines()[-10:])
        return Reply(value=None, ending=f"ended with exit code {finished.code} and printed:\n{output}")
    return Reply(value=marshal.loads((folder / "answer").read_bytes()), ending="answered")  # noqa: S302 - our own file


def run_probe(
    context: VerificationContext,
    probe: str,
    *,
    place: Place = "twin",
    extra: Mapping[str, str] | None = None,
    timeout_seconds: float = PROBE_TIMEOUT_SECONDS,
) -> Finished:
    """Run a probe to its end.

    Raises `CommandFailedError` when the time is up.
    """
    return observe(
        probe_command(context, place),
        cwd=context.scratch,
        environment={**probe_environment(context, probe), **(extra or {})},
        timeout_seconds=scaled_timeout(timeout_seconds),
    )


def probe_command(context: VerificationContext, place: Place = "twin") -> list[str]:
    """What to start with the environment of `probe_environment`."""
    if place == "twin":
        return [str(context.probe)]
    # Isolated as the frozen interpreter is, and like it in UTF-8 mode.
    return [str(context.build.python), "-I", "-X", "utf8", str(PROBE_LAUNCHER)]


def probe_environment(context: VerificationContext, probe: str) -> dict[str, str]:
    """The bare environment, with a home and a temporary folder that only probes use, since they may leave things."""
    home, temporary = context.scratch / "probes" / "home", context.own_temporary_folder("tmp of probes")
    for folder in (home, temporary):
        folder.mkdir(parents=True, exist_ok=True)
    at_home = ("USERPROFILE", "APPDATA", "LOCALAPPDATA") if context.platform.os == "windows" else ("HOME",)
    return {
        **bare_environment(context),
        **temporary_folder_variables(context, temporary),
        **dict.fromkeys(at_home, str(home)),
        "PATH": os.defpath,
        "RELEASE_TOOLS_PROBE": str(PROBES / f"{probe}.py"),
    }
