"""Odd and malformed agent files: run or refused with one error, quickly and in little memory."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from .odd_agent_files import ACCEPTED, REFUSED
from .program import BINARY_VARIABLE, SLOWNESS, Program, program_command

if sys.platform != "win32":
    import resource

# Of processor time: far more than a run needs on a busy machine, and far less than a file that eats it would take.
MOST_SECONDS = 20 * SLOWNESS
MOST_MEGABYTES = 300
# All files are tried from source. A binary reads them with the same code, so a sample of each kind is enough.
STEP = 10 if BINARY_VARIABLE in os.environ else 1

GROUPS = [(kind, start) for kind, contents in REFUSED.items() for start in range(0, len(contents), 10)]


def outcome(program: Program, content: str | bytes) -> str:
    """Return how running a file with this content ends."""
    path = program.folder / "agent.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", errors="surrogatepass"))
    stdout, stderr = (program.folder.parent / name for name in ("stdout", "stderr"))
    with stdout.open("wb") as out, stderr.open("wb") as errors:
        process = subprocess.Popen(
            [*program_command(), "run", "agent.yaml", "hi", "--json", "-q"],
            cwd=program.folder,
            env=program.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=errors,
        )
        status, excess = _wait(process)
    document = json.loads(stdout.read_bytes())
    lines = stderr.read_text(encoding="utf-8").splitlines()
    if excess:
        return excess
    if status == 0 and document["error"] is None and not lines:
        return "accepted"
    is_one_error = [line for line in lines if not line.startswith("  ")][0:1] == [
        f"error: {document['error']['message']}".splitlines()[0]
    ]
    is_small = len(lines) < 15 and max(map(len, lines)) < 1000
    if status == 2 and is_one_error and is_small and document["error"]["kind"] in ("agent_file", "environment"):
        return "refused"
    return f"exit code {status}: {lines}"


def _wait(process: "subprocess.Popen[bytes]") -> tuple[int, str]:
    """Return the exit code, and what it used too much of."""
    if sys.platform == "win32":
        return process.wait(), ""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    seconds = usage.ru_utime + usage.ru_stime
    unit = 1024**2 if sys.platform == "darwin" else 1024
    megabytes = usage.ru_maxrss / unit
    # Until it starts the program, the child is a copy of this process, whose peak counts as its own.
    own_megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    is_too_much = seconds > MOST_SECONDS or megabytes > max(MOST_MEGABYTES, own_megabytes)
    return process.returncode, f"{seconds:.1f} s of CPU, {megabytes:.0f} MB" if is_too_much else ""


def unexpected(program: Program, contents: tuple[str | bytes, ...], expected: str) -> Mapping[str, str]:
    outcomes = {str(content)[:200]: outcome(program, content) for content in contents}
    return {content: found for content, found in outcomes.items() if found != expected}


@pytest.mark.parametrize("kind", ACCEPTED)
def test_odd_but_valid_files_run(program: Program, kind: str) -> None:
    assert unexpected(program, ACCEPTED[kind][::STEP], "accepted") == {}


@pytest.mark.parametrize(("kind", "start"), GROUPS)
def test_malformed_files_are_refused(program: Program, kind: str, start: int) -> None:
    assert unexpected(program, REFUSED[kind][start : start + 10 : STEP], "refused") == {}


def test_enough_files_are_tried() -> None:
    assert sum(map(len, [*ACCEPTED.values(), *REFUSED.values()])) >= 150


@pytest.mark.source_only
@pytest.mark.skipif(sys.platform == "win32", reason="there are no device files")
@pytest.mark.parametrize("path", ["/dev/zero", "/dev/null", "/proc/self/mem", "/"])
def test_special_file_is_refused(program: Program, path: str) -> None:
    if not Path(path).exists():
        pytest.skip(f"this system has no {path}")

    finished = program.run("run", path, "hi", "--json")

    assert (finished.exit_code, finished.document["error"]["kind"]) == (2, "agent_file")
