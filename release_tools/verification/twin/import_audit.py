"""Everything that the bundle holds can be imported in it, as it can from source.

A frozen program that starts may still die on the first use of a feature. This imports all of it, in one process of
the probe twin, and compares what fails with the environment that was frozen: what is optional fails in both.
"""

import re
import sys
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from release_tools.distributions import InstalledEnvironment
from release_tools.verification.check import CheckFailedError, VerificationContext, listed
from release_tools.verification.twin.import_list import (
    BundledCode,
    ImportList,
    list_imports,
    read_bundled_code,
    users_of_attribute,
)
from release_tools.verification.twin.probe import Place, try_to_ask

AUDIT_TIMEOUT_SECONDS: Final = 180.0

# An import that ends the whole process costs a new process; more of these than this end the audit.
_MOST_DEATHS: Final = 5
# Up to here each failure is tried again in a process of its own.
_MOST_RETRIES: Final = 12

_LOADS_FROM_FILE: Final = "spec_from_file_location"

# What failed, and why.
Failure = tuple[str, str]


def check_imports(context: VerificationContext) -> str:
    """Every bundled module, and every name, entry point and version that bundled code looks up, as from source."""
    bundled = read_bundled_code(context.executable)
    installed = context.build.installed
    wanted = list_imports(installed, bundled)
    build_only = installed.build_only_modules
    own = installed.project.packages if build_only else ()
    failures = [
        failure
        for failure in audit(context, wanted, "twin")
        if not _is_left_out(failure, context.settings.exclude_modules)
        and not _is_not_the_apps(failure, build_only, own)
        and not _is_unused(failure, bundled)
    ]
    remaining = [
        (item, why)
        for item, why in _failures_of_freezing(context, failures, wanted)
        if not context.is_allowed(item) and not context.is_allowed(why)
    ]
    if remaining:
        raise CheckFailedError(
            f"what works from source fails in the frozen program:{listed(_grouped(remaining))}",
            "the build did not see that the code needs it: name the module or the distribution that is missing in the "
            "code, import it plainly, or depend on a release that can be frozen; a dependency that finds its own files "
            "or modules by name goes into whole-distributions of [tool.release-tools]; where the failure is harmless, "
            f'list it or its reason in allowed-findings of [tool.release-tools] with check = "{context.check}"',
        )
    counts = (len(wanted.modules), len(wanted.names), len(wanted.entry_points), len(wanted.distributions))
    figure = "{:,} modules, {:,} names, {} entry points, {} versions".format(*counts)
    searching = path_searching_modules(bundled)
    return f"{figure}; code is loaded from files by {', '.join(searching)}" if searching else figure


def audit(context: VerificationContext, wanted: ImportList, place: Place) -> list[Failure]:
    """What of the list fails in this place. An import that kills or stops the process is a failure, not the end."""
    failures: list[Failure] = []
    modules = list(wanted.modules)
    for _ in range(_MOST_DEATHS):
        progress = context.scratch / "probes" / "import-progress"
        request = {
            "modules": modules,
            "names": list(wanted.names),
            "entry_points": list(wanted.entry_points),
            "distributions": list(wanted.distributions),
            "public_names": list(wanted.public_names),
            "progress": str(progress),
        }
        reply = try_to_ask(context, "import_audit", request, place=place, timeout_seconds=AUDIT_TIMEOUT_SECONDS)
        if reply.value is not None:
            return [*failures, *reply.value]
        culprit = _last_line(progress)
        failures.append((culprit, f"the process {reply.ending.splitlines()[0]}"))
        if culprit not in modules:
            raise CheckFailedError(f"in the {place}, {failures[-1][1]} at {culprit}", "run the probe by hand")
        modules.remove(culprit)
    return failures


def path_searching_modules(bundled: BundledCode) -> tuple[str, ...]:
    """The modules whose import loads code from a file of their choice, which no analysis of a freeze follows.

    Such a shim looks for another distribution's file on the path, and does something else where it finds none.
    """
    return tuple(name for name, code in sorted(bundled.codes.items()) if _LOADS_FROM_FILE in code.co_names)


