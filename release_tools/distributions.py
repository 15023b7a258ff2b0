"""The distributions of the locked environments: their files, modules and metadata, read once for each build."""

import base64
import csv
import hashlib
import os
import sys
import sysconfig
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib.machinery import EXTENSION_SUFFIXES
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distributions
from pathlib import Path, PurePosixPath
from typing import Final

from packaging.markers import Marker
from packaging.requirements import Requirement

from release_tools.lockfile import APP_GROUPS, BUILD_TOOLS, LockFile, normalized_name

# They say where and how a distribution was installed on the build machine: paths, installers, start scripts' hashes.
MACHINE_SPECIFIC_FILES: Final = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json")

# `lib/python3.13/site-packages`, or on Windows `Lib/site-packages`: how many folders the environment's is above it.
_DEPTH_OF_PACKAGES: Final = 2 if os.name == "nt" else 3

# Top-level folders that wheels often install by mistake, and that nothing imports.
STRAY_FOLDERS: Final = frozenset({"benchmarks", "doc", "docs", "example", "examples", "test", "tests"})

# The names that Python imports a module from, the longest first: `a.abi3.so` is the module `a`, not `a.abi3`.
_MODULE_SUFFIXES: Final = (".py", *sorted(EXTENSION_SUFFIXES, key=len, reverse=True))


@dataclass(frozen=True, kw_only=True)
class RecordedFile:
    """A file as a distribution's RECORD lists it: relative to site-packages, with "/", and "" for no digest.

    `size` is in bytes, 0 if the RECORD doesn't say. The path is text because there are tens of thousands of them.
    """

    path: str
    digest: str
    size: int = 0

    def has_content(self, content: bytes) -> bool:
        """Whether the file is recorded with the digest of this content."""
        algorithm, _, recorded = self.digest.partition("=")
        # What the wheel format allows: SHA-256 or better.
        if algorithm not in {"sha256", "sha384", "sha512"}:
            return False
        digest = hashlib.new(algorithm, content).digest()
        return recorded.rstrip("=") == base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")


@dataclass(frozen=True, kw_only=True)
class InstalledDistribution:
    """A distribution as it is installed. `found` is what `importlib.metadata` found; the rest is read on first use."""

    found: Distribution

    @cached_property
    def name(self) -> str:
        """The name as its metadata spells it."""
        return self.found.name

    @cached_property
    def version(self) -> str:
        return self.found.version

    @property
    def label(self) -> str:
        return f"{self.name} {self.version}"

    @cached_property
    def entry_points(self) -> tuple[EntryPoint, ...]:
        return tuple(self.found.entry_points)

    @cached_property
    def record(self) -> tuple[RecordedFile, ...]:
        """Every line of its RECORD, in order of path. `Distribution.files` would look up every file on disk."""
        rows = csv.reader((self.found.read_text("RECORD") or "").splitlines())
        files = (RecordedFile(path=row[0].replace("\\", "/"), digest=row[1], size=_size_in(row)) for row in rows if row)
        return tuple(sorted(files, key=lambda file: file.path))

    @cached_property
    def files(self) -> tuple[RecordedFile, ...]:
        """What it installed in site-packages, in order of path, without metadata and caches."""
        return tuple(file for file in self.record if _is_shipped(file.path))

    @cached_property
    def modules(self) -> tuple[str, ...]:
        """The dotted names of all its modules, extension modules among them."""
        return tuple(sorted(self.module_names))

    @cached_property
    def module_names(self) -> frozenset[str]:
        """The same, to look up names."""
        return frozenset(name for file in self.files if (name := module_name(file.path)))

    @cached_property
    def source_modules(self) -> tuple[str, ...]:
        """The dotted names of its modules that are source: only these can be entries of a bundle's module archive."""
        return tuple(sorted({name for file in self.files if (name := source_module(file.path))}))

    @property
    def packages(self) -> tuple[str, ...]:
        """The importable top-level names of its source."""
        return tuple(sorted({name.partition(".")[0] for name in self.source_modules}))

    @cached_property
    def files_below_prefix(self) -> Mapping[str, RecordedFile]:
        """What it installed outside site-packages, by path below the environment's folder: `share/…`, `bin/…`.

        A wheel's `.data` folder has them. Without what installers generate from entry points, headers, and metadata.
        """
        generated = {point.name for point in self.entry_points if point.group in {"console_scripts", "gui_scripts"}}
        found = ((_below_prefix(file.path), file) for file in self.record)
        return {
            path: file
            for path, file in found
            if path is not None
            and not path.lower().startswith("include/")
            and not (is_program_path(path) and PurePosixPath(path).name.removesuffix(".exe") in generated)
        }

    @property
    def bundle_record(self) -> Mapping[str, RecordedFile]:
        """Every line of its RECORD by the path in a bundle, which is like `sys.prefix` and site-packages in one."""
        return {**{file.path: file for file in self.record}, **self.files_below_prefix}

    @cached_property
    def metadata_folder(self) -> Path:
        """The `*.dist-info` folder."""
        files = self.found.files or []
        metadata = next(file for file in files if file.name == "METADATA" and file.parent.name.endswith(".dist-info"))
        return Path(str(self.found.locate_file(metadata.parent)))

    @property
    def metadata_files(self) -> tuple[tuple[str, str], ...]:
        """Its metadata and license files, as pairs of source file and folder in the bundle."""
        folder = self.metadata_folder
        return tuple(
            (str(path), path.parent.relative_to(folder.parent).as_posix())
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name not in MACHINE_SPECIFIC_FILES
        )

    def locate(self, path: str) -> Path:
        """Where a recorded file is on disk."""
        return Path(str(self.found.locate_file(path)))


