"""Compare a trace with the bundle: which modules, files and metadata the app used that the bundle lacks."""

import io
import re
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Final

from release_tools.binaries.payload import MODULES, SCRIPT, UNPACKED, Payload
from release_tools.distributions import InstalledDistribution, module_name, source_module
from release_tools.freeze.runtime.time_zones import ARCHIVE
from release_tools.freeze.selection import is_excluded_module
from release_tools.freeze.standard_library import BASE_LIBRARY, module_of_member
from release_tools.lockfile import METADATA_SUFFIX, distribution_of, normalized_name
from release_tools.verification.suite.traces import Kind, Trace, Use

# `python`, `python3.13`, `pythonw`.
_PYTHON: Final = re.compile(r"pythonw?[\d.]*")


@dataclass(frozen=True, kw_only=True)
class BundleContents:
    """The contents of a one-file executable: dotted names of modules, and paths of files with `/`."""

    modules: frozenset[str]
    files: frozenset[str]

    @cached_property
    def lower_case_files(self) -> frozenset[str]:
        """The paths of files as a trace on Windows spells them."""
        return frozenset(map(str.lower, self.files))

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
    """What the app may use at run time: the files of its locked distributions, by their path in the bundle."""

    files: frozenset[str]
    distributions: frozenset[str]
    with_entry_points: frozenset[str]

    @cached_property
    def folders(self) -> frozenset[str]:
        """The folders that hold these files, in lower case."""
        return frozenset(folder.as_posix().lower() for path in self.files for folder in PurePosixPath(path).parents)


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
        elif member.name in {BASE_LIBRARY, ARCHIVE}:
            with zipfile.ZipFile(io.BytesIO(payload.read(member))) as library:
                modules |= set(map(module_of_member, library.namelist()))
                files |= set(library.namelist())
    return BundleContents(modules=frozenset(modules), files=frozenset(files))


def runtime_files(bundled: Iterable[InstalledDistribution]) -> RuntimeFiles:
    """The files and names of these distributions."""
    by_name = {normalized_name(one.name): one for one in bundled}
    return RuntimeFiles(
        files=frozenset(path for one in by_name.values() for path in one.bundle_record),
        distributions=frozenset(by_name),
        with_entry_points=frozenset(name for name, one in by_name.items() if one.entry_points),
    )


def find_missing(
    trace: Trace, contents: BundleContents, runtime: RuntimeFiles, excluded: Collection[str], executable: str
) -> dict[str, str]:
    """What the app's users lack or lose, such as `module some.plugin`, and for each the test that needs it.

    Modules in `excluded` and their submodules were left out on purpose. `executable` is the name of the app's program.
    """
    finders: Mapping[Kind, Callable[[Use], Iterator[str]]] = {
        "module": lambda use: _missing_module(use, contents, runtime, excluded),
        "file": lambda use: _missing_file(use, contents, runtime),
        "library": lambda use: _missing_native_file(use, contents, runtime, "library"),
        "child": lambda use: (
            iter(())
            if _is_frozen_program(use.place, executable)
            else _missing_native_file(use, contents, runtime, "program")
        ),
        "write": lambda use: iter([f"write to {_written_place(use.place, runtime)}"]),
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


def _missing_native_file(use: Use, contents: BundleContents, runtime: RuntimeFiles, kind: str) -> Iterator[str]:
    """A library or program below the environment's folder; any other is the system's."""
    is_path = "/" in use.place or use.place in runtime.files
    is_system = not is_path or PurePosixPath(use.place).is_absolute() or PureWindowsPath(use.place).is_absolute()
    if not is_system and not use.place.startswith("python:") and use.place.lower() not in contents.lower_case_files:
        yield f"{kind} {use.name}"


def _is_frozen_program(place: str, executable: str) -> bool:
    """Whether it's the app's own program, or Python, which the frozen program stands in for."""
    path = PurePosixPath(place)
    name = path.name.lower().removesuffix(".exe")
    return path.parent.name.lower() in {"bin", "scripts"} and (
        name == executable.lower() or _PYTHON.fullmatch(name) is not None
    )


def _written_place(place: str, runtime: RuntimeFiles) -> str:
    """The file, or the outermost folder that was created for it."""
    path = PurePosixPath(place)
    created = [folder for folder in (path, *path.parents) if folder.as_posix().lower() not in runtime.folders]
    return created[-1].as_posix() if created else place


def _missing_metadata(use: Use, contents: BundleContents, runtime: RuntimeFiles) -> Iterator[str]:
    # A lookup without a name reads all distributions, as entry_points() does.
    needed = {normalized_name(use.name)} & runtime.distributions if use.name else runtime.with_entry_points
    for name in sorted(needed - contents.distributions):
        yield f"metadata of {name}"
