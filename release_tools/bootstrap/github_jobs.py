"""The steps of a GitHub job before its Nox session: `python -m release_tools.bootstrap.github_jobs nox|version`.

`nox` installs the locked Nox and Invoke and adds them to the PATH of the next steps; a build in a container starts with
it too. `version` determines the version that every job of a run builds, and sets the step output `version`; a tag must
be on the default branch.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from release_tools.bootstrap.environment import create_tool_environment
from release_tools.errors import Problem, ReleaseError, RequestError
from release_tools.lockfile import NOX_TOOLS
from release_tools.platforms import Platform, host_platform
from release_tools.repository import git, is_checkout, read_commit
from release_tools.settings import ReleaseSettings
from release_tools.versions import DEV, release_tag, version_of_tag, version_problems

# The environment variable with the workflow's input `version`.
VERSION_INPUT: Final = "VERSION_INPUT"
# The environment variable with the name of the repository's default branch.
DEFAULT_BRANCH: Final = "DEFAULT_BRANCH"


def main() -> int:
    """Run a step. Exit code 0, or 1 for a failure reported on stderr."""
    parser = argparse.ArgumentParser(prog="python -m release_tools.bootstrap.github_jobs", description=__doc__)
    parser.add_argument("step", choices=("nox", "version"))
    options = parser.parse_args()
    try:
        settings = ReleaseSettings.load(Path.cwd())
        if options.step == "nox":
            _install_nox(settings)
        else:
            version = version_of_run(settings, os.environ)
            print(f"this run builds version {version}", flush=True)
            _append_line("GITHUB_OUTPUT", f"version={version}")
    except ReleaseError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def version_of_run(settings: ReleaseSettings, environ: Mapping[str, str]) -> str:
    """`v1.2.3` for a pushed tag, else the version that the manual run asks for.

    Raises `RequestError` if it isn't the version in `pyproject.toml`, or if the tag isn't on the default branch.
    """
    if environ.get("GITHUB_EVENT_NAME") == "push" and environ.get("GITHUB_REF_TYPE") == "tag":
        tag = environ.get("GITHUB_REF_NAME", "")
        is_wrong = version_of_tag(settings.executable, tag) != settings.project_version
        problems = [_tag_problem(settings)] if is_wrong else []
        problems += _branch_problems(settings.root, environ.get(DEFAULT_BRANCH, ""))
        if problems:
            raise RequestError(f"release tag {tag!r}", problems)
        return f"v{settings.project_version}"
    label = environ.get(VERSION_INPUT) or DEV
    problems = version_problems(label, settings.project_version, read_commit(settings.root))
    if problems:
        raise RequestError("build", problems)
    return label


def nox_folder(settings: ReleaseSettings, platform: Platform) -> Path:
    """The folder of the environment with Nox and Invoke on a machine of this platform."""
    return settings.build_folder(platform.name) / "nox"


def _tag_problem(settings: ReleaseSettings) -> Problem:
    return Problem(
        what=f"the version in pyproject.toml is {settings.project_version} at this commit",
        hint="delete the tag, and release with `invoke release --tag`, which creates "
        f"{release_tag(settings.executable, settings.project_version)}",
    )


def _branch_problems(root: Path, branch: str) -> list[Problem]:
    """Why the tagged commit isn't on the branch: anyone who can push a tag could release what nobody has merged."""
    ref = f"refs/remotes/origin/{branch}"
    if not branch or not is_checkout(root) or not git(root, "for-each-ref", ref):
        what = f"this checkout has no {branch or 'default'} branch to find the tagged commit on"
        hint = f"in the job, check out with `fetch-depth: 0`, and set {DEFAULT_BRANCH}"
        return [Problem(what=what, hint=hint)]
    if git(root, "for-each-ref", "--contains=HEAD", ref):
        return []
    hint = f"delete the tag, merge the commit into {branch}, and release with `invoke release --tag`"
    return [Problem(what=f"the tagged commit isn't on the branch {branch}", hint=hint)]


def _install_nox(settings: ReleaseSettings) -> None:
    python = create_tool_environment(settings, nox_folder(settings, host_platform()), NOX_TOOLS, is_kept=True)
    _append_line("GITHUB_PATH", str(python.parent))


def _append_line(variable: str, line: str) -> None:
    """Append a line to the file that the variable names on GitHub; outside GitHub it isn't set."""
    path = os.environ.get(variable)
    if path:
        with Path(path).open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
