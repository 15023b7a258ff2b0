"""The contents of an executable with their sizes, and the file that keeps them for the next comparison."""

import dataclasses
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.binaries.payload import BINARY, MODULES, UNPACKED, Payload
from release_tools.errors import SizeRecordError
from release_tools.verification.static.sizes import BOOTSTRAP, Owners

MODULE: Final = "module"
NATIVE: Final = "native"
DATA: Final = "data"
START: Final = "start"
UNATTRIBUTED: Final = "bootloader, tables of contents"
KINDS: Final = (MODULE, NATIVE, DATA, START)

_SCHEMA: Final = 1


@dataclass(frozen=True, kw_only=True)
class Part:
    """A module or file in the executable. It takes `packed` bytes there, and unpacks to `raw` bytes.

    `path` has "/" also between the packages of a module.
    """

    owner: str
    kind: str
    path: str
    raw: int
    packed: int

    @property
    def name(self) -> str:
        """The path as code or users write it."""
        return self.path.replace("/", ".") if self.kind == MODULE else self.path


@dataclass(frozen=True, kw_only=True)
class Contents:
    """Everything in an executable. The `packed` bytes of the parts and those `unattributed` add up to its size."""

    archive: str
    sha256: str
    archive_bytes: int
    executable_bytes: int
    parts: tuple[Part, ...]

    @property
    def unattributed(self) -> int:
        """The bytes of the bootloader and of tables of contents."""
        return self.executable_bytes - sum(part.packed for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Total:
    """The sums of a distribution, or a single part. `change` is how `packed` changed since the last build, if any."""

    name: str
    count: int
    raw: int
    packed: int
    change: int | None = None


def read_parts(executable: Path, owners: Owners) -> tuple[Part, ...]:
    """The parts of an executable, largest first. Raises `PayloadError`."""
    payload = Payload(executable)
    raw_sizes = {name: len(code) for name, code in payload.read_modules()}
    modules = [
        Part(
            owner=owners.of_module(name),
            kind=MODULE,
            path=name.replace(".", "/"),
            # A namespace package has no code.
            raw=raw_sizes.get(name, 0),
            packed=size,
        )
        for name, size in payload.module_sizes.items()
    ]
    files = []
    for member in payload.members:
        if member.kind == MODULES:
            continue
        is_unpacked = member.kind in UNPACKED
        kind = (NATIVE if member.kind == BINARY else DATA) if is_unpacked else START
        owner = owners.of_file(member.name) if is_unpacked else BOOTSTRAP
        files.append(Part(owner=owner, kind=kind, path=member.name, raw=len(payload.read(member)), packed=member.size))
    return tuple(sorted([*modules, *files], key=lambda part: (-part.packed, part.kind, part.path)))


def totals_by_owner(contents: Contents, before: Contents | None) -> list[Total]:
    """The sums of each distribution, largest first; with those that are only in the last build."""
    return _totals(contents, before, lambda part: part.owner)


def totals_by_part(contents: Contents, before: Contents | None) -> list[Total]:
    """Each part, largest first; with those that are only in the last build."""
    return _totals(contents, before, lambda part: part.name)


def unattributed_total(contents: Contents, before: Contents | None) -> Total:
    """What belongs to no part: the bootloader and the tables of contents."""
    return Total(
        name=UNATTRIBUTED,
        count=0,
        raw=contents.unattributed,
        packed=contents.unattributed,
        change=contents.unattributed - before.unattributed if before else None,
    )


def _totals(contents: Contents, before: Contents | None, key: Callable[[Part], str]) -> list[Total]:
    now, then = _grouped(contents.parts, key), _grouped(before.parts if before else (), key)
    totals = []
    for name in {**now, **then}:
        parts, earlier = now.get(name, []), then.get(name, [])
        packed = sum(part.packed for part in parts)
        totals.append(
            Total(
                name=name,
                count=len(parts),
                raw=sum(part.raw for part in parts),
                packed=packed,
                change=packed - sum(part.packed for part in earlier) if before else None,
            )
        )
    return sorted(totals, key=lambda total: (-total.packed, total.name))


def _grouped(parts: Iterable[Part], key: Callable[[Part], str]) -> Mapping[str, Sequence[Part]]:
    grouped: defaultdict[str, list[Part]] = defaultdict(list)
    for part in parts:
        grouped[key(part)].append(part)
    return grouped


def keep_contents(contents: Contents, path: Path) -> Contents | None:
    """Write the contents to `path`, and return those of the last build with other bytes.

    That build's are kept beside it, for when the same one is measured again.

    Raises `SizeRecordError` if one of the files is damaged.
    """
    before_path = path.with_name(f"{path.stem}-before{path.suffix}")
    last = read_contents(path)
    if last and last.sha256 != contents.sha256:
        path.replace(before_path)
    before = read_contents(before_path)
    content = {"schema": _SCHEMA, **dataclasses.asdict(contents)}
    content["parts"] = [[*dataclasses.astuple(part)] for part in contents.parts]
    path.write_text(json.dumps(content) + "\n", encoding="utf-8", newline="\n")
    return before


def read_contents(path: Path) -> Contents | None:
    """The contents in a file; None if there's none, or of another version of this library.

    Raises `SizeRecordError` if it's damaged.
    """
    if not path.is_file():
        return None
    names = [field.name for field in dataclasses.fields(Part)]
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content.pop("schema") != _SCHEMA:
            return None
        parts = tuple(Part(**dict(zip(names, part, strict=True))) for part in content.pop("parts"))
        return Contents(**content, parts=parts)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SizeRecordError(path, str(error)) from None
