"""The distributions that own what findings name."""

from collections.abc import Callable, Iterable

from release_tools.findings import list_setting, subject_of
from release_tools.lockfile import normalized_name
from release_tools.verification.check import VerificationContext
from release_tools.verification.static.sizes import find_owners


def owner_finder(context: VerificationContext) -> Callable[[str], str]:
    """A function that returns the distribution of the module or file that a finding names; "" if it is unknown."""
    if context.evidence is None:
        return lambda _: ""
    owners = find_owners(context.evidence.installed.distributions)
    return lambda finding: owners.find(subject_of(context.stable(finding)))


def cure_by_bundling_whole(context: VerificationContext, names: Iterable[str]) -> str:
    """The line for `[tool.release-tools]` that bundles the dependencies that own these modules and files; or ""."""
    find_owner, installed = owner_finder(context), context.build.installed
    owners = {normalized_name(owner) for owner in map(find_owner, names) if owner}
    added = (owners & set(installed.for_app)) - set(map(normalized_name, context.settings.bundled_whole))
    return list_setting("whole-distributions", context.settings.whole_distributions, added) if added else ""
