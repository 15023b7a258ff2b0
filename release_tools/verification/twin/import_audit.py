"""Import everything that's bundled, and compare what fails with the source.

A frozen program that starts may still crash at the first use of a feature. One process of the probe twin imports it
all. What also fails in the frozen environment is optional.
"""

import ast
import re
import sys
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from release_tools.binaries.payload import BINARY, Payload
from release_tools.distributions import InstalledEnvironment
from release_tools.freeze.gui_toolkit import is_of_tk
from release_tools.freeze.selection import is_excluded_module
from release_tools.verification.check import CheckFailedError, Passed, VerificationContext, refuse
from release_tools.verification.twin.import_list import (
    BundledCode,
    ImportList,
    list_imports,
    mentions_text,
    read_bundled_code,
    users_of_attribute,
)
from release_tools.verification.twin.probe import Place, try_to_ask

# For one import, not for all of them.
IMPORT_TIMEOUT_SECONDS: Final = 60.0

# After an import that ends or blocks the process, a new process continues, but not more often than this.
_MAXIMUM_PROCESSES: Final = 20
# If no more failures remain than this, each is tried again in its own process.
_MAXIMUM_RETRIES: Final = 12

_LOADS_FROM_FILE: Final = "spec_from_file_location"

# What failed and its error.
Failure = tuple[str, str]


def check_imports(context: VerificationContext) -> Passed:
    """Bundled modules, and the names, entry points and versions that they look up, can be imported as from source."""
    bundled = read_bundled_code(context.executable)
    installed = context.build.installed
    imports = list_imports(installed, bundled)
    failures = [
        failure
        for failure in audit(context, imports, "twin")
        if not _is_left_out(failure, bundled, context.settings.exclude_modules) and not _is_unused(failure, bundled)
    ]
    unread = _unread_groups(failures, context.executable, bundled)
    failures = [failure for failure in failures if _group_of(failure) not in unread]
    refuse(
        context,
        dict(_failures_of_freezing(context, failures, imports)),
        what="what works from source fails in the frozen program",
        hint="import the missing module with an import statement; for a dependency that finds its modules or files by "
        "name, add the dependency to whole-distributions in [tool.release-tools]",
    )
    counts = (len(imports.modules), len(imports.names), len(imports.entry_points), len(imports.distributions))
    figure = "{:,} modules, {:,} names, {} entry points, {} versions".format(*counts)
    notes = [f"entry points of {group} fail, but no bundled code reads that group" for group in unread]
    loaders = modules_loading_files(bundled)
    notes += [f"load code from files: {', '.join(loaders)}"] if loaders else []
    return Passed(figure=figure, notes=tuple(notes))


def audit(context: VerificationContext, imports: ImportList, place: Place) -> list[Failure]:
    """Import the whole list there and return what fails, including imports that end or block the process.

    The submodules of a package that fails aren't imported.
    """
    failures: list[Failure] = []
    done: tuple[str, ...] = ()
    for _ in range(_MAXIMUM_PROCESSES):
        progress = context.scratch / "probes" / "import-progress"
        progress.unlink(missing_ok=True)
        failed = {item for item, _ in failures}
        request = {
            "modules": [name for name in imports.modules if name not in done],
            "imported": list(done),
            "failed": sorted(failed),
            "names": list(imports.names),
            "entry_points": list(imports.entry_points),
            "distributions": list(imports.distributions),
            "public_names": list(imports.public_names),
            "progress": str(progress),
        }
        reply = try_to_ask(
            context,
            "import_audit",
            request,
            place=place,
            timeout_seconds=IMPORT_TIMEOUT_SECONDS,
            has_progressed=_growth_of(progress),
        )
        if reply.value is not None:
            return [*failures, *reply.value]
        begun, failed_before = _read_progress(progress)
        culprit = begun[-1] if begun else "(start-up)"
        failures += [*failed_before, (culprit, f"the process {reply.outcome.splitlines()[0]}")]
        if culprit in failed or not begun:
            what = f"in the {place}, {failures[-1][1]} while importing {culprit}"
            raise CheckFailedError(
                what,
                "import it from source; if that ends the process too, exclude it with exclude-modules",
            )
        # A new process goes on behind it.
        done += tuple(name for name in imports.modules if name in {*begun})
    culprits = [item for item, error in failures if error.startswith("the process ")]
    raise CheckFailedError(
        f"in the {place}, too many imports end or block the process",
        "leave out modules that aren't meant to be imported, with exclude-modules of [tool.release-tools]",
        culprits,
    )


def _growth_of(path: Path) -> Callable[[], bool]:
    """A function that says whether the file has grown since its last call."""
    seen = 0

    def has_grown() -> bool:
        nonlocal seen
        before, seen = seen, path.stat().st_size if path.is_file() else 0
        return seen > before

    return has_grown


def _read_progress(path: Path) -> tuple[list[str], list[Failure]]:
    """The imports that a probe had begun, in order, and those that had failed, before it was killed."""
    begun: list[str] = []
    failures: list[Failure] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else ():
        entry = ast.literal_eval(line)
        if isinstance(entry, str):
            begun.append(entry)
        else:
            failures.append(entry)
    return begun, failures


