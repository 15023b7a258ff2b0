import os
import sys
from pathlib import Path

import pytest
from rich.console import Console

from release_tools.archives import Member, write_archive
from release_tools.benchmark import ROUNDS, Comparison, compare, newest_archive, print_comparisons, run_benchmark
from release_tools.errors import CommandFailedError, NothingToMeasureError
from release_tools.platforms import host_platform
from release_tools.settings import ReleaseSettings

programs = pytest.mark.programs
posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows can't execute scripts")


def write_program(path: Path, code: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{sys.executable}\n{code}\n", encoding="utf-8")
    path.chmod(0o755)
    return path


@posix
@programs
def test_programs_alternate_and_the_first_round_is_dropped(tmp_path: Path) -> None:
    log = tmp_path / "log"
    note = "with open({log!r}, 'a') as file: file.write({name!r})"
    one, other = (write_program(tmp_path / name, note.format(log=str(log), name=name)) for name in ("a", "b"))
    (comparison,) = compare(one, other, [("x",)], tmp_path, on_command=lambda _: None)
    assert log.read_text(encoding="utf-8") == "ab" * (ROUNDS + 1)
    assert comparison.command == ("x",)
    assert comparison.ratio == comparison.frozen / comparison.source


@posix
@programs
def test_failed_command_is_an_error(tmp_path: Path) -> None:
    program = write_program(tmp_path / "a", "raise SystemExit('broken')")
    with pytest.raises(CommandFailedError) as caught:
        compare(program, program, [("x",)], tmp_path, on_command=lambda _: None)
    assert caught.value.command == (str(program), "x")


def test_newest_archive_is_measured(settings: ReleaseSettings) -> None:
    host = host_platform()
    settings.dist_folder.mkdir()
    for age, version in ((30, "v1.2.3"), (10, "dev"), (20, "v1.2.4")):
        archive = settings.dist_folder / f"tiny-{version}-{host.name}{host.archive_suffix}"
        archive.write_bytes(b"")
        os.utime(archive, (1_000_000 - age, 1_000_000 - age))
    assert newest_archive(settings, host).name == f"tiny-dev-{host.name}{host.archive_suffix}"


def test_missing_build_is_an_error(settings: ReleaseSettings) -> None:
    with pytest.raises(NothingToMeasureError) as caught:
        run_benchmark(settings, host_platform(), Console())
    assert caught.value.platform_name == host_platform().name


@posix
@programs
def test_archive_is_compared_with_its_environment(
    settings: ReleaseSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    host = host_platform()
    write_program(settings.build_folder(host.name) / "environment/bin/tiny", "print('tiny 1.2.3')")
    packed = write_program(settings.root / "packed", "print('tiny 1.2.3')")
    settings.dist_folder.mkdir()
    archive = settings.dist_folder / f"tiny-dev-{host.name}{host.archive_suffix}"
    write_archive(archive, [Member(name="tiny", path=packed, mode=0o755)], 0)
    own_environment = settings.build_folder(host.name) / "bench"
    own_environment.mkdir()
    (comparison,) = run_benchmark(settings, host, Console(width=100))
    assert comparison.command == ("--version",)
    assert archive.name in capsys.readouterr().out
    assert {path.name for path in own_environment.parent.iterdir()} == {"environment", own_environment.name}


def test_table_shows_the_ratio() -> None:
    console = Console(record=True, width=80)
    print_comparisons("figures", [Comparison(command=("--version",), frozen=0.5, source=0.25)], console)
    assert console.export_text().split()[-4:] == ["--version", "0.50", "0.25", "2.00"]
