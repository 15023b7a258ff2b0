"""The commands that Nox sessions and Invoke tasks run in the tools' environment: `python -m release_tools build …`."""

import argparse
import functools
import sys
from pathlib import Path

from rich.console import Console

from release_tools.command_line import run_command
from release_tools.platforms import find_platform, host_platform
from release_tools.reporting.output import print_plain
from release_tools.settings import ReleaseSettings


def _build(options: argparse.Namespace, console: Console) -> None:
    from release_tools.pipeline import package_unverified, plan_build, run_pipeline
    from release_tools.reporting.progress import Progress

    build = plan_build(
        Path.cwd(),
        find_platform(options.platform),
        options.version,
        options.app_python,
        options.suite_python,
        is_quick=options.quick,
    )
    progress = Progress(console, {"environment": options.environment_seconds})
    if options.unverified:
        placed = package_unverified(build, progress)
    else:
        placed = run_pipeline(build, progress, console, fail_fast=options.fail_fast)
    console.print(f"\n{placed.relative_to(Path.cwd())}", highlight=False, markup=False, soft_wrap=True)


def _verify(options: argparse.Namespace, console: Console) -> None:
    from release_tools.verification.downloaded import verify_downloads

    settings = ReleaseSettings.load(Path.cwd())
    verify_downloads(settings, options.archives, suite_python=options.suite_python, console=console)


def _build_remotely(options: argparse.Namespace, console: Console) -> None:
    from release_tools.releasing.git_state import github_repository
    from release_tools.releasing.github.api import GitHubApi
    from release_tools.releasing.github.remote_builds import RemoteBuild, build_remotely
    from release_tools.repository import require_commit

    root = Path.cwd()
    commit = require_commit(root)
    build = RemoteBuild(
        settings=ReleaseSettings.load(root),
        platforms=tuple(find_platform(name) for name in options.platform),
        label=options.version,
        commit=commit,
        branch=options.branch,
    )
    api = GitHubApi(root, repository=github_repository(root))
    placed = build_remotely(build, api, console, run_id=options.run_number, suite_python=options.suite_python)
    for archive in placed:
        console.print(str(archive.relative_to(root)), highlight=False, markup=False, soft_wrap=True)


def _report(options: argparse.Namespace, console: Console) -> None:
    from release_tools.reporting.records import read_records
    from release_tools.reporting.report import records_report, write_report
    from release_tools.reporting.validation import validation_report

    records = read_records(options.records)
    if options.output is None:
        sys.stdout.write(validation_report(records) if options.validation else records_report(records))
        return
    for path in write_report(records, options.output, is_validation=options.validation):
        console.print(f"wrote {path}", highlight=False, markup=False, soft_wrap=True)


def _bench(options: argparse.Namespace, console: Console) -> None:
    from release_tools.benchmark.bench import Bench, run_benchmark
    from release_tools.repository import require_commit

    root = Path.cwd()
    commit = require_commit(root)
    bench = Bench(
        root=root,
        settings=ReleaseSettings.load(root),
        platform=host_platform(),
        commit=commit,
        parts=tuple(options.only),
        rounds=options.rounds,
        build_rounds=options.build_rounds,
        nox_python=options.nox_python,
        plain_python=options.plain_python,
        peers_python=options.peers_python,
        beside=tuple(options.beside),
    )
    run_benchmark(bench, console)


def _import_order(_: argparse.Namespace, console: Console) -> None:
    from release_tools.benchmark.imports import record_import_order

    root = Path.cwd()
    path = record_import_order(ReleaseSettings.load(root), host_platform(), functools.partial(print_plain, console))
    print_plain(console, f"wrote {path.relative_to(root)}: commit it, and the next build uses it")


def _size(_: argparse.Namespace, console: Console) -> None:
    from release_tools.sizes.report import report_sizes

    report_sizes(ReleaseSettings.load(Path.cwd()), host_platform(), console)


def _wheels(_: argparse.Namespace, console: Console) -> None:
    from release_tools.errors import MissingWheelsError
    from release_tools.lockfile import TOOLS_LOCK, read_lock_file
    from release_tools.preflight.wheels import check_all_wheels, print_wheels

    settings = ReleaseSettings.load(Path.cwd())
    rows = check_all_wheels(settings, read_lock_file(settings.lock_path), read_lock_file(TOOLS_LOCK))
    print_wheels(settings, rows, console)
    problems = [problem for row in rows for problem in row.problems]
    if problems:
        raise MissingWheelsError(problems)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release_tools", description=__doc__)
    commands = parser.add_subparsers(required=True)
    build = commands.add_parser("build", help="freeze, package and verify what is installed for another Python")
    build.add_argument("--platform", required=True)
    build.add_argument("--version", required=True)
    build.add_argument("--app-python", type=Path, required=True)
    build.add_argument("--suite-python", type=Path)
    build.add_argument("--environment-seconds", type=float, default=0.0)
    build.add_argument("--fail-fast", action="store_true")
    build.add_argument(
        "--quick",
        action="store_true",
        help="compress less and limit the slowest checks of a dev build; its archive stays out of dist/",
    )
    build.add_argument(
        "--unverified", action="store_true", help="only freeze and package; the archive stays out of dist/"
    )
    build.set_defaults(run=_build)
    verify = commands.add_parser("verify", help="verify finished archives")
    verify.add_argument("archives", type=Path, nargs="+")
    verify.add_argument("--suite-python", type=Path)
    verify.set_defaults(run=_verify)
    bench = commands.add_parser("bench", help="compare builds and starts with those of plain PyInstaller")
    bench.add_argument("--only", action="append", required=True)
    bench.add_argument("--beside", action="append", default=[])
    bench.add_argument("--rounds", type=int, required=True)
    bench.add_argument("--build-rounds", type=int, required=True)
    bench.add_argument("--nox-python", type=Path, required=True)
    bench.add_argument("--plain-python", type=Path, required=True)
    bench.add_argument("--peers-python", type=Path)
    bench.set_defaults(run=_bench)
    order = commands.add_parser("import-order", help="write down the order in which usual starts import modules")
    order.set_defaults(run=_import_order)
    commands.add_parser("size", help="show what the newest archive's size comes from").set_defaults(run=_size)
    remote = commands.add_parser("build-remotely", help="build on GitHub, download the archives and verify them")
    remote.add_argument("--platform", action="append", required=True)
    remote.add_argument("--version", required=True)
    remote.add_argument("--branch", required=True)
    remote.add_argument("--run-number", type=int)
    remote.add_argument("--suite-python", type=Path)
    remote.set_defaults(run=_build_remotely)
    report = commands.add_parser("report", help="show build records as Markdown")
    report.add_argument("records", type=Path, nargs="+")
    report.add_argument("--output", type=Path)
    report.add_argument("--validation", action="store_true", help="say which criteria of a release are met")
    report.set_defaults(run=_report)
    wheels = commands.add_parser("wheels", help="check that every locked package has a wheel for every platform")
    wheels.set_defaults(run=_wheels)
    return parser


if __name__ == "__main__":
    sys.exit(run_command(_parser()))
