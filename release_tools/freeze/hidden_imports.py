"""The modules that are bundled whether or not an import names them.

What a program finds at run time, by a name in a text or by listing, the analysis of a freeze does not see.
"""

from collections.abc import Sequence
from typing import Final

from release_tools.distributions import InstalledDistribution, InstalledEnvironment
from release_tools.freeze.namespace_packages import namespace_modules, without_excluded
from release_tools.lockfile import normalized_name
from release_tools.settings import ReleaseSettings

# Looked up by installers, build tools and test runners, never by the app itself.
_FOREIGN_GROUPS: Final = frozenset({"cffi_modules", "console_scripts", "gui_scripts", "pyinstaller40", "pytest11"})
_FOREIGN_GROUP_PREFIXES: Final = ("distutils.", "egg_info.", "hypothesis", "mypy.", "setuptools.")

# The standard library looks for it by name; its hook brings the data.
_TIME_ZONE_DATA: Final = "tzdata"


def modules_found_by_name(settings: ReleaseSettings, installed: InstalledEnvironment) -> tuple[str, ...]:
    """Own modules, those of whole distributions, namespace packages, targets of entry points, and time zone data.

    What the settings exclude stays out.
    """
    modules = {module for name in settings.bundled_whole for module in installed.require(name).source_modules}
    modules |= {*namespace_modules(installed.bundled)}
    modules |= entry_point_modules(installed.bundled, installed.project)
    modules |= {_TIME_ZONE_DATA} & {normalized_name(one.name) for one in installed.bundled}
    return without_excluded(sorted(modules), settings.exclude_modules)


def entry_point_modules(distributions: Sequence[InstalledDistribution], project: InstalledDistribution) -> set[str]:
    """The modules that entry points name.

    Of the project's own also those that don't exist, so that the freeze refuses them; of another distribution they may
    belong to an extra that wasn't asked for.
    """
    known = {module for installed in distributions for module in installed.modules}
    return {
        point.module
        for installed in distributions
        for point in installed.entry_points
        if not is_foreign_group(point.group) and (point.module in known or installed is project)
    }


def is_foreign_group(group: str) -> bool:
    """Whether an entry point group is looked up by installers, build tools and test runners, never by the app."""
    return group in _FOREIGN_GROUPS or group.startswith(_FOREIGN_GROUP_PREFIXES)
