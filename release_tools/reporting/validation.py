"""The validation report: what a release promises, whether each platform's build record proves it, and its figures.

A platform without a record is unknown, never assumed to be like another one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from release_tools.platforms import PLATFORMS
from release_tools.reporting.file_size import format_size
from release_tools.reporting.markdown import code_span, markdown_table
from release_tools.reporting.records import BuildRecord, CheckResult
from release_tools.versions import DEV

Answer = Literal["met", "not met", "not proved", "not applicable", "no record"]

_NOT_APPLICABLE: Final = "applies to "


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """A promise of a release, and the checks that prove it together.

    Some checks limit releases only, and pass whatever they find in a development build.
    """

    name: str
    promise: str
    checks: tuple[str, ...]
    is_limited_in_releases_only: bool = False


# Every check proves one criterion.
CRITERIA: Final[tuple[Criterion, ...]] = (
    Criterion(
        name="complete environment",
        promise="The build has exactly the locked packages, and the code does nothing that no binary can do.",
        checks=("preflight", "freeze messages", "build-only distributions"),
    ),
    Criterion(
        name="one executable",
        promise="The archive has one executable, the licenses, and nothing else.",
        checks=("archive members", "UPX", "freeze_support", "probe twin"),
    ),
    Criterion(
        name="size",
        promise="The download isn't larger than its limit.",
        checks=("archive size", "size by distribution", "unpacked files"),
    ),
    Criterion(
        name="platform",
        promise="Everything in it is made for the platform.",
        checks=(
            *("architecture", "member architectures", "segment alignment", "executable stacks", "path lengths"),
            *("code signatures", "codesign"),
        ),
    ),
    Criterion(
        name="oldest system",
        promise="It runs on the oldest system that is supported.",
        checks=("glibc floor", "macOS minimum"),
        is_limited_in_releases_only=True,
    ),
    Criterion(
        name="version",
        promise="It says which version it is, exactly.",
        checks=("version", "bundled version", "version resource"),
    ),
    Criterion(
        name="standalone",
        promise="It needs no Python and no library that a system lacks.",
        checks=("needed libraries", "rpaths", "time zones", "CA certificates"),
    ),
    Criterion(
        name="any place",
        promise="It starts from any folder, for any user, in any locale, and leaves nothing behind.",
        checks=("unusual places", "temporary files"),
    ),
    Criterion(
        name="nothing missing",
        promise="Everything that the app uses from source is in it, unchanged.",
        checks=("bundled files", "data digests", "import audit", "source trace", "parity"),
    ),
    Criterion(
        name="main job",
        promise="The app's own tests pass on the binary, and its commands work.",
        checks=("black-box tests", "smoke commands", "help texts", "unknown option"),
    ),
    Criterion(
        name="processes",
        promise="It starts, stops and signals processes as Python does.",
        checks=("child environment", "worker starts", "nested starts", "exit codes", "signals", "orphans"),
    ),
    Criterion(
        name="no secrets",
        promise="It contains no secret, and no path or name of the build machine.",
        checks=("leaks",),
    ),
    Criterion(name="start-up", promise="The time that --version takes is measured.", checks=("start-up",)),
)


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """The answer for a criterion and a platform, and the figures or reasons behind it."""

    answer: Answer
    figures: tuple[str, ...] = ()


def evaluate(criterion: Criterion, record: BuildRecord | None) -> Evaluation:
    """Whether a build record proves a criterion."""
    if record is None:
        return Evaluation(answer="no record")
    results = [check for check in record.checks if check.name in criterion.checks]
    failed = [check for check in results if check.is_failed]
    if failed:
        return Evaluation(answer="not met", figures=_figures(failed))
    applicable = [check for check in results if not _is_for_other_platforms(check)]
    skipped = [check for check in applicable if check.verdict == "skipped"]
    missing = [name for name in criterion.checks if name not in {check.name for check in record.checks}]
    if skipped or missing:
        return Evaluation(answer="not proved", figures=(*_figures(skipped), *(f"{name}: not run" for name in missing)))
    if applicable and criterion.is_limited_in_releases_only and record.version == DEV:
        return Evaluation(answer="not proved", figures=(*_figures(applicable), "not limited in a development build"))
    return Evaluation(answer="met" if applicable else "not applicable", figures=_figures(applicable))


def validation_report(records: Sequence[BuildRecord]) -> str:
    """The report on the newest build in `records`, which are sorted newest first, as Markdown."""
    newest = records[0]
    build = {record.platform: record for record in reversed(records) if _is_same_build(record, newest)}
    older = [record for record in records if not _is_same_build(record, newest)]
    rows = [
        (f"**{criterion.name}**: {criterion.promise}", *(_shown(criterion, build.get(row.name)) for row in PLATFORMS))
        for criterion in CRITERIA
    ]
    parts = [
        f"# Validation of {newest.app} {newest.exact_version}\n",
        _conclusion(build, newest),
        "## Criteria\n",
        markdown_table(("Criterion", *(platform.name for platform in PLATFORMS)), "l" * 6, rows),
        "## Builds\n",
        _builds_table(build),
        *(_details(record) for platform in PLATFORMS if (record := build.get(platform.name))),
    ]
    if older:
        listed = "".join(f"- {record.platform}: {code_span(record.exact_version)}\n" for record in older)
        parts += ["## Not considered\n", f"Records of other builds:\n\n{listed}"]
    return "\n".join(parts)


def _is_same_build(record: BuildRecord, newest: BuildRecord) -> bool:
    return (record.app, record.exact_version, record.commit) == (newest.app, newest.exact_version, newest.commit)


def _is_for_other_platforms(check: CheckResult) -> bool:
    return check.verdict == "skipped" and check.figure.startswith(_NOT_APPLICABLE)


def _shown(criterion: Criterion, record: BuildRecord | None) -> str:
    answer = evaluate(criterion, record).answer
    return answer if answer in {"met", "not applicable"} else f"**{answer}**"


def _conclusion(build: dict[str, BuildRecord], newest: BuildRecord) -> str:
    answers = [evaluate(criterion, record).answer for criterion in CRITERIA for record in build.values()]
    counts = {answer: answers.count(answer) for answer in ("met", "not met", "not proved")}
    missing = [platform.name for platform in PLATFORMS if platform.name not in build]
    refused = [record.platform for record in build.values() if record.verdict != "verified"]
    answered = ", ".join(f"{count} {answer}" for answer, count in counts.items())
    lines = [
        f"Records of commit {code_span(newest.commit or 'unknown')}: {len(build)} of {len(PLATFORMS)} platforms.",
        f"Their answers to {len(CRITERIA)} criteria each: {answered}.",
    ]
    lines += [f"**No record: {', '.join(missing)}.** Nothing is known about these platforms."] if missing else []
    lines += [f"**Refused: {', '.join(refused)}.**"] if refused else []
    lines += ["This is a development build, not a release."] if newest.version == DEV else []
    return "".join(f"- {line}\n" for line in lines)


def _builds_table(build: dict[str, BuildRecord]) -> str:
    headings = ("platform", "verdict", "download", "unpacked", "start-up", "built in", "Python", "SHA-256")
    rows = []
    for platform in PLATFORMS:
        record = build.get(platform.name)
        if record is None:
            rows.append((platform.name, "**no record**", *("",) * 6))
            continue
        rows.append(
            (
                platform.name,
                record.verdict,
                format_size(record.archive_bytes),
                format_size(record.executable_bytes),
                "not measured" if record.start_up_seconds is None else f"{record.start_up_seconds:.2f} s",
                f"{sum(record.stages.values()):.0f} s",
                record.python,
                code_span(record.sha256) if record.sha256 else "none",
            )
        )
    return markdown_table(headings, "llrrrrll", rows)


def _details(record: BuildRecord) -> str:
    rows = []
    for criterion in CRITERIA:
        evaluation = evaluate(criterion, record)
        figures = "<br>".join(map(code_span, evaluation.figures))
        rows.append((criterion.name, evaluation.answer, figures))
    return f"## {record.platform}\n\n{markdown_table(('criterion', 'answer', 'figures'), 'lll', rows)}"


def _figures(checks: Sequence[CheckResult]) -> tuple[str, ...]:
    return tuple(f"{check.name}: {check.summary}" for check in checks)
