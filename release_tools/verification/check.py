"""What a check is given and what it says."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from release_tools.errors import ReleaseError
from release_tools.platforms import Platform
from release_tools.settings import ReleaseSettings
from release_tools.versions import BuildVersion

if TYPE_CHECKING:
    from release_tools.verification.suite.black_box import RunningSuite
# How many findings a refusal lists.
SHOWN: Final = 10


class CheckFailedError(ReleaseError):
    """A check found something wrong: what and where, and what to do."""


class CheckSkippedError(Exception):
    """A check that cannot be made here, with the reason."""


@dataclass(frozen=True, kw_only=True)
class VerificationContext:
    """What is verified. `folder` holds the unpacked archive; `scratch` is where the checks may write.

    What the program leaves lying there for a moment goes below `temporary_root`, which may be quicker.

    A build also has its `probe` (the executable's twin, which runs scripts) and `source_python`, the Python of the
    environment that was frozen, and `tracing`, its tests on the source, begun already; a downloaded archive has none.
    """

    settings: ReleaseSettings
    platform: Platform
    version: BuildVersion
    archive: Path
    folder: Path
    scratch: Path
    suite_python: Path | None
    probe: Path | None = None
    source_python: Path | None = None
    previous_record: Path | None = None
    tracing: "RunningSuite | None" = None
    temporary_root: Path | None = None

    def is_allowed(self, check: str, finding: str) -> bool:
        """Whether the project's settings call this finding of this check harmless."""
        return any(allowed.check == check and allowed.finding == finding for allowed in self.settings.allowed_findings)

    @property
    def version_line(self) -> str:
        """What `--version` prints."""
        before, after = self._around_version
        return f"{before}{self.version.exact if self.version.is_exact else '(any dev version)'}{after}"

    def is_version_line(self, text: str) -> bool:
        """Whether `text` is what `--version` prints; of a dev build from elsewhere, with any commit."""
        before, after = self._around_version
        is_framed = text.startswith(before) and text.endswith(after) and len(text) >= len(before) + len(after)
        return is_framed and self.version.is_printed_as(text[len(before) : len(text) - len(after)])

    @property
    def _around_version(self) -> tuple[str, str]:
        output = self.settings.version_output.replace("{executable}", self.settings.executable)
        before, _, after = output.partition("{version}")
        return before, after

    @property
    def executable(self) -> Path:
        return self.folder / f"{self.settings.executable}{self.platform.executable_suffix}"

    @property
    def temporary_folder(self) -> Path:
        """The temporary folder of every start that a check makes, but for those that get one of their own."""
        return self.own_temporary_folder("tmp")

    def own_temporary_folder(self, name: str) -> Path:
        """The place of another temporary folder."""
        return (self.temporary_root or self.scratch) / name


# What a check needs besides the archive: nothing, a machine that can start the executable, or the build at hand.
Need = Literal["archive", "host", "build"]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A figure that is a number, as text with its unit and as the number."""

    figure: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question. `run` returns the figure to report, or raises `CheckFailedError` or `CheckSkippedError`.

    While one that `is_alone` runs, no other does. One that `is_long` starts before those that run side by side with it.
    """

    name: str
    needs: Need
    run: Callable[[VerificationContext], str | Measurement]
    is_alone: bool = False
    is_long: bool = False


def refuse(context: VerificationContext, check: str, findings: Iterable[str], *, what: str, hint: str) -> None:
    """Raise `CheckFailedError` with the findings, sorted, unless the project's settings allow them all.

    `what` stands before the list.
    """
    left = sorted(finding for finding in findings if not context.is_allowed(check, finding))
    if left:
        raise CheckFailedError(f"{what}:{listed(left)}", hint)


def listed(items: Iterable[str]) -> str:
    """What follows a colon: one item in its line, several below it, and only the first of them where they are many."""
    found = list(items)
    if len(found) == 1:
        return f" {found[0]}"
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "".join(f"\n  - {item}" for item in [*found[:SHOWN], *more])
