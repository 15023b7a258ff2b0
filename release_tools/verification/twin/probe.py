"""Run probes in the executable's twin and in the environment that it was frozen from.

The twin is a second executable of the same build: the same bundle with another main script, which `check_equality`
proves. The probes are the scripts in `probes/`.
"""

import itertools
import marshal
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from release_tools.binaries.payload import Payload
from release_tools.errors import CommandFailedError
from release_tools.freeze.plan import PROBE_LAUNCHER
from release_tools.processes.run import Finished, observe
from release_tools.verification.check import CheckFailedError, VerificationContext, refuse
from release_tools.verification.starts.running import bare_environment, temporary_folder_variables, working_folder
from release_tools.verification.timeouts import scaled_timeout

PROBES: Final = Path(__file__).with_name("probes")
PROBE_TIMEOUT_SECONDS: Final = 120.0

Place = Literal["twin", "source"]

_numbers: Final = itertools.count(1)


@dataclass(frozen=True, kw_only=True)
class Reply:
    """The answer of a probe. Without one, `value` is None and `outcome` says how the process ended."""

    # Any value that marshal can represent.
    value: Any
    outcome: str


def check_equality(context: VerificationContext) -> str:
    """The twin and the executable are equal except for the main script, so what's true of one is true of the other."""
    shipped, twin = Payload(context.executable), Payload(context.probe)
    members, twin_members = set(shipped.members), set(twin.members)
    differing = {member.name for member in (members ^ twin_members) - {shipped.main_script, twin.main_script}}
    differing |= {one.name for one in members & twin_members if shipped.read_stored(one) != twin.read_stored(one)}
    if shipped.options != twin.options:
        differing.add("run-time options")
    refuse(
        context,
        differing,
        what="the executable and its probe twin differ in",
        hint="freeze.spec writes both from one analysis; run the build again, and look there if they still differ",
    )
    return f"{len(members & twin_members)} members equal"


def ask(
    context: VerificationContext,
    probe: str,
    # Any value that marshal can represent.
    request: Any,
    *,
    place: Place = "twin",
    extra: Mapping[str, str] | None = None,
    timeout_seconds: float = PROBE_TIMEOUT_SECONDS,
) -> Any:
    """Run a probe and return its answer.

    Raises `CheckFailedError` when it gives none.
    """
    reply = try_to_ask(context, probe, request, place=place, extra=extra, timeout_seconds=timeout_seconds)
    if reply.value is None:
        where = "frozen program" if place == "twin" else "source environment"
        raise CheckFailedError(
            f"in the {where}, the probe {probe} {reply.outcome}",
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
    has_progressed: Callable[[], bool] = lambda: False,
) -> Reply:
    """Run a probe and return its answer, or how it ended without one."""
    folder = context.scratch / "probes" / f"{probe}-{next(_numbers)}"
    folder.mkdir(parents=True)
    (folder / "request").write_bytes(marshal.dumps(request))
    files = {
        "RELEASE_TOOLS_PROBE_REQUEST": str(folder / "request"),
        "RELEASE_TOOLS_PROBE_ANSWER": str(folder / "answer"),
    }
    try:
        finished = run_probe(
            context,
            probe,
            place=place,
            extra={**files, **(extra or {})},
            timeout_seconds=timeout_seconds,
            has_progressed=has_progressed,
        )
    except CommandFailedError as error:
        return Reply(value=None, outcome=f"timed out: {error.what}")
    if not (folder / "answer").is_file():
        output = "\n".join(finished.output.strip().splitlines()[-10:])
        return Reply(value=None, outcome=f"exited with {finished.code} and printed:\n{output}")
    return Reply(value=marshal.loads((folder / "answer").read_bytes()), outcome="answered")  # noqa: S302 - our own file


def run_probe(
    context: VerificationContext,
    probe: str,
    *,
    place: Place = "twin",
    extra: Mapping[str, str] | None = None,
    timeout_seconds: float = PROBE_TIMEOUT_SECONDS,
    has_progressed: Callable[[], bool] = lambda: False,
) -> Finished:
    """Run a probe until it exits.

    Raises `CommandFailedError` when it times out, which it doesn't while it `has_progressed`.
    """
    return observe(
        probe_command(context, place),
        cwd=working_folder(context),
        environment={**probe_environment(context, probe), **(extra or {})},
        timeout_seconds=scaled_timeout(timeout_seconds),
        has_progressed=has_progressed,
    )


def probe_command(context: VerificationContext, place: Place = "twin") -> list[str]:
    """The command that runs the probe in `probe_environment`."""
    if place == "twin":
        return [str(context.probe)]
    # Isolated and in UTF-8 mode, like the frozen interpreter.
    return [str(context.build.python), "-I", "-X", "utf8", str(PROBE_LAUNCHER)]


def probe_environment(context: VerificationContext, probe: str) -> dict[str, str]:
    """The bare environment, with a temporary folder just for probes, which may leave files there."""
    temporary = context.own_temporary_folder("tmp of probes")
    temporary.mkdir(parents=True, exist_ok=True)
    return {
        **bare_environment(context),
        **temporary_folder_variables(context, temporary),
        "PATH": os.defpath,
        "RELEASE_TOOLS_PROBE": str(PROBES / f"{probe}.py"),
    }
