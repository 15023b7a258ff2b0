"""Whether the bundle holds what the lock does not want for the app: what only the tools of the build need."""

from typing import Final

from release_tools.errors import ReleaseError
from release_tools.freeze.build_only import build_only_distributions
from release_tools.lockfile import normalized_name, read_lock_file
from release_tools.verification.check import CheckFailedError, VerificationContext, refuse
from release_tools.verification.static.sizes import BOOTSTRAP, measure_sizes

NAME: Final = "unlocked distributions"


def check_unlocked_distributions(context: VerificationContext) -> str:
    """No module and no file in the bundle belongs to a distribution that the app is not locked with."""
    try:
        sizes = measure_sizes(context.executable)
    except ReleaseError as error:
        raise CheckFailedError(error.what, error.hint) from None
    unwanted = build_only_distributions(read_lock_file(context.settings.lock_path))
    refuse(
        context,
        NAME,
        # The bootloader and what starts Python belong to every executable.
        (name for name in sizes if name != BOOTSTRAP and normalized_name(name) in unwanted),
        what="the binary holds parts of what poetry.lock wants for the build only",
        hint="where the app needs it, add it to the project's dependencies and run `poetry lock`; else a hook of "
        "PyInstaller brought it, and exclude-modules of [tool.release-tools] keeps it out",
    )
    return f"none of {len(unwanted)}"