def _is_left_out(failure: Failure, exclude_modules: Sequence[str]) -> bool:
    """Whether it fails because the project wants it so."""
    missing = _missing_module(failure)
    return any(missing == module or missing.startswith(f"{module}.") for module in exclude_modules)


def _is_not_the_apps(failure: Failure, build_only: Sequence[str], own: Sequence[str]) -> bool:
    """Whether a dependency does without what only the build has, as it does where the app is installed."""
    is_own = re.split(r"[.:]", failure[0])[0] in own
    return not is_own and _missing_module(failure).partition(".")[0] in build_only


def _is_unused(failure: Failure, bundled: BundledCode) -> bool:
    """Whether it is a submodule that a package would load on demand, and that nobody demands."""
    package, _, name = failure[0].partition(".__all__:")
    return _missing_module(failure) == f"{package}.{name}" and not users_of_attribute(bundled, package, name)


def _is_not_installed(failure: Failure, installed: Container[str]) -> bool:
    """Whether it fails for want of a module that no installed distribution has, so that it fails from source too."""
    missing = _missing_module(failure).partition(".")[0]
    return missing != "" and missing not in installed and missing not in sys.stdlib_module_names


def _missing_module(failure: Failure) -> str:
    found = re.fullmatch(r"ModuleNotFoundError: No module named '([\w.]+)'", failure[1])
    return found[1] if found else ""


def _installed_names(installed: InstalledEnvironment) -> set[str]:
    """Every part of the paths of all installed files: what is on no such path can nobody import."""
    paths = (file.path for one in installed.distributions for file in one.files)
    return {part.partition(".")[0] for path in paths for part in path.split("/")}


def _failures_of_freezing(
    context: VerificationContext, failures: Sequence[Failure], wanted: ImportList
) -> list[Failure]:
    """Those of the failures that are no failures from source, and not only because of what was imported before."""
    installed = _installed_names(context.build.installed)
    candidates = [failure for failure in failures if not _is_not_installed(failure, installed)]
    if not candidates:
        return []
    from_source = {item for item, _ in audit(context, _only(candidates, wanted), "source")}
    suspicious = [failure for failure in candidates if failure[0] not in from_source]
    if not suspicious:
        return []
    again = audit(context, _only(suspicious, wanted), "twin")
    if len(again) > _MOST_RETRIES:
        return again
    return [failure for first in again for failure in audit(context, _only([first], wanted), "twin")]


def _only(failures: Iterable[Failure], wanted: ImportList) -> ImportList:
    """The part of the list that failed."""
    items = {item for item, _ in failures}
    public = (item.split(".__all__:") for item in items if ".__all__:" in item)
    return replace(
        wanted,
        modules=tuple(name for name in wanted.modules if name in items),
        names=tuple(it for it in wanted.names if "{}:{}".format(*it) in items),
        public_names=tuple(sorted((module, name) for module, name in public)),
        entry_points=tuple(it for it in wanted.entry_points if "entry point {}: {} = {}".format(*it) in items),
        distributions=tuple(it for it in wanted.distributions if f"metadata of {it}" in items),
    )


def _grouped(failures: Iterable[Failure]) -> list[str]:
    """One line per cause, the most frequent first."""
    by_cause: defaultdict[str, list[str]] = defaultdict(list)
    for item, why in failures:
        by_cause[why].append(item)
    ordered = sorted(by_cause.items(), key=lambda entry: (-len(entry[1]), entry[0]))
    return [
        f"{items[0]} fails with {why}" if len(items) == 1 else f"{len(items)} fail with {why} (first: {min(items)})"
        for why, items in ordered
    ]


def _last_line(progress: Path) -> str:
    lines = progress.read_text(encoding="utf-8").splitlines() if progress.is_file() else []
    return lines[-1] if lines else "(the start)"
