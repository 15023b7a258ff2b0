"""Writes the RECORD of each bundled distribution: the files of the installed one that are bundled.

`importlib.metadata` answers from it which files and import packages a distribution has. Executed by `freeze.spec`.
"""

import csv
import io
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from release_tools.binaries.rpaths import Entry
from release_tools.distributions import module_name

_RECORD: Final = "RECORD"
_TOP_LEVEL: Final = "top_level.txt"


def record_entries(
    records: Mapping[str, Sequence[tuple[str, str, int]]],
    *,
    modules: Collection[str],
    files: Collection[str],
    rewritten: Collection[str],
    folder: Path,
) -> list[Entry]:
    """Write the RECORD files to `folder`, and return their TOC entries.

    `records` has the rows of each installed RECORD, by the name of its metadata folder: path in the bundle, digest and
    size. `modules` are bundled by dotted name and `files` by path. The digests of files that are `rewritten`, as
    libraries are, or bundled as bytecode alone, stay empty. `top_level.txt` is added where it's missing: without it,
    `packages_distributions()` would look for the source of modules.
    """
    entries: list[Entry] = []
    for metadata_folder, rows in sorted(records.items()):
        bundled = [row for row in rows if row[0] in files or module_name(row[0]) in modules]
        same = {path for path, *_ in bundled if path in files and path not in rewritten}
        kept = [(path, digest, str(size)) if path in same else (path, "", "") for path, digest, size in bundled]
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows([*kept, (f"{metadata_folder}/{_RECORD}", "", "")])
        texts = {_RECORD: text.getvalue()}
        if f"{metadata_folder}/{_TOP_LEVEL}" not in files:
            names = {name.partition(".")[0] for path, *_ in bundled if (name := module_name(path))}
            texts[_TOP_LEVEL] = "".join(f"{name}\n" for name in sorted(names))
        for name, content in texts.items():
            path = folder / metadata_folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8", newline="\n")
            entries.append((f"{metadata_folder}/{name}", str(path), "DATA"))
    return entries
