"""The trace of a test run: what the app's processes used, gathered from the record that each of them wrote."""

import ast
import dataclasses
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

from release_tools.verification.suite.pytest_run import FinishedSuite

Kind = Literal["module", "file", "metadata", "library", "child", "write", "outside"]


@dataclass(frozen=True, kw_only=True, order=True)
class Use:
    """Something that the app used, and the first test that made it do so.

    `place` is the path of a module, file, library or program: relative to site-packages or the environment's folder, as
    in the bundle; relative to the standard library after `python:`; or absolute. What's `outside` is a file that the
    app's users don't have, and a `write` may be any change of what is below the environment's folder.
    """

    kind: Kind
    name: str
    place: str
    test: str


@dataclass(frozen=True, kw_only=True)
class Trace:
    """What a traced run used, each thing once; how many tests passed, which failed, and how many processes ran."""

    passed: int
    failed: tuple[str, ...]
    processes: int
    uses: tuple[Use, ...]

    def names(self, kind: Kind) -> tuple[str, ...]:
        return tuple(use.name for use in self.uses if use.kind == kind)


def gather_trace(
    records: Path, places: Sequence[tuple[str, str]], outside: Mapping[str, str], finished: FinishedSuite
) -> Trace:
    """Read every record in the folder.

    `places` are folders, spelled as in the records, and what replaces them in a `Use.place`; the first that fits
    counts. `outside` has what a file in such a folder is called.
    """
    loaded = list(_read_records(records))
    uses: dict[tuple[str, str], Use] = {}
    for record in loaded:
        for use in _uses(record, places, outside):
            key = (use.kind, use.name)
            # Prefer a known test to none, and then the first by name, so that every run reports the same one.
            if key not in uses or (not use.test, use.test) < (not uses[key].test, uses[key].test):
                uses[key] = use
    return Trace(
        passed=finished.passed,
        failed=finished.failed,
        processes=len(loaded),
        uses=tuple(sorted(uses.values())),
    )


def write_trace(trace: Trace, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps(dataclasses.asdict(trace))
    path.write_text(f"{_digest(content)}\n{content}", encoding="utf-8", newline="\n")


def read_trace(path: Path) -> Trace | None:
    """Read a trace, or return None if the file is missing or isn't as it was written."""
    try:
        digest, _, text = path.read_text(encoding="utf-8").partition("\n")
    except (OSError, ValueError):
        return None
    if digest != _digest(text):
        return None
    content = json.loads(text)
    tuples = {"failed": tuple(content["failed"]), "uses": tuple(Use(**use) for use in content["uses"])}
    return Trace(**{**content, **tuples})


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _read_records(folder: Path) -> Iterator[list[tuple[str, ...]]]:
    for path in sorted(folder.glob("*.txt")):
        # The last line is incomplete if the process was killed while it wrote.
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        yield [ast.literal_eval(line) for line in lines]


def _uses(
    record: Iterable[tuple[str, ...]], places: Sequence[tuple[str, str]], outside: Mapping[str, str]
) -> Iterator[Use]:
    test = ""
    # What may be undone: an import that fails, or a file that's written under another name first.
    modules: dict[str, Use] = {}
    writes: dict[str, Use] = {}
    for kind, value, *more in record:
        place = _place(value, places)
        match kind:
            case "test":
                test = value
            case "module":
                modules[value] = Use(kind="module", name=value, place=_place(more[0], places), test=test)
            case "gone":
                modules.pop(value, None)
            case "write":
                writes[place] = Use(kind="write", name=place, place=place, test=test)
            case "renamed":
                writes.pop(place, None)
            case "outside":
                yield Use(kind="outside", name=_place(value, outside.items()), place=value, test=test)
            case _:
                yield from _lasting_use(kind, value, place, test)
    yield from (*modules.values(), *writes.values())


def _lasting_use(kind: str, value: str, place: str, test: str) -> Iterator[Use]:
    match kind:
        # Metadata counts by the distribution's name: the path includes the version, which may differ in the bundle.
        case "file" if not PurePosixPath(place).parent.name.endswith(".dist-info"):
            yield Use(kind="file", name=place, place=place, test=test)
        case "distribution":
            yield Use(kind="metadata", name=value, place="", test=test)
        case "library" if value:
            yield Use(kind="library", name=place, place=place, test=test)
        case "child" if value:
            yield Use(kind="child", name=place, place=place, test=test)


def _place(path: str, places: Iterable[tuple[str, str]]) -> str:
    for folder, prefix in places:
        if path.startswith(folder):
            return prefix + path.removeprefix(folder).replace("\\", "/")
    return path
