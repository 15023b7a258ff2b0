"""The interface of a check: what it gets, what it returns and what it raises."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from release_tools.distributions import InstalledEnvironment
from release_tools.errors import ReleaseError
from release_tools.platforms import Platform
from release_tools.settings import ReleaseSettings
from release_tools.verification.suite.pytest_run import RunningSuite
from release_tools.versions import BuildVersion

# An error lists this many findings.
SHOWN: Final = 10


class CheckFailedError(ReleaseError):
    """A check found something wrong. `findings` lists what, where there can be several."""

    def __init__(self, what: str, hint: str, findings: Iterable[str] = ()) -> None:
        super().__init__(what, hint)
        self.findings = tuple(findings)


class CheckSkippedError(Exception):
    """A check doesn't apply or can't run here. The text is the reason."""


@dataclass(frozen=True, kw_only=True)
class BuildEvidence:
    """What only the build that made an archive knows about it.

    `python` is the interpreter of the frozen environment. `probe`, the executable's twin, exists after the freeze.
    `traced_suite` is the test suite running from source, if it started early.
    """

    installed: InstalledEnvironment
    python: Path
    previous_record: Path | None = None
    probe: Path | None = None
    traced_suite: RunningSuite | None = None


@dataclass(frozen=True, kw_only=True)
class VerificationContext:
    """What is verified: `folder` holds the unpacked archive, and checks write only to `scratch`.

    Started programs keep their temporary files in `temporary_root`, which may be faster than `scratch`. `check` is
    the name of the running check. `is_quick` limits the slowest checks, for a build that isn't released.
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
    is_quick: bool = False

    @property
    def build(self) -> BuildEvidence:
        """The evidence of the build.

        Raises `CheckSkippedError` for a downloaded archive.
        """
        if self.evidence is None:
            raise CheckSkippedError("only the build that made the archive can check this")
        return self.evidence

    @property
    def probe(self) -> Path:
        """The executable's twin, which runs scripts inside the same bundle.

        Raises `CheckSkippedError` for a downloaded archive, and `CheckFailedError` when the freeze left none.
        """
        if self.build.probe is None:
            raise CheckFailedError("the build has no probe twin", "freeze.spec writes it next to the executable")
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


# A check needs just the archive, a machine that can start the executable, or the evidence of the build.
Need = Literal["archive", "host", "build"]


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A measured figure: the text to report, with its unit, and the number."""

    figure: str
    value: float


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check. `run` returns the figure to report, or raises `CheckFailedError` or `CheckSkippedError`.

    Checks that are `is_long` start before the others of their phase.
    """

    name: str
    needs: Need
    run: Callable[[VerificationContext], str | Measurement]
    is_long: bool = False


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Independent checks, which run concurrently unless one of them measures time or looks at what others left."""

    checks: tuple[Check, ...]
    is_concurrent: bool = True


def refuse(context: VerificationContext, findings: Iterable[str] | Mapping[str, str], *, what: str, hint: str) -> None:
    """Raise `CheckFailedError` with the findings that the settings don't allow, sorted; `what` introduces the list.

    A mapping adds details to each finding.
    """
    details = findings if isinstance(findings, Mapping) else dict.fromkeys(findings, "")
    remaining = {name: detail for name, detail in sorted(details.items()) if not context.is_allowed(name)}
    if remaining:
        lines = (f"{name}: {detail}" if detail else name for name, detail in remaining.items())
        raise CheckFailedError(f"{what}:{listed(lines)}", hint, remaining)


def listed(items: Iterable[str]) -> str:
    """The text after a colon: one item on the same line, or a list below it, cut off after the first few."""
    found = list(items)
    if len(found) == 1:
        return f" {found[0]}"
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "".join(f"\n  - {item}" for item in [*found[:SHOWN], *more])
