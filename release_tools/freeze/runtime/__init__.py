"""Makes a frozen program behave as it does from source. Bundled with every app and installed before it starts.

Every start pays for this: it takes a few milliseconds, and imports nothing that isn't needed at once.
"""

from . import (
    authorities,
    child_environment,
    interpreter,
    locale_coercion,
    parent_watch,
    site_builtins,
    time_zones,
    worker_path,
)


def install() -> None:
    """Prepare this process; called once, by the first run-time hook."""
    parent_watch.install()
    interpreter.install()
    site_builtins.install()
    # Child processes get its change, unlike those that follow.
    locale_coercion.install()
    child_environment.remember()
    authorities.install()
    time_zones.install()
    child_environment.install()


def finish() -> None:
    """Finish after PyInstaller's run-time hooks; called once, by the last one."""
    child_environment.compare()
    worker_path.install()