def modules_loading_files(bundled: BundledCode) -> tuple[str, ...]:
    """The modules that load code from a file when they're imported, which PyInstaller's analysis can't follow.

    Such a shim looks for a file of another distribution and does something else if there is none. The package
    `importlib`, which has the functions for it, is none.
    """
    return tuple(
        name
        for name, code in sorted(bundled.codes.items())
        if _LOADS_FROM_FILE in code.co_names and name.partition(".")[0] != "importlib"
    )


def _is_left_out(failure: Failure, bundled: BundledCode, exclude_modules: Sequence[str]) -> bool:
    """Whether the missing module is left out: by the project, or by the freeze.

    The freeze leaves out Tk, and extension modules that nothing but the standard library's own modules import.
    """
    missing = _missing_module(failure)
    top = missing.partition(".")[0]
    is_of_python = _module_of(failure).partition(".")[0] in sys.stdlib_module_names
    is_left_out = is_of_tk(missing) or (is_of_python and top in sys.stdlib_module_names)
    return is_excluded_module(missing, exclude_modules) or (is_left_out and missing not in bundled.modules)


def _is_unused(failure: Failure, bundled: BundledCode) -> bool:
    """Whether the missing module is a submodule that its package loads on demand and nothing demands."""
    package, _, name = failure[0].partition(".__all__:")
    return _missing_module(failure) == f"{package}.{name}" and not users_of_attribute(bundled, package, name)


def _group_of(failure: Failure) -> str:
    """The group of an entry point that fails, or ""."""
    found = re.match(r"entry point ([^:]+): ", failure[0])
    return found[1] if found else ""


def _unread_groups(failures: Iterable[Failure], executable: Path, bundled: BundledCode) -> tuple[str, ...]:
    """The groups of the failed entry points that occur in no bundled code, so that nothing can look them up."""
    groups = {group for failure in failures if (group := _group_of(failure))}
    unread = {group for group in groups if not mentions_text(bundled, group)}
    payload = Payload(executable) if unread else None
    # A compiled module has the text somewhere in its file.
    native = [member for member in payload.members if member.kind == BINARY] if payload else []
    for member in native:
        content = payload.read(member) if payload else b""
        unread = {group for group in unread if group.encode() not in content}
    return tuple(sorted(unread))


def _is_not_installed(failure: Failure, installed: Container[str]) -> bool:
    """Whether no installed distribution has the missing module, so that it's missing from source too."""
    missing = _missing_module(failure).partition(".")[0]
    return missing != "" and missing not in installed and missing not in sys.stdlib_module_names


def _module_of(failure: Failure) -> str:
    """The module that was imported, or the first word of another item."""
    return failure[0].partition(":")[0]


def _missing_module(failure: Failure) -> str:
    # Debian's Python adds the package to install, and says ImportError.
    found = re.fullmatch(r"\w+Error: No module named '([\w.]+)'(, please install .*)?", failure[1])
    return found[1] if found else ""


def _installed_names(installed: InstalledEnvironment) -> set[str]:
    """Every folder and file name of the installed distributions. Nothing else can be a top-level module."""
    paths = (file.path for one in installed.distributions for file in one.files)
    return {part.partition(".")[0] for path in paths for part in path.split("/")}


def _failures_of_freezing(
    context: VerificationContext, failures: Sequence[Failure], imports: ImportList
) -> list[Failure]:
    """The failures that don't occur from source, and don't depend on what was imported before."""
    installed = _installed_names(context.build.installed)
    candidates = [failure for failure in failures if not _is_not_installed(failure, installed)]
    if not candidates:
        return []
    from_source = {item for item, _ in audit(context, _only(candidates, imports), "source")}
    suspicious = [failure for failure in candidates if failure[0] not in from_source]
    if not suspicious:
        return []
    again = [failure for failure in audit(context, _only(suspicious, imports), "twin") if failure[0] not in from_source]
    if len(again) > _MAXIMUM_RETRIES:
        return again
    return [failure for first in again for failure in audit(context, _only([first], imports), "twin")]


def _only(failures: Iterable[Failure], imports: ImportList) -> ImportList:
    """The part of the list that failed, with the modules that weren't tried because their package failed."""
    items = {item for item, _ in failures}
    public = (item.split(".__all__:") for item in items if ".__all__:" in item)
    return replace(
        imports,
        modules=tuple(name for name in imports.modules if not items.isdisjoint(_with_packages(name))),
        names=tuple(it for it in imports.names if "{}:{}".format(*it) in items),
        public_names=tuple(sorted((module, name) for module, name in public)),
        entry_points=tuple(it for it in imports.entry_points if "entry point {}: {} = {}".format(*it) in items),
        distributions=tuple(it for it in imports.distributions if f"metadata of {it}" in items),
    )


def _with_packages(module: str) -> Iterator[str]:
    """A module and the packages that it's in."""
    while module:
        yield module
        module = module.rpartition(".")[0]
