"""What a check is given and what it returns."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from release_tools.distributions import InstalledEnvironment
from release_tools.errors import ReleaseError
from release_tools.platforms import Platform
from release_tools.settings import ReleaseSettings
from release_tools.verification.suite.pytest_run import RunningSuite
from release_tools.versions import BuildVersion

# How many findings a refusal lists.
SHOWN: Final = 10


class CheckFailedError(ReleaseError):
    """A check found something wrong. `findings` are the single things, if there can be several."""

    def __init__(self, what: str, hint: str, findings: Iterable[str] = ()) -> None:
        super().__init__(what, hint)
        self.findings = tuple(findings)


class CheckSkippedError(Exception):
    """A check doesn't apply or can't run here. The text is the reason."""


@dataclass(frozen=True, kw_only=True)
class BuildEvidence:
    """What only the build itself knows about its archive; there is none for a downloaded archive.

    `python` is the interpreter of the environment that was frozen. `probe` is the executable's twin, which exists once
    the freeze is done, and `traced_suite` the app's tests running on the source, if they were started early.
    """

    installed: InstalledEnvironment
    python: Path
    previous_record: Path | None = None
    probe: Path | None = None
    traced_suite: RunningSuite | None = None


@dataclass(frozen=True, kw_only=True)
class VerificationContext:
    """What is verified: `folder` holds the unpacked archive, `scratch` is where checks may write.

    Temporary files of the started programs go below `temporary_root`, which may be faster than `scratch`. `check` is
    the name of the running check.
    """

    settings: ReleaseSettings
    platform: Platform
    version: BuildVersion
    archive: Path
    folder: Path
    scratch: Path
    suite_python: Path | None
    evidence: BuildEvidence | None = None
    temporary_root: Path | None = None
    check: str = ""

    @property
    def build(self) -> BuildEvidence:
        """The evidence of the build.

        Raises `CheckSkippedError` for a downloaded archive.
        """
        if self.evidence is None:
            raise CheckSkippedError("only the build itself can check this; it did when it made the archive")
        return self.evidence

    @property
    def probe(self) -> Path:
        """The executable's twin, which runs scripts inside the same bundle.

        Raises `CheckSkippedError` for a downloaded archive, and `CheckFailedError` when the freeze left none.
        """
        if self.build.probe is None:
            raise CheckFailedError("the build has no probe twin", "freeze.spec writes it beside the executable")
        return self.build.probe

    def is_allowed(self, finding: str) -> bool:
        """Whether the project's settings allow this finding of the running check."""
        return any(
            allowed.check == self.check and allowed.finding == finding for allowed in self.settings.allowed_findings
        )

    @property
    def version_line(self) -> str:
        """What `--version` prints."""
        before, after = self._around_version
        return f"{before}{self.version.exact if self.version.is_exact else '(any dev version)'}{after}"

    def is_version_line(self, text: str) -> bool:
        """Whether `text` is what `--version` prints; for a dev build from elsewhere, with any commit."""
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
        """The temporary folder of every start that doesn't get its own."""
        return self.own_temporary_folder("tmp")

    def own_temporary_folder(self, name: str) -> Path:
        """The path of a separate temporary folder."""
        return (self.temporary_root or self.scratch) / name


# What a check needs besides the archive: nothing, a machine that can start the executable, or the build's evidence.
Need = Literal["archive", "host", "build"]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A figure that is a number: as text with its unit, and as the number."""

    figure: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question. `run` returns the figure to report, or raises `CheckFailedError` or `CheckSkippedError`.

    A check that `is_long` starts before the others of its phase.
    """

    name: str
    needs: Need
    run: Callable[[VerificationContext], str | Measurement]
    is_long: bool = False


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Checks that don't disturb each other. They run concurrently, unless they measure or clean up after the rest."""

    checks: tuple[Check, ...]
    is_concurrent: bool = True


def refuse(context: VerificationContext, findings: Iterable[str], *, what: str, hint: str) -> None:
    """Raise `CheckFailedError` with the findings, sorted, unless the settings allow them all.

    `what` is the text before the list.
    """
    left = sorted(finding for finding in findings if not context.is_allowed(finding))
    if left:
        raise CheckFailedError(f"{what}:{listed(left)}", hint, left)


def listed(items: Iterable[str]) -> str:
    """The text after a colon: a single item on the same line, several below it, and of many only the first."""
    found = list(items)
    if len(found) == 1:
        return f" {found[0]}"
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "".join(f"\n  - {item}" for item in [*found[:SHOWN], *more])
