"""Plans what goes into the bundle, before PyInstaller starts; `freeze.spec` carries it out."""

import sysconfig
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from release_tools.binaries import compression
from release_tools.binaries.native_files import format_of_file
from release_tools.distributions import (
    MACHINE_SPECIFIC_FILES,
    InstalledDistribution,
    InstalledEnvironment,
    source_module,
)
from release_tools.freeze.import_order import read_import_order
from release_tools.freeze.runtime.unpacking import MARKER
from release_tools.freeze.runtime_hooks import PACKAGE as RUNTIME_PACKAGE
from release_tools.freeze.runtime_hooks import write_runtime_hook
from release_tools.freeze.selection import excluded_names, select, without_excluded
from release_tools.freeze.standard_library import pure_modules
from release_tools.freeze.sysconfig_data import write_neutral_data
from release_tools.freeze.version_resource import VersionResource, make_version_resource
from release_tools.platforms import BinaryFormat, Platform
from release_tools.settings import ReleaseSettings

# PyInstaller's hooks of ours, in addition to its own.
HOOKS: Final = Path(__file__).with_name("hooks")

# The executable's twin has the same bundle, but runs the script that an environment variable names. It's never shipped.
# Both are in one folder, so no project may use this name.
PROBE_NAME: Final = "release-tools-probe"
PROBE_LAUNCHER: Final = Path(__file__).with_name("probe_launcher.py")


@dataclass(frozen=True, kw_only=True)
class PlannedDistribution:
    """A bundled distribution: its folder, its metadata folder's name, and the rows of its RECORD.

    A row has the path in the bundle, the digest and the size. `module_files` has the file of each source module. Of the
    project and its direct dependencies, `is_direct` is true.
    """

    folder: str
    metadata_folder: str
    is_direct: bool
    record: tuple[tuple[str, str, int], ...]
    module_files: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class FreezePlan:
    """What `freeze.spec` reads.

    `analyzed_files` are pairs of a native file and its folder in the bundle; the analysis adds the libraries that they
    need. `files` are pairs of a path in the bundle and a file that is copied there. `standard_library` are pairs of a
    module and its file.
    """

    name: str
    launcher: str
    probe_name: str
    probe_launcher: str
    hidden_imports: tuple[str, ...]
    # Bundled with their source.
    source_packages: tuple[str, ...]
    # The packages of the project, and those of the project and its direct dependencies.
    own_packages: tuple[str, ...]
    direct_packages: tuple[str, ...]
    analyzed_files: tuple[tuple[str, str], ...]
    files: tuple[tuple[str, str], ...]
    standard_library: tuple[tuple[str, str], ...]
    distributions: tuple[PlannedDistribution, ...]
    left_out_metadata: tuple[str, ...]
    # Where data files may come from: distributions and Python itself.
    data_sources: tuple[str, ...]
    # The analysis looks for modules here first.
    search_path: tuple[str, ...]
    hooks: str
    # Runs before PyInstaller's start-up code; "" for none.
    first_script: str
    # The first and the last run-time hook.
    runtime_hook: str
    last_runtime_hook: str
    # The modules that usual starts import, in this order.
    import_order: tuple[str, ...]
    exclude_modules: tuple[str, ...]
    # Whether the app has it; the tools always do.
    has_setuptools: bool
    exclude_files: tuple[str, ...]
    binary_format: BinaryFormat
    glibc_floor: str | None
    is_stripped: bool
    compression_level: int
    # Where `freeze.spec` writes what it noticed.
    notes: str
    # Where it writes what UPX packed; "" if UPX isn't used.
    upx_report: str
    # None except on Windows.
    version_resource: VersionResource | None


