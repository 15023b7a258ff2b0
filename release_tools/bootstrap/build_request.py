"""What `nox -s build-<platform>` was asked for, and every problem that can be found before any work starts."""

import argparse
import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from release_tools.bootstrap.hosts import host_problems, is_emulated
from release_tools.errors import MissingToolError, Problem, ReleaseError
from release_tools.lockfile import SUITE_GROUPS, lock_problems, read_lock_file
from release_tools.platforms import UPX, Platform, host_platform
from release_tools.repository import read_commit
from release_tools.settings import ReleaseSettings
from release_tools.settings_schema import CONTAINER_TABLE, EXAMPLE_IMAGE, is_image_name, value_at
from release_tools.versions import DEV, version_problems

# The only one that can build the project's wheel: it's in the library's lock, and it can add the commit to the version.
_BUILD_BACKEND: Final = "poetry.core.masonry.api"


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """The platform and options of a build session. `python` and `image` are None unless given."""

    platform: Platform
    version: str = DEV
    python: str | None = None
    image: str | None = None
    fail_fast: bool = False
    force: bool = False

    @classmethod
    def parse(cls, platform: Platform, arguments: Sequence[str]) -> "BuildRequest":
        """Parse the arguments after `--`; exits with code 2 on unknown ones."""
        parser = argparse.ArgumentParser(prog=f"nox -s build-{platform.name} --")
        parser.add_argument("--version", default=DEV, help="dev (the default), or v and the version in pyproject.toml")
        parser.add_argument("--python", metavar="VERSION", help="a patch release of the pinned Python, such as 3.13.5")
        parser.add_argument("--fail-fast", action="store_true", help="stop at the first check that fails")
        parser.add_argument("--force", action="store_true", help="build even if nothing has changed")
        parser.add_argument("--image", metavar="NAME", help="the container image, if the platform is built in one")
        return cls(platform=platform, **vars(parser.parse_args(arguments)))

    @property
    def needs_container(self) -> bool:
        """Whether this machine builds the platform in a container."""
        try:
            return is_emulated(host_platform(), self.platform)
        except ReleaseError:
            return False


def build_problems(settings: ReleaseSettings, request: BuildRequest) -> list[Problem]:
    """Every problem of the request, this machine and the project that needs no environment to find."""
    return [
        *host_problems(request.platform, settings.root),
        *(lock_problems(settings) or _missing_pytest_problems(settings)),
        *build_backend_problems(settings.pyproject),
        *shadowing_problems(settings.root),
        *_version_problems(settings, request.version),
        *_python_problems(settings.python_version, request.python),
        *_image_problems(request, settings.container.image),
        *_upx_problems(settings, request),
    ]


def shadowing_problems(root: Path) -> list[Problem]:
    """The modules and packages in `root` that shadow the standard library, also for this library itself."""
    files = [*root.glob("*.py"), *(path.parent for path in root.glob("*/__init__.py"))]
    return [
        Problem(
            what=f"{path.name} in the project's folder shadows the standard library's {path.stem!r}",
            hint="rename it; moving it to src/ doesn't help, because the app would still import it",
        )
        for path in sorted(files)
        if path.stem in sys.stdlib_module_names
    ]


def _upx_problems(settings: ReleaseSettings, request: BuildRequest) -> list[Problem]:
    """The problem that UPX is missing, where the build would use it. A container has its own programs."""
    is_needed = settings.is_upx_used and request.platform.can_use_upx and not request.needs_container
    if not is_needed or shutil.which(UPX):
        return []
    error = MissingToolError(UPX)
    return [Problem(what=error.what, hint=error.hint)]


def _missing_pytest_problems(settings: ReleaseSettings) -> list[Problem]:
    """The problem that nothing can run the `test-suite`, which the pipeline would report as failing tests."""
    locked = {package.name for package in read_lock_file(settings.lock_path).packages_of(SUITE_GROUPS)}
    if settings.test_suite is None or "pytest" in locked:
        return []
    return [
        Problem(
            what=f"test-suite is set, and the dependency group {SUITE_GROUPS[-1]!r} has no pytest",
            hint=f"add it, then commit both files: poetry add --group {SUITE_GROUPS[-1]} pytest",
        )
    ]


def build_backend_problems(pyproject: Mapping[str, Any]) -> list[Problem]:
    """The problem that the project isn't built by poetry-core."""
    backend = value_at(pyproject, "build-system", "build-backend")
    if backend == _BUILD_BACKEND:
        return []
    return [
        Problem(
            what=f"the build backend in [build-system] is {backend or 'missing'}, not {_BUILD_BACKEND}",
            hint=f'write: requires = ["poetry-core>=2"] and build-backend = "{_BUILD_BACKEND}"',
        )
    ]


def _version_problems(settings: ReleaseSettings, label: str) -> list[Problem]:
    try:
        return version_problems(label, settings.project_version, read_commit(settings.root))
    except ReleaseError as error:
        return [Problem(what=error.what, hint=error.hint)]


def _python_problems(pinned: str, version: str | None) -> list[Problem]:
    if version is None or (re.fullmatch(r"\d+\.\d+\.\d+", version) and f"{version}.".startswith(f"{pinned}.")):
        return []
    what = f"--python {version} is not a patch release of Python {pinned}"
    return [Problem(what=what, hint=f"pass a full version of the pinned release, such as {pinned}.5, or omit --python")]


def _image_problems(request: BuildRequest, configured: str | None) -> list[Problem]:
    name, given = request.platform.name, request.image
    if not request.needs_container:
        if given is None:
            return []
        what = f"--image {given} is for a build in a container, and this machine builds {name} without one"
        return [Problem(what=what, hint="omit --image")]
    if given is None and configured is None:
        hint = f'set container-image = "…" in [tool.release-tools.{CONTAINER_TABLE}], or pass -- --image NAME'
        return [Problem(what=f"this machine builds {name} in a container, and no image is set", hint=hint)]
    if given is not None and not is_image_name(given):
        return [
            Problem(
                what=f"--image {given!r} is not an image name", hint=f"pass one such as: -- --image {EXAMPLE_IMAGE}"
            )
        ]
    return []
