"""What is installed in the environment that this runs in: distributions, their files, metadata and licenses."""

import csv
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath
from typing import Final

from packaging.markers import Marker

from release_tools.lockfile import LockFile

RUNTIME_GROUPS: Final = ("main",)

# They say where and how a distribution was installed on the build machine: paths, installers, start scripts' hashes.
MACHINE_SPECIFIC_FILES: Final = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")

# The names that Python imports a module from, the longest first: `a.abi3.so` is the module `a`, not `a.abi3`.
_MODULE_SUFFIXES: Final = (".py", *sorted(EXTENSION_SUFFIXES, key=len, reverse=True))


@dataclass(frozen=True, kw_only=True)
class RecordedFile:
    """A file as a distribution's RECORD lists it: relative to site-packages, with "/", and "" for no digest.

    The path is text because there are tens of thousands of them.
    """

    path: str
    digest: str


def locked_here(lock: LockFile, groups: Collection[str]) -> dict[str, str]:
    """The versions, by name, that the lock wants on this platform for these groups."""
    return {
        package.name: package.version
        for package in lock.packages_of(groups)
        if applies_here(package.marker_for(groups))
    }


def runtime_distributions(lock: LockFile) -> tuple[Distribution, ...]:
    """Every locked distribution that the app needs on this platform, by name.

    Raises `PackageNotFoundError` when one is not installed; preflight reports that first.
    """
    return tuple(distribution(name) for name in sorted(locked_here(lock, RUNTIME_GROUPS)))


def applies_here(marker: str) -> bool:
    """Whether an environment marker from the lock holds for the running interpreter."""
    return not marker or Marker(marker).evaluate({"extra": ""})


def installed_version(name: str) -> str | None:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return None


def metadata_folder(installed: Distribution) -> Path:
    """The `*.dist-info` folder of a distribution."""
    files = installed.files or []
    metadata = next(file for file in files if file.name == "METADATA" and file.parent.name.endswith(".dist-info"))
    return Path(str(installed.locate_file(metadata.parent)))


def metadata_files(distributions: Iterable[Distribution]) -> tuple[tuple[str, str], ...]:
    """Every metadata and license file of these, as pairs of source file and folder in the bundle."""
    folders = [metadata_folder(installed) for installed in distributions]
    return tuple(
        (str(path), path.parent.relative_to(folder.parent).as_posix())
        for folder in folders
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in MACHINE_SPECIFIC_FILES
    )


def recorded_files(installed: Distribution) -> tuple[RecordedFile, ...]:
    """What a distribution installed in site-packages, in order of path, without metadata and caches.

    Read from the RECORD alone: asking `Distribution.files` would look up every file on disk.
    """
    rows = csv.reader((installed.read_text("RECORD") or "").splitlines())
    files = (RecordedFile(path=row[0].replace("\\", "/"), digest=row[1]) for row in rows if row)
    return tuple(sorted((file for file in files if _is_shipped(file.path)), key=lambda file: file.path))


def module_name(path: str) -> str | None:
    """The dotted name under which a file of site-packages can be imported, or None where it is no module.

    A package goes by its folder: `a/__init__.py` is `a`.
    """
    suffix = next((suffix for suffix in _MODULE_SUFFIXES if path.endswith(suffix)), None)
    if suffix is None:
        return None
    *folders, stem = path.removesuffix(suffix).split("/")
    # Plain shared libraries carry the same suffix as some extension modules do.
    is_library = suffix == ".so" and stem.startswith("lib")
    parts = folders if stem == "__init__" else [*folders, stem]
    return ".".join(parts) if parts and not is_library and all(part.isidentifier() for part in parts) else None


def own_packages(project_name: str) -> tuple[str, ...]:
    """The importable top-level names of the project's own wheel."""
    return tuple(sorted({name.partition(".")[0] for name in own_modules(project_name)}))


def own_modules(project_name: str) -> tuple[str, ...]:
    """Every module of the project's own wheel, so that what is imported by name at run time is bundled too."""
    return tuple(sorted({name for path in own_files(project_name) if (name := _source_module(path))}))


def own_data_files(project_name: str) -> tuple[tuple[str, str], ...]:
    """Every other file of the project's own wheel, as pairs of source file and folder in the bundle."""
    installed = distribution(project_name)
    return tuple(
        (str(installed.locate_file(path)), PurePosixPath(path).parent.as_posix())
        for path in own_files(project_name)
        if _source_module(path) is None
    )


def own_files(project_name: str) -> tuple[str, ...]:
    """Every file of the project's own wheel but its metadata, relative to site-packages."""
    return tuple(file.path for file in recorded_files(distribution(project_name)))


def license_texts(installed: Distribution) -> tuple[tuple[str, str], ...]:
    """The license files that a distribution carries, as pairs of name and text, in order of name."""
    folder = metadata_folder(installed)
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and (path.parent.name == "licenses" or _is_license_name(path.name))
    )
    return tuple(
        (path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8", errors="replace")) for path in found
    )


def python_license() -> str:
    """The license of the running Python, as installed with its standard library."""
    for folder in (
        Path(sys.base_prefix, "lib", f"python{sys.version_info[0]}.{sys.version_info[1]}"),
        Path(sys.base_prefix),
    ):
        for name in ("LICENSE.txt", "LICENSE"):
            if (folder / name).is_file():
                return (folder / name).read_text(encoding="utf-8")
    return f"PSF-2.0: https://docs.python.org/{sys.version_info[0]}.{sys.version_info[1]}/license.html\n"


def _is_shipped(path: str) -> bool:
    top, *rest = path.split("/")
    return not top.endswith((".dist-info", ".data")) and not {"..", "__pycache__"}.intersection((top, *rest))


def _source_module(path: str) -> str | None:
    # An extension module goes into the bundle as a file: only a source can be an entry of its module archive.
    return module_name(path) if path.endswith(".py") else None


def _is_license_name(name: str) -> bool:
    return name.upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS"))
