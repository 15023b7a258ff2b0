"""The interface of a check: what it gets, what it returns and what it raises."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import Literal

from release_tools.distributions import InstalledEnvironment
from release_tools.errors import ReleaseError, escape_control_chars
from release_tools.findings import listed, stable_text
from release_tools.platforms import Platform
from release_tools.settings import EXAMPLE_VERSION_OUTPUT, AllowedFinding, ReleaseSettings
from release_tools.verification.suite.pytest_run import RunningSuite
from release_tools.versions import BuildVersion


class Assumption(IntEnum):
    """What a check takes for granted of the program. Each includes the one before it."""

    NOTHING = 0
    PYTHON_STARTS = 1
    PROGRAM_STARTS = 2
    VERSION_IS_PRINTED = 3


class CheckFailedError(ReleaseError):
    """A check found something wrong.

    `findings` are what it found, each with details if it's a mapping. Without any, the first line of `what` is the only
    finding. `output` is what a program printed about it. `cure` is the line of `[tool.release-tools]` that cures it, or
    "" if none does; without it, the report looks for one that bundles what the failure says is missing. A failure that
    says that an archive can't be trusted `is_final`: no setting allows it. `disproves` is the first assumption that no
    longer holds, so that the checks which make it don't fail for the same reason.
    """

    def __init__(
        self,
        what: str,
        hint: str,
        findings: Iterable[str] | Mapping[str, str] = (),
        *,
        output: str = "",
        cure: str | None = None,
        is_final: bool = False,
        disproves: Assumption | None = None,
    ) -> None:
        given = dict(findings) if isinstance(findings, Mapping) else dict.fromkeys(findings, "")
        self.is_listed = bool(given)
        self.details = given or {what.partition("\n")[0].rstrip(":"): ""}
        self.headline, self.output, self.cure = what, output, cure
        self.is_final, self.disproves = is_final, disproves
        lines = (f"{name}: {detail}" if detail else name for name, detail in given.items())
        shown = f"{what}:{listed(lines)}" if given else what
        super().__init__(f"{shown}\n{output}" if output else shown, hint)

    @property
    def findings(self) -> tuple[str, ...]:
        return tuple(self.details)


class CheckSkippedError(Exception):
    """A check doesn't apply or can't run here. The text is the reason."""


@dataclass(frozen=True, kw_only=True)
class BuildEvidence:
    """What only the build that made an archive knows about it.

    `python` is the interpreter of the frozen environment. `probe`, the executable's twin, exists after the freeze, and
    so do `freeze_messages`, about parts that are missing, broken or not locked, and `freeze_notes`, about what was left
    out. `traced_suite` is the test suite running from source, if it started early.
    """

    installed: InstalledEnvironment
    python: Path
    previous_record: Path | None = None
    probe: Path | None = None
    traced_suite: RunningSuite | None = None
    freeze_messages: tuple[str, ...] = ()
    freeze_notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class VerificationContext:
    """What is verified: `folder` holds the unpacked archive, and checks write only to `scratch`.

    Started programs keep their temporary files in `temporary_root`, which may be faster than `scratch`. `outside` is a
    folder that isn't in the project, as a user's folders aren't. `check` is the name of the running check. `is_quick`
    limits the slowest checks, for a build that isn't released.
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
    outside: Path | None = None
    check: str = ""
    is_quick: bool = False
    # The first assumption that an earlier check disproved.
    disproved: Assumption | None = None
    # What the settings allowed of the running check so far, with the entry that did.
    allowed: dict[str, AllowedFinding] = field(default_factory=dict, compare=False)

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
            raise CheckFailedError(
                "the build has no probe twin", "build again; if it's still missing, see what freeze.spec writes"
            )
        return self.build.probe

    def is_allowed(self, finding: str, detail: str = "") -> bool:
        """Whether the settings allow this finding of the running check, named with or without its detail."""
        name = self.stable(finding)
        spellings = (name, self.stable(f"{finding}: {detail}")) if detail else (name,)
        entry = next(filter(None, (self.settings.allowing(self.check, spelling) for spelling in spellings)), None)
        if entry is not None:
            self.allowed[name] = entry
        return entry is not None

    def stable(self, finding: str) -> str:
        """A finding as the report names it, without what only this build and this machine have."""
        folders = [self.scratch, self.settings.root, *filter(None, (self.temporary_root, self.outside))]
        words = [self.version.exact] if self.version.is_dev and self.version.is_exact else []
        return escape_control_chars(stable_text(finding, folders, words))

    @property
    def version_line(self) -> str:
        """What `--version` prints."""
        before, after = self._around_version
        return f"{before}{self.version.exact if self.version.is_exact else '(any dev version)'}{after}"

    def is_version_output(self, text: str) -> bool:
        """Whether `text` is what `--version` prints; for a dev build from elsewhere, with any commit.

        Without the setting, it's any text with the exact version in it: frameworks have different formats.
        """
        if self.settings.version_output is None:
            words = re.findall(r"[\w.+!-]+", text)
            return any(self.version.is_printed_as(word.removeprefix("v")) for word in words)
        before, after = self._around_version
        is_framed = text.startswith(before) and text.endswith(after) and len(text) >= len(before) + len(after)
        return is_framed and self.version.is_printed_as(text[len(before) : len(text) - len(after)])

    @property
    def _around_version(self) -> tuple[str, str]:
        output = (self.settings.version_output or EXAMPLE_VERSION_OUTPUT).replace(
            "{executable}", self.settings.executable
        )
        before, _, after = output.partition("{version}")
        return before, after

    @property
    def executable(self) -> Path:
        return self.folder / f"{self.settings.executable}{self.platform.executable_suffix}"

    @property
    def users_folder(self) -> Path:
        """The folder of the homes and working directories of programs that the running check starts."""
        return (self.outside or self.scratch / "users") / self.check.replace(" ", "-")

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
class Passed:
    """What a check that passed reports: a figure, and its number if it measured one.

    `notes` are what it saw and judged harmless, and what it left out, one line each.
    """

    figure: str
    value: float | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Check:
    """One check. `run` returns what to report, or raises `CheckFailedError` or `CheckSkippedError`.

    Checks that are `is_long` start before the others of their phase, or with `--fail-fast` after them. `is_identity` if
    a failure means that an archive isn't what its name says: for a downloaded one, no setting allows that. Once what a
    check `assumes` is disproved, it is skipped.
    """

    name: str
    needs: Need
    run: Callable[[VerificationContext], str | Passed]
    is_long: bool = False
    is_identity: bool = False
    assumes: Assumption = Assumption.NOTHING


