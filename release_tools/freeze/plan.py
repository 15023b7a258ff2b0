"""Plans what goes into the bundle, before PyInstaller starts; `freeze.spec` carries it out."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from release_tools.distributions import MACHINE_SPECIFIC_FILES, InstalledEnvironment
from release_tools.freeze.hidden_imports import modules_found_by_name
from release_tools.freeze.runtime_hooks import write_runtime_hook
from release_tools.freeze.sysconfig_data import write_neutral_data
from release_tools.freeze.version_resource import VersionResource, make_version_resource
from release_tools.platforms import Platform
from release_tools.settings import ReleaseSettings

FASTER_SCAN: Final = Path(__file__).with_name("faster_scan.py")

# The executable's twin has the same bundle, but runs the script that an environment variable names. It's never shipped.
# Both are in one folder, so no project may use this name.
PROBE_NAME: Final = "release-tools-probe"
PROBE_LAUNCHER: Final = Path(__file__).with_name("probe_launcher.py")


@dataclass(frozen=True, kw_only=True)
class FreezePlan:
    """What `freeze.spec` reads. `datas` are pairs of a source file and its folder in the bundle."""

    name: str
    faster_scan: str
    launcher: str
    probe_name: str
    probe_launcher: str
    hidden_imports: tuple[str, ...]
    own_packages: tuple[str, ...]
    datas: tuple[tuple[str, str], ...]
    left_out_metadata: tuple[str, ...]
    # The analysis looks for modules here first.
    search_path: tuple[str, ...]
    # The first and the last run-time hook.
    runtime_hook: str
    last_runtime_hook: str
    exclude_modules: tuple[str, ...]
    glibc_floor: str | None
    is_stripped: bool
    # None except on Windows.
    version_resource: VersionResource | None


def make_plan(
    settings: ReleaseSettings, installed: InstalledEnvironment, platform: Platform, folder: Path
) -> FreezePlan:
    """Plan the bundle, and write the launcher and runtime hooks into `folder`."""
    whole = tuple(map(installed.require, settings.bundled_whole))
    executable_name = f"{settings.executable}{platform.executable_suffix}"
    hook = write_runtime_hook(folder / "runtime")
    # Python on Windows has no sysconfig data module.
    sysconfig_folders = () if platform.os == "windows" else (str(write_neutral_data(folder / "sysconfig")),)
    return FreezePlan(
        name=settings.executable,
        faster_scan=str(FASTER_SCAN),
        launcher=str(write_launcher(settings, folder)),
        probe_name=PROBE_NAME,
        probe_launcher=str(PROBE_LAUNCHER),
        hidden_imports=modules_found_by_name(settings, installed),
        own_packages=tuple(package for one in whole for package in one.packages),
        datas=(
            *(pair for one in installed.bundled for pair in one.metadata_files),
            *(pair for one in whole for pair in one.data_files),
        ),
        left_out_metadata=MACHINE_SPECIFIC_FILES,
        search_path=(str(hook.search_path), *sysconfig_folders),
        runtime_hook=str(hook.script),
        last_runtime_hook=str(hook.last_script),
        exclude_modules=(*settings.exclude_modules, *installed.build_only_modules),
        glibc_floor=settings.glibc_floor,
        # Stripping a Mach-O file breaks its signature, and a PE file has nothing to strip.
        is_stripped=platform.os == "linux",
        version_resource=make_version_resource(installed.project.found, executable_name)
        if platform.os == "windows"
        else None,
    )


def write_launcher(settings: ReleaseSettings, folder: Path) -> Path:
    """Write the script that calls the app's entry point, alone in a new folder in `folder`.

    The analysis looks for modules in the script's folder first. So nothing else is there, and the script's name isn't a
    valid module name: programs are often named like their package or a standard library module.
    """
    module, _, function = settings.entry_point.partition(":")
    launcher = folder / "launcher" / f"start-{settings.executable}.py"
    launcher.parent.mkdir(parents=True)
    launcher.write_text(
        "import multiprocessing\n"
        "import sys\n"
        "\n"
        'if __name__ == "__main__":\n'
        "    # multiprocessing starts this program again for each worker; without this, the worker would run the app.\n"
        "    multiprocessing.freeze_support()\n"
        f"    from {module} import {function.partition('.')[0]}\n"
        "\n"
        f"    sys.exit({function}())\n",
        encoding="utf-8",
    )
    return launcher
