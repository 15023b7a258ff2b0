"""What the Nox sessions start inside the locked environment: `python -m release_tools build …`."""

import argparse
import sys
from pathlib import Path

from rich.console import Console

from release_tools.errors import MissingWheelsError, RefusedDownloadsError, ReleaseError
from release_tools.lockfile import read_lock_file
from release_tools.pipeline import plan_build, run_pipeline
from release_tools.platforms import find_platform, host_platform
from release_tools.progress import Progress
from release_tools.reports import print_checks
from release_tools.settings import ReleaseSettings
from release_tools.verification.downloaded import verify_download
from release_tools.wheels import check_all_wheels, print_wheels


def main() -> int:
    """Exit code 0 when the archive is in `dist/`, 1 for a failure that is told on stderr, 130 when interrupted."""
    options = _parser().parse_args()
    # Off a terminal there is no width to ask for, and 80 columns would fold the report.
    console = Console() if sys.stdout.isatty() else Console(width=120)
    try:
        options.run(options, console)
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: interrupted\nhint: dist/ is as it was; start again with the same command", file=sys.stderr)
        return 130
    return 0


def _build(options: argparse.Namespace, console: Console) -> None:
    build = plan_build(Path.cwd(), find_platform(options.platform), options.version, options.suite_python)
    progress = Progress(console, {"environment": options.environment_seconds})
    placed = run_pipeline(build, progress, console, keep_going=options.keep_going)
    console.print(f"\n{placed.relative_to(Path.cwd())}", highlight=False, markup=False, soft_wrap=True)


def _verify(options: argparse.Namespace, console: Console) -> None:
    settings = ReleaseSettings.load(Path.cwd())
    scratch = settings.build_folder(host_platform().name) / "downloaded"
    refused = []
    for archive in options.archives:
        with console.status("") as status:
            results = verify_download(
                settings, archive, scratch=scratch, suite_python=options.suite_python, on_check=status.update
            )
        print_checks(archive.name, results, console)
        refused += [archive.name] if any(result.is_failed for result in results) else []
    if refused:
        raise RefusedDownloadsError(refused)


def _wheels(_: argparse.Namespace, console: Console) -> None:
    settings = ReleaseSettings.load(Path.cwd())
    rows = check_all_wheels(settings, read_lock_file(settings.lock_path))
    print_wheels(settings, rows, console)
    problems = [problem for row in rows for problem in row.problems]
    if problems:
        raise MissingWheelsError(problems)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m release_tools", description=__doc__)
    commands = parser.add_subparsers(required=True)
    build = commands.add_parser("build", help="freeze, package and verify, in an environment that is already there")
    build.add_argument("--platform", required=True)
    build.add_argument("--version", required=True)
    build.add_argument("--suite-python", type=Path)
    build.add_argument("--environment-seconds", type=float, default=0.0)
    build.add_argument("--keep-going", action="store_true")
    build.set_defaults(run=_build)
    verify = commands.add_parser("verify", help="verify finished archives")
    verify.add_argument("archives", type=Path, nargs="+")
    verify.add_argument("--suite-python", type=Path)
    verify.set_defaults(run=_verify)
    wheels = commands.add_parser("wheels", help="whether every locked package has a wheel for every platform")
    wheels.set_defaults(run=_wheels)
    return parser


if __name__ == "__main__":
    sys.exit(main())
