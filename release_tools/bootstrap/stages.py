"""The stages of a build, in order, and their progress lines."""

from typing import Final

STAGES: Final = ("environment", "preflight", "freeze", "package", "verify", "checksum", "report")


def stage_line(name: str, note: str) -> str:
    """A progress line, such as `[3/7] freeze       done in 71.2 s`."""
    width = max(map(len, STAGES))
    return f"[{STAGES.index(name) + 1}/{len(STAGES)}] {name:<{width}}  {note}".rstrip()


def done_line(name: str, seconds: float) -> str:
    return stage_line(name, f"done in {seconds:.1f} s")