@dataclass(frozen=True, kw_only=True)
class InstalledEnvironment:
    """The distributions in the app's environment and in that of the tools, and what their locks ask for.

    `for_app` and `for_tools` map the canonical names of the locked distributions that this platform needs to their
    locked versions.
    """

    project_name: str
    distributions: tuple[InstalledDistribution, ...]
    tools: tuple[InstalledDistribution, ...]
    for_app: Mapping[str, str]
    for_tools: Mapping[str, str]

    @cached_property
    def by_name(self) -> Mapping[str, InstalledDistribution]:
        """The app's distributions by canonical name."""
        return _by_name(self.distributions)

    @cached_property
    def tools_by_name(self) -> Mapping[str, InstalledDistribution]:
        """The tools' distributions by canonical name."""
        return _by_name(self.tools)

    @property
    def searched(self) -> tuple[InstalledDistribution, ...]:
        """Everything that PyInstaller finds: the tools, then what the app has in place of them."""
        return (*self.tools, *self.distributions)

    @property
    def pyinstaller(self) -> InstalledDistribution:
        """Raises `PackageNotFoundError` when it isn't installed; preflight reports that first."""
        return _required(self.tools_by_name, "pyinstaller")

    @property
    def zstandard(self) -> InstalledDistribution | None:
        """The distribution whose module decompresses the program; None if Python has it."""
        return self.tools_by_name.get("backports-zstd")

    def require(self, name: str) -> InstalledDistribution:
        """The app's distribution of this name. Raises `PackageNotFoundError` when it isn't installed."""
        return _required(self.by_name, name)

    @property
    def project(self) -> InstalledDistribution:
        """The app's own distribution."""
        return self.require(self.project_name)

    @property
    def dependencies(self) -> tuple[InstalledDistribution, ...]:
        """The locked distributions that the app needs on this platform, by name."""
        return tuple(map(self.require, sorted(self.for_app)))

    @property
    def bundled(self) -> tuple[InstalledDistribution, ...]:
        """What the bundle is made of: the app's dependencies, then the project."""
        return (*self.dependencies, self.project)

    @cached_property
    def direct(self) -> tuple[InstalledDistribution, ...]:
        """The project and the dependencies that its metadata names, without those that preflight finds missing."""
        required = {normalized_name(Requirement(text).name) for text in self.project.found.requires or ()}
        return (*map(self.require, sorted(required.intersection(self.for_app, self.by_name))), self.project)

    @property
    def build_only(self) -> frozenset[str]:
        """The canonical names of the tools that the app doesn't have, such as PyInstaller."""
        return frozenset(self.tools_by_name) - frozenset(self.by_name)

    @cached_property
    def build_only_modules(self) -> tuple[str, ...]:
        """The top-level names that only the tools have, in order; of a namespace package, the names below it.

        The app doesn't have them, so its bundle mustn't either. PyInstaller would add some: if setuptools is installed,
        it resolves imports to setuptools' vendored packages.
        """
        return tuple(
            sorted(_importable_roots(self.tools) - _importable_roots(self.distributions) - sys.stdlib_module_names)
        )


