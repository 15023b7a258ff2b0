"""What a traced run used and the bundle does not hold."""

import io
import zipfile
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final

from release_tools.binaries.payload import MODULES, SCRIPT, UNPACKED, Payload
from release_tools.distributions import InstalledDistribution
from release_tools.freeze.time_zone_archive import ARCHIVE_NAME
from release_tools.lockfile import normalized_name
from release_tools.verification.suite.traces import Kind, Trace, Use

METADATA_SUFFIX: Final = ".dist-info"


@dataclass(frozen=True, kw_only=True)
class BundleContents:
    """The table of contents of a one-file executable. `files` are paths with `/`, `modules` dotted names."""

    modules: frozenset[str]
    files: frozenset[str]

    @cached_property
    def extension_names(self) -> frozenset[str]:
        """The file names of Python's own extension modules: in `lib-dynload`, or at the root on Windows."""
        return frozenset(
            path.name for path in map(PurePosixPath, self.files) if path.parent.name in {"lib-dynload", ""}
        )

    @cached_property
    def distributions(self) -> frozenset[str]:
        """The canonical names of the distributions whose metadata is there."""
        return frozenset(
            _distribution_name(PurePosixPath(file).parent.name)
            for file in self.files
            if PurePosixPath(file).name == "METADATA" and PurePosixPath(file).parent.suffix == METADATA_SUFFIX
        )


@dataclass(frozen=True, kw_only=True)
class RuntimeFiles:
    """What the app may use: the files of the distributions it was locked with, by path relative to the packages."""

    files: frozenset[str]
    distributions: frozenset[str]
    with_entry_points: frozenset[str]


def read_contents(executable: Path) -> BundleContents:
    """List what the executable holds.

    Raises `PayloadError` when it is no one-file executable of PyInstaller.
    """
    payload = Payload(executable)
    modules = set(payload.module_sizes)
    files = {member.name for member in payload.members if member.kind in UNPACKED}
    for member in payload.members:
        if member.kind not in {*UNPACKED, SCRIPT, MODULES}:
            # The bootloader's own modules.
            modules.add(member.name)
        elif member.name in {"base_library.zip", ARCHIVE_NAME}:
            with zipfile.ZipFile(io.BytesIO(payload.read(member))) as library:
                modules |= set(map(_module_name, library.namelist()))
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


def find_misses(
    trace: Trace, contents: BundleContents, runtime: RuntimeFiles, excluded: Collection[str]
) -> dict[str, str]:
    """What is not in the bundle, as text such as `module some.plugin`, and for each the test that needs it.

    Modules in `excluded`, and those in them, were left out on purpose.
    """
    judges: Mapping[Kind, Callable[[Use], Iterator[str]]] = {
        "module": lambda use: _missing_module(use, contents, runtime, excluded),
        "file": lambda use: _missing_file(use, contents, runtime),
        "library": lambda use: _missing_file(use, contents, runtime),
        "look-up": lambda use: _missing_metadata(use, contents, runtime),
    }
    return {miss: use.test for use in trace.uses if use.kind in judges for miss in judges[use.kind](use)}


def _missing_module(
    use: Use, contents: BundleContents, runtime: RuntimeFiles, excluded: Collection[str]
) -> Iterator[str]:
    is_the_apps = use.place in runtime.files or use.place.startswith("python:")
    # `python -m package` in a child; there is no Python to do that with in a frozen app.
    is_program = use.name.endswith("__main__")
    is_excluded = any(f"{use.name}.".startswith(f"{name}.") for name in excluded)
    # Python's own extension modules stand in another folder of the bundle than of the installation.
    is_file = use.place in contents.files or PurePosixPath(use.place).name in contents.extension_names
    is_bundled = use.name in contents.modules or is_file
    if is_the_apps and not (is_program or is_excluded or is_bundled):
        yield f"module {use.name}"


def _missing_file(use: Use, contents: BundleContents, runtime: RuntimeFiles) -> Iterator[str]:
    if use.place in runtime.files and use.place not in contents.files:
        yield f"{use.kind} {use.name}"


def _missing_metadata(use: Use, contents: BundleContents, runtime: RuntimeFiles) -> Iterator[str]:
    # Without a name all distributions were asked, as entry_points() does.
    wanted = {normalized_name(use.name)} & runtime.distributions if use.name else runtime.with_entry_points
    for name in sorted(wanted - contents.distributions):
        yield f"metadata of {name}"


def _distribution_name(folder: str) -> str:
    return normalized_name(folder.removesuffix(METADATA_SUFFIX).partition("-")[0])


def _module_name(path: str) -> str:
    return path.rpartition(".")[0].replace("/", ".").removesuffix(".__init__")
