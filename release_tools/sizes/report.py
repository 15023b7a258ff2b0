"""Measures the newest archive, and reports it in the terminal and as a treemap."""

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich import box
from rich.console import Console
from rich.table import Table

from release_tools.archives import newest_archive, sha256_of, unpack_archive
from release_tools.bootstrap.environment import environment_python
from release_tools.distributions import InstalledDistribution, distributions_for
from release_tools.errors import NothingToMeasureError, escape_control_chars
from release_tools.platforms import Platform
from release_tools.reporting.output import print_plain
from release_tools.settings import ReleaseSettings
from release_tools.sizes.contents import (
    Contents,
    Total,
    keep_contents,
    read_parts,
    totals_by_owner,
    totals_by_part,
    unattributed_total,
)
from release_tools.sizes.treemap import treemap_html
from release_tools.verification.static.sizes import find_owners

_SHOWN_OWNERS: Final = 25
_SHOWN_PARTS: Final = 15
_SHOWN_CHANGES: Final = 10
_MEGABYTE: Final = 1_000_000


def report_sizes(settings: ReleaseSettings, platform: Platform, console: Console) -> Path:
    """Print the sizes in the newest archive, and what changed since the last one; returns the path of the treemap.

    Raises `NothingToMeasureError` without a build, `PayloadError`, and `SizeRecordError` for a damaged record.
    """
    archive = newest_archive([settings.dist_folder], settings.executable, platform)
    folder = settings.build_folder(platform.name)
    python = environment_python(folder / "environment")
    if not python.is_file():
        raise NothingToMeasureError(platform.name)
    owners = find_owners(InstalledDistribution(found=found) for found in distributions_for(python))
    with TemporaryDirectory(prefix="sizes-", dir=folder) as scratch:
        unpack_archive(archive, Path(scratch, "unpacked"))
        executable = Path(scratch, "unpacked", f"{settings.executable}{platform.executable_suffix}")
        contents = Contents(
            archive=archive.name,
            sha256=sha256_of(archive),
            archive_bytes=archive.stat().st_size,
            executable_bytes=executable.stat().st_size,
            parts=read_parts(executable, owners),
        )
    before = keep_contents(contents, folder / "sizes.json")
    print_sizes(contents, before, console)
    path = folder / "sizes.html"
    path.write_text(treemap_html(contents, before), encoding="utf-8", newline="\n")
    print_plain(console, f"treemap: {path}")
    return path


def print_sizes(contents: Contents, before: Contents | None, console: Console) -> None:
    """Print a table of the distributions, one of the largest parts, and one of those that changed most."""
    owners, parts = totals_by_owner(contents, before), totals_by_part(contents, before)
    rest = unattributed_total(contents, before)
    whole = Total(
        name="executable",
        count=len(contents.parts),
        raw=sum(total.raw for total in owners) + rest.raw,
        packed=contents.executable_bytes,
        change=contents.executable_bytes - before.executable_bytes if before else None,
    )
    since = f", compared to the build of {before.sha256[:12]}" if before else ""
    _print_table(
        f"{contents.archive}: {_megabytes(contents.archive_bytes)} MB to download{since}",
        "distribution",
        [*_cut(owners, _SHOWN_OWNERS), rest, whole],
        whole,
        console,
    )
    _print_table("largest files and modules", "part", parts[:_SHOWN_PARTS], whole, console)
    changed = sorted((one for one in parts if one.change), key=lambda one: -abs(one.change or 0))
    if changed:
        _print_table("largest changes", "part", changed[:_SHOWN_CHANGES], whole, console)


def _cut(totals: Sequence[Total], shown: int) -> list[Total]:
    """The first ones, and the sum of the others."""
    rest = totals[shown:]
    if not rest:
        return [*totals]
    has_changes = rest[0].change is not None
    others = Total(
        name=f"({len(rest)} others)",
        count=sum(one.count for one in rest),
        raw=sum(one.raw for one in rest),
        packed=sum(one.packed for one in rest),
        change=sum(one.change or 0 for one in rest) if has_changes else None,
    )
    return [*totals[:shown], others]


def _print_table(title: str, kind: str, totals: Sequence[Total], whole: Total, console: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column(kind, overflow="fold")
    has_changes = whole.change is not None
    for name in ("files", "raw MB", "in the executable MB", "share", *(["change KB"] if has_changes else [])):
        table.add_column(name, justify="right", no_wrap=True)
    for one in totals:
        share = f"{100 * one.packed / whole.packed:.1f}%"
        change = [f"{(one.change or 0) / 1000:+,.1f}" if one.change else ""] if has_changes else []
        cells = (f"{one.count:,}" if one.count else "", _megabytes(one.raw), _megabytes(one.packed), share)
        table.add_row(escape_control_chars(one.name), *cells, *change)
    console.print(table, markup=False)


def _megabytes(size: int) -> str:
    return f"{size / _MEGABYTE:.2f}"
