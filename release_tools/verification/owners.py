"""The distributions that own what findings name."""

from collections.abc import Callable, Iterable

from release_tools.findings import list_setting, missing_in, subject_of
from release_tools.lockfile import normalized_name
from release_tools.verification.check import VerificationContext
from release_tools.verification.static.sizes import find_owners


def owner_finder(context: VerificationContext) -> Callable[[str], str]:
    """A function that returns the distribution of the module or file that a finding names; "" if it is unknown."""
    if context.evidence is None:
        return lambda _: ""
    owners = find_owners(context.evidence.installed.distributions)
    return lambda finding: owners.find(subject_of(context.stable(finding)))


def cure_for_missing(context: VerificationContext, texts: Iterable[str]) -> str:
    """The line for `[tool.release-tools]` that bundles what these texts say is missing; "" if none would.

    A module is missing because the settings exclude it, or because its distribution isn't bundled whole.
    """
    if context.evidence is None:
        return ""
    settings, installed = context.settings, context.build.installed
    missing = {name for text in texts for name in missing_in(text)}
    modules = [name.removeprefix("module ") for name in missing if name.startswith("module ")]
    files = [name.removeprefix("file ") for name in missing if name.startswith("file ")]
    excluding = {entry for entry in settings.exclude_modules for name in modules if f"{name}.".startswith(f"{entry}.")}
    if excluding:
        return list_setting("exclude-modules", (name for name in settings.exclude_modules if name not in excluding))
    owners = find_owners(installed.distributions)
    found = [*map(owners.modules.get, modules), *map(owners.files.get, files)]
    added = ({normalized_name(owner) for owner in found if owner} & set(installed.for_app)) - set(
        map(normalized_name, settings.bundled_whole)
    )
    return list_setting("whole-distributions", settings.whole_distributions, added) if added else ""
