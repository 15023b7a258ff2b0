"""Compare a trace with the bundle: which modules, files and metadata the app used that the bundle lacks."""

import io
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

from release_tools.binaries.payload import MODULES, SCRIPT, UNPACKED, Payload
from release_tools.distributions import InstalledDistribution, module_name, source_module
from release_tools.freeze.selection import is_excluded_module
from release_tools.freeze.standard_library import BASE_LIBRARY, module_of_member
from release_tools.freeze.time_zone_archive import ARCHIVE_NAME
from release_tools.lockfile import METADATA_SUFFIX, distribution_of, normalized_name
from release_tools.verification.suite.traces import Kind, Trace, Use


@dataclass(frozen=True, kw_only=True)
class BundleContents:
    """The contents of a one-file executable: dotted names of modules, and paths of files with `/`."""

    modules: frozenset[str]
    files: frozenset[str]

    @cached_property
    def compiled_modules(self) -> frozenset[str]:
        """The dotted names of extension modules. Wheels by Cython and mypyc ship their source too, which isn't used."""
        return frozenset(name for path in self.files if not path.endswith(".py") and (name := module_name(path)))

    def has_module(self, name: str) -> bool:
        return name in self.modules or name in self.compiled_modules

    def has_file(self, path: str) -> bool:
        """Whether it has the file, or the compiled module in place of its source."""
        return path in self.files or source_module(path) in self.compiled_modules

    @cached_property
    def extension_names(self) -> frozenset[str]:
        """The file names of the standard library's extension modules: in `lib-dynload`, or on Windows at the root."""
        return frozenset(
            path.name for path in map(PurePosixPath, self.files) if path.parent.name in {"lib-dynload", ""}
        )

    @cached_property
    def distributions(self) -> frozenset[str]:
        """The normalized names of the distributions whose metadata is bundled."""
        return frozenset(
            distribution_of(PurePosixPath(file).parent.name)
            for file in self.files
            if PurePosixPath(file).name == "METADATA" and PurePosixPath(file).parent.suffix == METADATA_SUFFIX
        )


@dataclass(frozen=True, kw_only=True)
class RuntimeFiles:
    """What the app may use at run time: the files of its locked distributions, relative to site-packages."""

    files: frozenset[str]
    distributions: frozenset[str]
    with_entry_points: frozenset[str]


def read_contents(executable: Path) -> BundleContents:
    """List the contents of an executable.

    Raises `PayloadError` when it isn't a one-file executable of PyInstaller.
    """
    payload = Payload(executable)
    modules = set(payload.module_sizes)
    files = {member.name for member in payload.members if member.kind in UNPACKED}
    for member in payload.members:
        if member.kind not in {*UNPACKED, SCRIPT, MODULES}:
            # The modules of the bootloader.
            modules.add(member.name)
        elif member.name in {BASE_LIBRARY, ARCHIVE_NAME}:
            with zipfile.ZipFile(io.BytesIO(payload.read(member))) as library:
                modules |= set(map(module_of_member, library.namelist()))
                files |= set(library.namelist())
    return BundleContents(modules=frozenset(modules), files=frozenset(files))


def runtime_files(bundled: Iterable[InstalledDistribution]) -> RuntimeFiles:
    """The files and names of these distributions."""
    by_name = {normalized_name(one.name): one for one in bundled}
    return RuntimeFiles(
        files=frozenset(file.path for one in by_name.values() for file in one.record),
        distributions=frozenset(by_name),
        with_entry_points=frozenset(name for name, one in by_name.items() if one.entry_points),
    )


def find_missing(
    trace: Trace, contents: BundleContents, runtime: RuntimeFiles, excluded: Collection[str]
) -> dict[str, str]:
    """What the app's users lack, such as `module some.plugin`, and for each the test that needs it.

    Modules in `excluded` and their submodules were left out on purpose.
    """
    finders: Mapping[Kind, Callable[[Use], Iterator[str]]] = {
        "module": lambda use: _missing_module(use, contents, runtime, excluded),
        "file": lambda use: _missing_file(use, contents, runtime),
        "library": lambda use: _missing_file(use, contents, runtime),
        "metadata": lambda use: _missing_metadata(use, contents, runtime),
        "outside": lambda use: iter([use.name]),
    }
    return {missing: use.test for use in trace.uses if use.kind in finders for missing in finders[use.kind](use)}


def _missing_module(
    use: Use, contents: BundleContents, runtime: RuntimeFiles, excluded: Collection[str]
) -> Iterator[str]:
    is_the_apps = use.place in runtime.files or use.place.startswith("python:")
    # `python -m package` in a child process; a frozen app has no Python to run that with.
    is_program = use.name.endswith("__main__")
    is_excluded = is_excluded_module(use.name, excluded)
    # The bundle keeps the standard library's extension modules in another folder than the installation.
    is_file = use.place in contents.files or PurePosixPath(use.place).name in contents.extension_names
    is_bundled = contents.has_module(use.name) or is_file
    if is_the_apps and not (is_program or is_excluded or is_bundled):
        yield f"module {use.name}"


def _missing_file(use: Use, contents: BundleContents, runtime: RuntimeFiles) -> Iterator[str]:
    if use.place in runtime.files and not contents.has_file(use.place):
        yield f"{use.kind} {use.name}"


def _missing_metadata(use: Use, contents: BundleContents, runtime: RuntimeFiles) -> Iterator[str]:
    # A lookup without a name reads all distributions, as entry_points() does.
    needed = {normalized_name(use.name)} & runtime.distributions if use.name else runtime.with_entry_points
    for name in sorted(needed - contents.distributions):
        yield f"metadata of {name}"