def read_environment(
    project_name: str, lock: LockFile, tools_lock: LockFile, app: Iterable[Distribution], tools: Iterable[Distribution]
) -> InstalledEnvironment:
    """The environments that consist of these distributions."""
    return InstalledEnvironment(
        project_name=project_name,
        distributions=tuple(InstalledDistribution(found=found) for found in app),
        tools=tuple(InstalledDistribution(found=found) for found in tools),
        for_app=locked_here(lock, APP_GROUPS),
        for_tools=locked_here(tools_lock, BUILD_TOOLS),
    )


def distributions_for(python: Path) -> Iterable[Distribution]:
    """The distributions in an environment of the Python that runs this, given by its interpreter."""
    return distributions(path=[site_packages(python.parents[1])])


def site_packages(environment: Path) -> str:
    """The folder with the packages of an environment of the Python that runs this."""
    # One folder: where there's also a lib64, environments have it as a link.
    return sysconfig.get_path("purelib", "venv", {"base": str(environment)})


def _by_name(found: Iterable[InstalledDistribution]) -> dict[str, InstalledDistribution]:
    """These distributions by canonical name; where one is installed twice, the first on the path."""
    return {normalized_name(one.name): one for one in reversed(tuple(found))}


def _required(found: Mapping[str, InstalledDistribution], name: str) -> InstalledDistribution:
    try:
        return found[normalized_name(name)]
    except KeyError:
        raise PackageNotFoundError(name) from None


def _importable_roots(found: Iterable[InstalledDistribution]) -> set[str]:
    """The shortest names with a file. A namespace package has none, so it's the names below it that count."""
    roots = set()
    for one in found:
        for module in one.modules:
            parts = module.split(".")
            prefixes = (".".join(parts[:length]) for length in range(1, len(parts) + 1))
            roots.add(next(prefix for prefix in prefixes if prefix in one.module_names))
    return roots


def locked_here(lock: LockFile, groups: Collection[str]) -> dict[str, str]:
    """The locked versions for these groups on this platform, by canonical name."""
    return {
        package.name: package.version
        for package in lock.packages_of(groups)
        if applies_here(package.marker_for(groups))
    }


def applies_here(marker: str) -> bool:
    """Whether an environment marker from the lock holds for the running interpreter."""
    return not marker or Marker(marker).evaluate({"extra": ""})


def module_name(path: str) -> str | None:
    """The dotted name under which a file of site-packages can be imported, or None if it is no module.

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


def _size_in(row: Sequence[str]) -> int:
    return int(row[2]) if len(row) > 2 and row[2].isdecimal() else 0  # noqa: PLR2004 - path, digest, size


def is_program_path(path: str) -> bool:
    """Whether a path below the environment's folder is in its folder of programs."""
    return path.startswith(("bin/", "Scripts/"))


def _below_prefix(path: str) -> str | None:
    """The path below the environment's folder of a file that is outside site-packages, else None."""
    parts = path.split("/")
    ups = next((index for index, part in enumerate(parts) if part != ".."), 0)
    inner = parts[ups:]
    return "/".join(inner) if ups == _DEPTH_OF_PACKAGES and ".." not in inner else None


def _is_shipped(path: str) -> bool:
    top, *rest = path.split("/")
    # Nor anything with an absolute path, which is outside.
    if not top or ":" in top:
        return False
    return not top.endswith((".dist-info", ".data")) and not {"..", "__pycache__"}.intersection((top, *rest))


def source_module(path: str) -> str | None:
    """The dotted name of the module that a source file of site-packages is, or None if it's no source of a module."""
    return module_name(path) if path.endswith(".py") else None