@dataclass(frozen=True, kw_only=True)
class Phase:
    """Independent checks, which run concurrently unless one of them measures time or looks at what others left."""

    checks: tuple[Check, ...]
    is_concurrent: bool = True


def refuse(
    context: VerificationContext,
    findings: Iterable[str] | Mapping[str, str],
    *,
    what: str,
    hint: str,
    cure: str | None = None,
) -> None:
    """Raise `CheckFailedError` with the findings that the settings don't allow, sorted; `what` introduces the list.

    A mapping adds details to each finding. `cure` is the line of `[tool.release-tools]` that cures them, or ""; see
    `CheckFailedError`.
    """
    details = findings if isinstance(findings, Mapping) else dict.fromkeys(findings, "")
    remaining = {name: detail for name, detail in sorted(details.items()) if not context.is_allowed(name, detail)}
    if remaining:
        raise CheckFailedError(what, hint, remaining, cure=cure)


def allowance_notes(settings: ReleaseSettings, check: str, allowed: Mapping[str, AllowedFinding]) -> tuple[str, ...]:
    """Notes on the findings of a check that the settings allow, and on the entries for it that matched nothing."""
    return tuple(
        _allowance_note(entry, [finding for finding, used in allowed.items() if used == entry])
        for entry in settings.allowed_findings
        if entry.check == check
    )


def _allowance_note(entry: AllowedFinding, findings: Sequence[str]) -> str:
    match findings:
        case []:
            return f"unused entry of allowed-findings: {entry.finding}"
        case [finding]:
            return f"allowed: {finding} ({entry.reason})"
        case _:
            return f"allowed: {len(findings)} findings like {entry.finding} ({entry.reason})"
