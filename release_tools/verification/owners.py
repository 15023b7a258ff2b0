"""The distributions that own what findings name."""

from collections.abc import Callable, Iterable

from release_tools.findings import list_setting, missing_in, subject_of
from release_tools.freeze.selection import is_excluded_file, is_excluded_module
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

    Something is missing because the settings exclude it, or because its distribution isn't bundled whole.
    """
    if context.evidence is None:
        return ""
    settings, installed = context.settings, context.build.installed
    missing = [name for text in texts for name in missing_in(text)]
    modules = [name.removeprefix("module ") for name in missing if name.startswith("module ")]
    files = [name.partition(" ")[2] for name in missing if name.startswith(("file ", "library "))]
    kept = [
        entry for entry in settings.exclude_modules if not any(is_excluded_module(name, [entry]) for name in modules)
    ]
    if len(kept) < len(settings.exclude_modules):
        return list_setting("exclude-modules", kept)
    kept = [entry for entry in settings.exclude_files if not any(is_excluded_file(name, [entry]) for name in files)]
    if len(kept) < len(settings.exclude_files):
        return list_setting("exclude-files", kept)
    owners = find_owners(installed.distributions)
    found = {*map(owners.modules.get, modules), *map(owners.files.get, files)}
    added = {normalized_name(owner) for owner in found if owner}
    added = (added & set(installed.for_app)) - set(map(normalized_name, settings.bundled_whole))
    return list_setting("whole-distributions", settings.whole_distributions, added) if added else ""
