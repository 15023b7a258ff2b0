"""Makes a frozen program behave as it does from source. Bundled with every app and installed before it starts.

Every start pays for this: it takes a few milliseconds, and imports nothing that isn't needed at once.
"""

from . import authorities, child_environment, parent_watch, time_zones


def install() -> None:
    """Prepare this process; called once, by the run-time hook."""
    parent_watch.install()
    authorities.install()
    time_zones.install()
    child_environment.install()
