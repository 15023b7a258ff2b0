"""Build records: what a build writes about itself.

A record may come from elsewhere and is untrusted: reading it validates every field.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, get_args

from packaging.version import InvalidVersion, Version

from release_tools.bootstrap.stages import STAGES
from release_tools.errors import DuplicateRecordError, RecordError
from release_tools.findings import Finding
from release_tools.platforms import platform_names

_SCHEMA: Final = 1
# A typical record has 20,000 bytes.
SIZE_LIMIT_BYTES: Final = 2_000_000

_EXACT_VERSION: Final = r"[0-9][0-9A-Za-z.+!_-]{0,99}"
_MAX_SHOWN_LENGTH: Final = 60

Verdict = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """The result of a check. `figure` is what was measured, what is wrong, or why the check was skipped.

    `value` is the number that `figure` shows, for a check that measures one. `notes` are what it saw and judged
    harmless, and what the settings allow. A failed check has `findings`; `cure` is the line of `[tool.release-tools]`
    that cures them, or "".
    """

    name: str
    verdict: Verdict
    figure: str
    hint: str = ""
    seconds: float = 0.0
    value: float | None = None
    notes: Sequence[str] = ()
    findings: Sequence[Finding] = ()
    cure: str = ""

    @property
    def is_failed(self) -> bool:
        return self.verdict == "failed"

    @property
    def summary(self) -> str:
        """The first line of `figure`."""
        return self.figure.partition("\n")[0]

    def taking(self, seconds: float) -> "CheckResult":
        return dataclasses.replace(self, seconds=round(seconds, 2))


ProofLevel = Literal["tests", "commands", "start"]


@dataclass(frozen=True, kw_only=True)
class Proof:
    """How much of the app was tried in the binary, and the sentence that says it.

    `tests` are the app's own, `commands` only its smoke commands, and `start` is only `--version`.
    """

    level: ProofLevel
    text: str


@dataclass(frozen=True, kw_only=True)
class BuildRecord:
    """The record of one build.

    `sizes` are the bytes of each distribution inside the executable, and `stages` the seconds of each stage. `sha256`
    is "" for an archive that failed verification. `start_up_seconds` is the best of a few starts, or None. `proof`
    is None for such an archive too. `reused` is what this build took from earlier ones.
    """

    app: str
    platform: str
    version: str
    exact_version: str
    commit: str
    python: str
    pyinstaller: str
    archive: str
    archive_bytes: int
    executable_bytes: int
    sha256: str
    verdict: str
    stages: Mapping[str, float]
    checks: Sequence[CheckResult]
    sizes: Mapping[str, int]
    start_up_seconds: float | None = None
    proof: Proof | None = None
    reused: Sequence[str] = ()
    schema: int = _SCHEMA


def write_record(record: BuildRecord, path: Path) -> None:
    path.write_text(json.dumps(dataclasses.asdict(record), indent=2) + "\n", encoding="utf-8", newline="\n")


def read_records(paths: Sequence[Path]) -> tuple[BuildRecord, ...]:
    """The records in these files, newest version first, then in the order of the platform table.

    Raises `RecordError` or `DuplicateRecordError`.
    """
    found: dict[tuple[str, str], tuple[Path, BuildRecord]] = {}
    for path in paths:
        record = read_record(path)
        build = (record.platform, record.exact_version)
        if build in found:
            raise DuplicateRecordError(f"{record.exact_version} for {record.platform}", [found[build][0], path])
        found[build] = (path, record)
    in_table_order = sorted((record for _, record in found.values()), key=_place_in_table)
    return tuple(sorted(in_table_order, key=lambda record: Version(record.exact_version), reverse=True))


def read_record(path: Path) -> BuildRecord:
    """The record in one file. Raises `RecordError` with the first invalid key."""
    content = _read_object(path)
    if content.get("schema") != _SCHEMA:
        raise RecordError(path, f"schema is {_shown(content.get('schema'))}, but only {_SCHEMA} is supported")
    for key, (fits, form) in _KEYS.items():
        if key not in content and key in _OPTIONAL:
            continue
        if key not in content:
            raise RecordError(path, f"{key} is missing")
        if not fits(content[key]):
            raise RecordError(path, f"{key} is {_shown(content[key])}, not {form}")
    known = {key: content[key] for key in _KEYS if key in content}
    proof = known.get("proof")
    return BuildRecord(
        **{
            **known,
            "checks": tuple(map(_check_result, content["checks"])),
            "reused": tuple(known.get("reused", ())),
            "proof": Proof(level=proof["level"], text=proof["text"]) if proof else None,
        }
    )


def _check_result(check: Mapping[str, Any]) -> CheckResult:
    known = {key: check[key] for key in _CHECK_KEYS if key in check}
    findings = tuple(Finding(**{key: found[key] for key in _FINDING_KEYS}) for found in known.get("findings", ()))
    return CheckResult(**{**known, "notes": tuple(known.get("notes", ())), "findings": findings})


def _place_in_table(record: BuildRecord) -> int:
    return platform_names().index(record.platform)


def _read_object(path: Path) -> Mapping[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_LIMIT_BYTES + 1)
    except OSError as error:
        raise RecordError(path, f"can't be read: {error.strerror or error}") from None
    if len(raw) > SIZE_LIMIT_BYTES:
        raise RecordError(path, f"is larger than {SIZE_LIMIT_BYTES:,} bytes")
    try:
        content = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise RecordError(path, f"isn't JSON: {error}") from None
    if not isinstance(content, dict):
        raise RecordError(path, "isn't a JSON object")
    return content


def _shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) <= _MAX_SHOWN_LENGTH else f"{text[:_MAX_SHOWN_LENGTH]}…"


def _matches(pattern: str) -> Callable[[object], bool]:
    compiled = re.compile(pattern, re.ASCII)
    return lambda value: isinstance(value, str) and compiled.fullmatch(value) is not None


def _is_text(value: object) -> bool:
    # A lone surrogate is valid JSON, but can't be encoded.
    return isinstance(value, str) and not re.search(r"[\ud800-\udfff]", value)


def _is_exact_version(value: object) -> bool:
    if not isinstance(value, str) or not re.fullmatch(_EXACT_VERSION, value):
        return False
    try:
        Version(value)
    except InvalidVersion:
        return False
    return True


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    # Python's JSON parser accepts NaN, Infinity and integers of any length.
    return 0 <= value < 2**50


def _is_number_or_none(value: object) -> bool:
    return value is None or _is_number(value)


def _is_size(value: object) -> bool:
    return isinstance(value, int) and _is_number(value)


def _is_stage_table(value: object) -> bool:
    return isinstance(value, dict) and set(value) <= set(STAGES) and all(map(_is_number, value.values()))


def _is_size_table(value: object) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value)) and all(map(_is_size, value.values()))


def _is_check_list(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(check, dict)
        and {"name", "verdict", "figure"} <= set(check)
        and all(fits(check[key]) for key, fits in _CHECK_KEYS.items() if key in check)
        for check in value
    )


def _is_text_list(value: object) -> bool:
    return isinstance(value, list) and all(map(_is_text, value))


def _is_finding_list(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(found, dict) and all(_is_text(found.get(key)) for key in _FINDING_KEYS) for found in value
    )


def _is_proof_or_none(value: object) -> bool:
    return value is None or (
        isinstance(value, dict) and value.get("level") in get_args(ProofLevel) and _is_text(value.get("text"))
    )


_FINDING_KEYS: Final = ("text", "detail", "owner")

_RELEASE: Final = r"\d+\.\d+(\.\d+)?[0-9A-Za-z.+-]{0,40}"

_CHECK_KEYS: Final[dict[str, Callable[[object], bool]]] = {
    "name": _matches(r"[A-Za-z0-9][A-Za-z0-9 ._+-]{0,60}"),
    "verdict": _matches("passed|failed|skipped"),
    "figure": _is_text,
    "hint": _is_text,
    "seconds": _is_number,
    "value": _is_number_or_none,
    "notes": _is_text_list,
    "findings": _is_finding_list,
    "cure": _is_text,
}

_KEYS: Final[dict[str, tuple[Callable[[object], bool], str]]] = {
    "schema": (_is_size, "a number"),
    "app": (_matches(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}"), "an executable's name"),
    "platform": (lambda value: value in platform_names(), f"one of {', '.join(platform_names())}"),
    "version": (_matches(r"dev|v[0-9][0-9A-Za-z.+-]{0,99}"), "dev or a version such as v1.2.3"),
    "exact_version": (_is_exact_version, "a version such as 1.2.3"),
    "commit": (_matches(r"([0-9a-f]{7,64})?"), "a commit hash"),
    "python": (_matches(_RELEASE), "a version such as 3.13.1"),
    "pyinstaller": (_matches(_RELEASE), "a version such as 6.22.3"),
    "archive": (_matches(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,199}"), "an archive's name"),
    "archive_bytes": (_is_size, "a number of bytes"),
    "executable_bytes": (_is_size, "a number of bytes"),
    "sha256": (_matches(r"([0-9a-f]{64})?"), "a lower-case sha256"),
    "verdict": (_matches("verified|refused"), "verified or refused"),
    "stages": (_is_stage_table, f"seconds by stage ({', '.join(STAGES)})"),
    "checks": (_is_check_list, "a list of checks, each with at least name, verdict and figure"),
    "sizes": (_is_size_table, "bytes by distribution"),
    "start_up_seconds": (_is_number_or_none, "a number of seconds, or null"),
    "reused": (_is_text_list, "a list of texts"),
    "proof": (_is_proof_or_none, f"null, or a text with one of the levels {', '.join(get_args(ProofLevel))}"),
}

# Records of older builds lack these.
_OPTIONAL: Final = frozenset({"start_up_seconds", "proof", "reused"})