def make_plan(
    settings: ReleaseSettings,
    installed: InstalledEnvironment,
    platform: Platform,
    folder: Path,
    *,
    is_quick: bool = False,
) -> FreezePlan:
    """Plan the bundle, and write the launcher and runtime hooks into `folder`. One that `is_quick` becomes larger."""
    whole = tuple(map(installed.require, settings.bundled_whole))
    selection = select(settings, installed)
    # The check of bundled files reports what a RECORD has and the environment lacks.
    selected = {path: source for path, source in selection.files.items() if Path(source).is_file()}
    executable_name = f"{settings.executable}{platform.executable_suffix}"
    source_packages = tuple(package for one in whole for package in one.packages)
    hook = write_runtime_hook(folder / "runtime", source_packages=source_packages)
    # Python on Windows has no sysconfig data module.
    sysconfig_folders = () if platform.os == "windows" else (str(write_neutral_data(folder / "sysconfig")),)
    excluded = excluded_names(settings.exclude_modules, installed)
    library = {**pure_modules(), **{path.stem: path for name in sysconfig_folders for path in Path(name).glob("*.py")}}
    analyzed = {file.path for one in whole for file in one.files if file.path in selected} & {
        path for path, source in selected.items() if format_of_file(Path(source))
    }
    return FreezePlan(
        name=settings.executable,
        launcher=str(write_launcher(settings, installed.project.version, folder)),
        probe_name=PROBE_NAME,
        probe_launcher=str(PROBE_LAUNCHER),
        hidden_imports=selection.modules,
        source_packages=source_packages,
        own_packages=installed.project.packages,
        direct_packages=tuple(package for one in installed.direct for package in one.packages),
        analyzed_files=tuple((selected[path], PurePosixPath(path).parent.as_posix()) for path in sorted(analyzed)),
        files=(
            (MARKER, str(write_marker(settings, folder))),
            *((path, source) for path, source in selected.items() if path not in analyzed),
            *(
                (f"{metadata}/{Path(source).name}", source)
                for one in installed.bundled
                for source, metadata in one.metadata_files
            ),
        ),
        standard_library=tuple(
            (module, str(library[module])) for module in without_excluded(library, settings.exclude_modules)
        ),
        distributions=tuple(_planned(one, is_direct=one in installed.direct) for one in installed.bundled),
        data_sources=(
            *dict.fromkeys(str(one.locate("")) for one in installed.bundled),
            sysconfig.get_path("stdlib"),
            str(folder),
        ),
        left_out_metadata=MACHINE_SPECIFIC_FILES,
        search_path=(str(hook.search_path), *sysconfig_folders),
        hooks=str(HOOKS),
        first_script="" if platform.os == "windows" else str(hook.first_script),
        runtime_hook=str(hook.script),
        last_runtime_hook=str(hook.last_script),
        import_order=read_import_order(settings),
        exclude_modules=(*excluded, *installed.build_only_modules),
        has_setuptools="setuptools" not in installed.build_only_modules,
        exclude_files=settings.exclude_files,
        binary_format=platform.binary_format,
        glibc_floor=settings.glibc_floor,
        notes=str(folder / "notes.json"),
        upx_report=str(folder / "upx.json") if settings.is_upx_used and platform.can_use_upx else "",
        # Stripping a Mach-O file breaks its signature, and a PE file has nothing to strip.
        is_stripped=platform.os == "linux",
        compression_level=compression.FASTEST_LEVEL if is_quick else compression.BEST_LEVEL,
        version_resource=make_version_resource(installed.project.found, executable_name)
        if platform.os == "windows"
        else None,
    )


def _planned(one: InstalledDistribution, *, is_direct: bool) -> PlannedDistribution:
    outside = {file.path: path for path, file in one.files_below_prefix.items()}
    return PlannedDistribution(
        folder=str(one.locate("")),
        metadata_folder=one.metadata_folder.name,
        is_direct=is_direct,
        record=tuple((outside.get(file.path, file.path), file.digest, file.size) for file in one.record),
        module_files={name: file.path for file in one.files if (name := source_module(file.path))},
    )


def write_marker(settings: ReleaseSettings, folder: Path) -> Path:
    """Write the file by which the program recognizes the unpacked folders of its own dead processes.

    It's executable, because the bootloader unpacks executable files first.
    """
    marker = folder / "marker"
    marker.write_text(settings.executable, encoding="utf-8")
    marker.chmod(0o755)
    return marker


def write_launcher(settings: ReleaseSettings, version: str, folder: Path) -> Path:
    """Write the script that calls the app's entry point, alone in a new folder in `folder`.

    The app finds its version in `sys.frozen_version`: `importlib.metadata` takes long to import.

    The analysis looks for modules in the script's folder first. So nothing else is there, and the script's name isn't a
    valid module name: programs are often named like their package or a standard library module.
    """
    module, _, function = settings.entry_point.partition(":")
    launcher = folder / "launcher" / f"start-{settings.executable}.py"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(
        "import sys\n"
        "\n"
        f"sys.frozen_version = {version!r}\n"
        "\n"
        'if __name__ == "__main__":\n'
        "    # multiprocessing starts this program again for each worker; without this, the worker would run the app.\n"
        "    if any('multiprocessing' in argument for argument in sys.argv):\n"
        "        import multiprocessing\n"
        "\n"
        "        multiprocessing.freeze_support()\n"
        f"    from {RUNTIME_PACKAGE} import interpreter, signals\n"
        "\n"
        "    sys.argv[1:] = interpreter.own_arguments(sys.argv[1:])\n"
        "    command = interpreter.find_command(sys.argv[1:])\n"
        "    if command is not None:\n"
        "        signals.run(command.run)\n"
        f"    from {module} import {function.partition('.')[0]}\n"
        "\n"
        f"    signals.run({function})\n",
        encoding="utf-8",
    )
    return launcher
