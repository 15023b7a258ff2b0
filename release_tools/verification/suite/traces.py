"""What a traced run of the app's tests has used, gathered from the records of its processes."""

import dataclasses
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

Kind = Literal["module", "file", "look-up", "library", "child"]


@dataclass(frozen=True, kw_only=True, order=True)
class Use:
    """Something used, and the first test whose processes used it.

    `place` is where a module, file or library was found: a path relative to the environment's packages or, after
    `python:`, to the interpreter's own library; the full path for anything else.
    """

    kind: Kind
    name: str
    place: str
    test: str


@dataclass(frozen=True, kw_only=True)
class Trace:
    """All uses of a traced run, each once; how many tests passed, which failed, and how many processes were seen."""

    passed: int
    failed: tuple[str, ...]
    processes: int
    uses: tuple[Use, ...]

    def names(self, kind: Kind) -> tuple[str, ...]:
        return tuple(use.name for use in self.uses if use.kind == kind)


def gather_trace(records: Path, packages: Iterable[str], python_library: str, pytest_output: str) -> Trace:
    """Read every record in the folder. `packages` and `python_library` are folders, as the tracer wrote them."""
    places = [(folder, "") for folder in packages] + [(python_library, "python:")]
    loaded = list(_read_records(records))
    uses: dict[tuple[str, str], Use] = {}
    for record in loaded:
        for use in _uses(record, places):
            key = (use.kind, use.name)
            # A named test is worth more than none, and the first by name is the same in every run.
            if key not in uses or (not use.test, use.test) < (not uses[key].test, uses[key].test):
                uses[key] = use
    passed = re.search(r"(\d+) passed", pytest_output)
    return Trace(
        passed=int(passed[1]) if passed else 0,
        failed=tuple(re.findall(r"^(?:FAILED|ERROR) (\S+)", pytest_output, re.MULTILINE)),
        processes=len(loaded),
        uses=tuple(sorted(uses.values())),
    )


def write_trace(trace: Trace, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dataclasses.asdict(trace)), encoding="utf-8")


def read_trace(path: Path) -> Trace | None:
    """The trace that was written there, or None where there is none."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    tuples = {"failed": tuple(content["failed"]), "uses": tuple(Use(**use) for use in content["uses"])}
    return Trace(**{**content, **tuples})


def _read_records(folder: Path) -> Iterator[Mapping[str, Any]]:
    for path in sorted(folder.glob("*.json")):
        try:
            yield json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            # Its process was killed while it wrote.
            continue


def _uses(record: Mapping[str, Any], places: Iterable[tuple[str, str]]) -> Iterator[Use]:
    test = record["test"]
    for name, origin in record["modules"].items():
        yield Use(kind="module", name=name, place=_place(origin, places), test=test)
    for place in (_place(path, places) for path in record["files"]):
        # Metadata is read after it was looked up by name, and the name is what another version has in common.
        if not PurePosixPath(place).parent.name.endswith(".dist-info"):
            yield Use(kind="file", name=place, place=place, test=test)
    for name in record["look_ups"]:
        yield Use(kind="look-up", name=name, place="", test=test)
    for place in (_place(path, places) for path in record["libraries"] if path):
        yield Use(kind="library", name=place, place=place, test=test)
    for path in record["children"]:
        yield Use(kind="child", name=Path(path).name, place=path, test=test)


def _place(path: str, places: Iterable[tuple[str, str]]) -> str:
    for folder, mark in places:
        if path.startswith(folder):
            return mark + path.removeprefix(folder).replace("\\", "/")
    return path
