"""Whether the bundle holds what the lock does not want for the app: what only the tools of the build need."""

from release_tools.lockfile import normalized_name
from release_tools.verification.check import VerificationContext, refuse
from release_tools.verification.static.sizes import BOOTSTRAP, measure_sizes


def check_unlocked_distributions(context: VerificationContext) -> str:
    """No module and no file in the bundle belongs to a distribution that the app is not locked with."""
    sizes = measure_sizes(context.executable, context.build.installed)
    unwanted = context.build.installed.build_only
    refuse(
        context,
        # The bootloader and what starts Python belong to every executable.
        (name for name in sizes if name != BOOTSTRAP and normalized_name(name) in unwanted),
        what="the binary holds parts of what poetry.lock wants for the build only",
        hint="where the app needs it, add it to the project's dependencies and run `poetry lock`; else a hook of "
        "PyInstaller brought it, and exclude-modules of [tool.release-tools] keeps it out",
    )
    return f"none of {len(unwanted)}"
