import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from release_tools.archives import Member, newest_archive, write_archive
from release_tools.bootstrap.environment import environment_python
from release_tools.errors import NothingToMeasureError
from release_tools.platforms import host_platform
from release_tools.settings import ReleaseSettings
from release_tools.sizes.report import print_sizes, report_sizes
from tests.release_tools.sizes.samples import executable_of, make_contents

HOST = host_platform()


def add_build(settings: ReleaseSettings, words: int = 1000) -> Path:
    """An archive in `dist/`, and an empty environment that it was built from."""
    make_contents(settings.root, words)
    python = environment_python(settings.build_folder(HOST.name) / "environment")
    python.parent.mkdir(parents=True, exist_ok=True)
    python.touch()
    settings.dist_folder.mkdir(exist_ok=True)
    archive = settings.dist_folder / f"tiny-dev-{HOST.name}{HOST.archive_suffix}"
    name = f"tiny{HOST.executable_suffix}"
    write_archive(archive, [Member(name=name, path=executable_of(settings.root, words), mode=0o755)], 0)
    return archive


def test_newest_archive_of_the_platform_is_measured(settings: ReleaseSettings) -> None:
    settings.dist_folder.mkdir()
    for age, version in ((30, "v1.2.3"), (10, "dev"), (20, "v1.2.4")):
        archive = settings.dist_folder / f"tiny-{version}-{HOST.name}{HOST.archive_suffix}"
        archive.write_bytes(b"")
        os.utime(archive, (1_000_000 - age, 1_000_000 - age))
    found = newest_archive([settings.root / "none", settings.dist_folder], "tiny", HOST)
    assert found.name == f"tiny-dev-{HOST.name}{HOST.archive_suffix}"


def test_missing_build_is_an_error(settings: ReleaseSettings) -> None:
    with pytest.raises(NothingToMeasureError):
        report_sizes(settings, HOST, Console())
    archive = add_build(settings)
    environment_python(settings.build_folder(HOST.name) / "environment").unlink()
    assert archive.is_file()
    with pytest.raises(NothingToMeasureError):
        report_sizes(settings, HOST, Console())


def test_second_build_is_compared_with_the_first(settings: ReleaseSettings) -> None:
    console = Console(record=True, width=120, file=sys.stderr)
    add_build(settings)
    report_sizes(settings, HOST, console)
    assert "largest changes" not in console.export_text()
    add_build(settings, words=2000)
    path = report_sizes(settings, HOST, console)
    text = console.export_text()
    assert "one/words.txt" in text.partition("largest changes")[2]
    assert path.read_text(encoding="utf-8").startswith("<!doctype html>")
    left = {path.name for path in settings.build_folder(HOST.name).iterdir()}
    assert left == {"environment", "sizes.json", "sizes-before.json", "sizes.html"}


def test_table_ends_with_the_executable(tmp_path: Path) -> None:
    console = Console(record=True, width=120, file=sys.stderr)
    contents = make_contents(tmp_path)
    print_sizes(contents, None, console)
    rows = [line.split() for line in console.export_text().splitlines() if line.split()[:1] == ["executable"]]
    assert rows[0][-1] == "100.0%"
    assert rows[0][-2] == f"{contents.executable_bytes / 1_000_000:.2f}"
