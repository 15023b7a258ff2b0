"""Builds and installs the locked packages that are only released as source distributions (sdists).

The app's lock has the hash of the sdist, and the library's lock those of all build backends, so nothing unknown is part
of the result. It has to be a pure wheel: what a compiler makes differs from machine to machine.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from release_tools.archives import ZIP_EPOCH
from release_tools.errors import CommandFailedError, SourceDistributionError
from release_tools.lockfile import (
    BUILD_BACKENDS,
    TOOLS_LOCK,
    LockedPackage,
    LockFile,
    distribution_of,
    read_lock_file,
)
from release_tools.processes.run import EnvironmentChanges

_PURE_TAG: Final = "-none-any"
_SHOWN_LINES: Final = 12


def install_sdists(
    lock: LockFile,
    packages: Sequence[LockedPackage],
    groups: Sequence[str],
    environment: Path,
    install: Callable[..., object],
) -> None:
    """Build each of these packages with the locked backends, and install it in the environment.

    `install` runs `uv pip install` there with these arguments, and captures its output.

    Raises `SourceDistributionError`.
    """
    if not packages:
        return
    constraints = environment / "build-backends.txt"
    constraints.write_text(read_lock_file(TOOLS_LOCK).requirements(BUILD_BACKENDS), encoding="utf-8")
    # The name of a preview feature, so that uv doesn't warn of it.
    hashes = ("--require-build-hashes", "--preview-features", "build-dependency-hashes")
    # uv's own cache may have what was built in another way. In the environment's folder, files can be linked.
    with TemporaryDirectory(prefix="sdists-", dir=environment, ignore_cleanup_errors=True) as cache:
        options = ["--no-deps", "--build-constraints", str(constraints), *hashes, "--cache-dir", cache]
        # As when PyInstaller runs: no time and no random order in the result.
        env: EnvironmentChanges = {"SOURCE_DATE_EPOCH": str(ZIP_EPOCH), "PYTHONHASHSEED": "0"}
        for package in packages:
            requirement = Path(cache, f"{package.name}.txt")
            requirement.write_text(lock.requirement(package, groups), encoding="utf-8")
            try:
                install(*options, "--no-binary", package.name, "--requirement", str(requirement), env=env)
            except CommandFailedError as error:
                reason = "\n".join(["it can't be built:", *error.output.strip().splitlines()[-_SHOWN_LINES:]])
                raise SourceDistributionError(package.name, package.version, reason) from None
            native = [tag for tag in _tags_of(package, environment) if not tag.endswith(_PURE_TAG)]
            if native:
                reason = f"what is built from it is for one platform only ({native[0]})"
                raise SourceDistributionError(package.name, package.version, reason)


def _tags_of(package: LockedPackage, environment: Path) -> list[str]:
    """The tags of its installed wheel; empty if a marker excludes it on this platform."""
    files = (
        path for path in environment.rglob("*.dist-info/WHEEL") if distribution_of(path.parent.name) == package.name
    )
    lines = [line for path in files for line in path.read_text(encoding="utf-8").splitlines()]
    return [line.partition(":")[2].strip() for line in lines if line.startswith("Tag:")]
