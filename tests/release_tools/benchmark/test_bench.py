"""A whole benchmark, whose Nox and PyInstaller are scripts that leave what the real ones do."""

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from release_tools.benchmark.bench import DOCUMENT, Bench, run_benchmark
from release_tools.benchmark.figures import Row
from release_tools.distributions import site_packages
from release_tools.errors import NothingToMeasureError, PlainBuildError
from release_tools.platforms import host_platform
from release_tools.repository import git, read_commit
from release_tools.settings import ReleaseSettings
from tests.release_tools.benchmark.programs import posix, write_program

HOST = host_platform()
REPOSITORY = Path(__file__).parents[3]

pytestmark = [posix, pytest.mark.programs]

# `nox -s build-<platform>`: an archive, the environment and the record. It fails if a line of the clone isn't Python.
NOX = f"""
import pathlib, sys
from dataclasses import replace
sys.path.insert(0, {str(REPOSITORY)!r})
from release_tools.archives import Member, write_archive
from release_tools.reporting.records import CheckResult, write_record
from tests.release_tools.reporting.sample_records import GOOD
if "--list" in sys.argv:
    sys.exit()
compile(pathlib.Path("tiny_app/cli.py").read_text(), "cli", "exec")
build = pathlib.Path("build/{HOST.name}")
program = build / "environment/bin/tiny"
program.parent.mkdir(parents=True, exist_ok=True)
program.write_text("#!{sys.executable}\\nprint('tiny 1.2.3')\\n")
program.chmod(0o755)
(program.parent / "python").unlink(missing_ok=True)
(program.parent / "python").symlink_to("{sys.executable}")
version = CheckResult(name="version", verdict="passed", figure="tiny 1.2.3", seconds=0.5)
write_record(replace(GOOD, stages={{"freeze": 1.5}}, checks=[version]), build / "record.json")
pathlib.Path("dist").mkdir(exist_ok=True)
members = [Member(name="tiny", path=program, mode=0o755), Member(name="LICENSE", path=program, mode=0o644)]
write_archive(pathlib.Path("dist/tiny-dev-{HOST.name}{HOST.archive_suffix}"), members, 0)
"""

# `python -m PyInstaller … --name NAME … launcher.py`: a program that fails at `greet`.
PYINSTALLER = f"""
import pathlib, sys
name = sys.argv[sys.argv.index("--name") + 1]
program = pathlib.Path("dist", name)
program.parent.mkdir(exist_ok=True)
code = "import sys\\nif 'greet' in sys.argv: raise ModuleNotFoundError('greetings')\\n"
program.write_text("#!{sys.executable}\\n" + code)
program.chmod(0o755)
"""


@pytest.fixture
def bench(project: Path) -> Bench:
    (project / "tiny_app").mkdir()
    (project / "tiny_app" / "cli.py").write_text("def main(): pass\n", encoding="utf-8")
    git(project, "init", "--quiet")
    git(project, "add", "--all")
    identity = ("-c", "user.name=tester", "-c", "user.email=tester@example.com")
    git(project, *identity, "commit", "--quiet", "--message", "first")
    commit = read_commit(project)
    assert commit is not None
    settings = replace(ReleaseSettings.load(project), smoke_commands=(("greet",),))
    folder = settings.build_folder(HOST.name) / "benchmark"
    git(project, "clone", "--quiet", str(project), str(folder / "clone"))
    plain_python = write_program(folder / "plain-environment" / "bin" / "python", PYINSTALLER)
    module = Path(site_packages(plain_python.parents[1]), "tiny_app", "cli.py")
    module.parent.mkdir(parents=True)
    module.write_text("def main(): pass\n", encoding="utf-8")
    return Bench(
        root=project,
        settings=settings,
        platform=HOST,
        commit=commit,
        parts=("build", "size", "files", "start"),
        rounds=2,
        build_rounds=2,
        nox_python=write_program(project / "nox", NOX),
        plain_python=plain_python,
        peers_python=None,
        beside=(),
    )


def run(bench: Bench) -> dict[str, Row]:
    return {row.key: row for row in run_benchmark(bench, Console(width=120))}


def test_every_row_is_measured_both_ways(bench: Bench) -> None:
    rows = run(bench)
    assert [*rows] == [
        "download",
        "disk",
        "version",
        "`greet`",
        "files",
        "cold-build",
        "changed-line",
        "unchanged",
    ]
    assert {len(rows[key].own.values) for key in ("version", "`greet`", "cold-build", "unchanged")} == {2}
    assert len(rows["changed-line"].own.values) == 3
    for key in ("cold-build", "changed-line"):
        assert [set(floor.values) for floor in rows[key].floors] == [{1.5}, {0.5}]
    # What was changed is restored.
    for folder in (bench.folder / "clone", Path(site_packages(bench.plain_python.parents[1]))):
        assert (folder / "tiny_app" / "cli.py").read_text(encoding="utf-8") == "def main(): pass\n"


def test_what_plain_pyinstaller_breaks_is_a_result(bench: Bench) -> None:
    row = run(bench)["`greet`"]
    assert row.plain is None
    assert "ModuleNotFoundError: greetings" in row.note


def test_document_is_written_when_nothing_is_missing(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    run(bench)
    assert "missing: peers" in capsys.readouterr().out
    assert not (bench.root / DOCUMENT).exists()
    # Without a Python that has cx_Freeze and shiv, they are left out.
    run(replace(bench, parts=("size", "files", "start", "peers", "build")))
    assert (bench.root / DOCUMENT).read_text(encoding="utf-8").startswith("# Benchmarks\n")


def test_parts_are_kept_for_the_same_commit(bench: Bench) -> None:
    first = run(bench)
    second = run(replace(bench, parts=("size",)))
    assert second["cold-build"] == first["cold-build"]


def test_without_builds_the_newest_archive_is_measured(bench: Bench) -> None:
    with pytest.raises(NothingToMeasureError):
        run(replace(bench, parts=("start",)))
    run(replace(bench, parts=("build",)))
    assert "version" in run(replace(bench, parts=("start",)))


def test_failing_plain_build_is_an_error(bench: Bench) -> None:
    write_program(bench.plain_python, "raise SystemExit('no module named app')")
    with pytest.raises(PlainBuildError) as caught:
        run(bench)
    assert "no module named app" in caught.value.what
