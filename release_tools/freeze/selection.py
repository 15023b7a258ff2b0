"""Selects the modules and files of the installed distributions that are bundled: all, except what a rule leaves out.

A program finds many of them by name at run time: plugins, dialects, templates, tables, message catalogs. No analysis
sees these, so what is installed with the app is bundled with it.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Final

from release_tools.binaries.native_files import format_of
from release_tools.distributions import (
    STRAY_FOLDERS,
    InstalledDistribution,
    InstalledEnvironment,
    is_program_path,
    module_name,
)
from release_tools.findings import list_setting
from release_tools.lockfile import normalized_name
from release_tools.settings import ReleaseSettings

# An app uses a small part of a distribution with more source than this, such as a cloud provider's SDK, and analyzing
# the rest would take minutes.
LARGE_SOURCE_BYTES: Final = 30_000_000

# Lines of a script are much shorter, and those of other files may never end.
_LONGEST_LINE: Final = 4096

_TEST_FOLDERS: Final = frozenset({"demos", "tests"})

_SHOWN_OWNERS: Final = 3

# What makes a name in `exclude-modules` a pattern.
_PATTERN_SIGNS: Final = frozenset("*?[")

# What the rules leave out.
_STUBS: Final = "stubs for type checkers"
_TEST_FILES: Final = "files of tests and demos"
_NOT_IMPORTED: Final = f"modules that nothing imports, of distributions with over {LARGE_SOURCE_BYTES // 1_000_000} MB"

# Calls of lazy_loader, which reads the stub of the module that it's called in.
_READER_OF_STUB: Final = b"attach_stub"

# Looked up by installers, build tools and test runners, never by the app itself.
_FOREIGN_GROUPS: Final = frozenset({"cffi_modules", "console_scripts", "gui_scripts", "pyinstaller40", "pytest11"})
_FOREIGN_GROUP_PREFIXES: Final = ("distutils.", "egg_info.", "hypothesis", "mypy.", "setuptools.")


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """Files of a distribution that a rule leaves out. `name` is the one that `whole-distributions` takes."""

    name: str
    rule: str
    count: int


@dataclass(frozen=True, kw_only=True)
class Selection:
    """The modules to bundle whether or not an import names them, and the files: path in the bundle, path on disk.

    `extensions` are the modules that are compiled, with their path in the bundle.
    """

    modules: tuple[str, ...]
    extensions: Mapping[str, str]
    files: Mapping[str, str]
    left_out: tuple[LeftOut, ...]


def select(settings: ReleaseSettings, installed: InstalledEnvironment) -> Selection:
    """The modules and files of the app and its dependencies.

    Everything of the project and of `whole-distributions`; of another distribution, everything but its tests and the
    stubs for type checkers. If its source is larger than `LARGE_SOURCE_BYTES`, its modules are left to the analysis,
    which finds those that are imported. What the settings exclude is left out of all.
    """
    whole = set(map(normalized_name, settings.bundled_whole))
    parts = [_select_from(one, settings, is_whole=normalized_name(one.name) in whole) for one in installed.bundled]
    modules = {module for part in parts for module in part.modules} | set(settings.hidden_imports)
    modules |= entry_point_modules(installed.bundled, installed.project)
    return Selection(
        modules=without_excluded(sorted(modules), settings.exclude_modules),
        extensions={module: path for part in parts for module, path in part.extensions.items()},
        files={path: source for part in parts for path, source in part.files.items()},
        left_out=tuple(left_out for part in parts for left_out in part.left_out),
    )


def notes_on_left_out(left_out: Iterable[LeftOut]) -> tuple[str, ...]:
    """One line for each rule: how many files it leaves out of what, and the setting that bundles them."""
    by_rule: defaultdict[str, list[LeftOut]] = defaultdict(list)
    for one in sorted(left_out, key=lambda one: (-one.count, one.name)):
        by_rule[one.rule].append(one)
    return tuple(
        f"left out: {sum(one.count for one in found):,} {rule}, {_owners(found)}; "
        f"to bundle them, set {list_setting('whole-distributions', _setting_of(found))}"
        for rule, found in sorted(by_rule.items())
    )


def _setting_of(found: Sequence[LeftOut]) -> list[str]:
    more = ["…"] if len(found) > _SHOWN_OWNERS else []
    return [*(one.name for one in found[:_SHOWN_OWNERS]), *more]


def _owners(found: Sequence[LeftOut]) -> str:
    named = ", ".join(f"{one.count:,} of {one.name}" for one in found[:_SHOWN_OWNERS])
    return f"{named} and others" if len(found) > _SHOWN_OWNERS else named


def entry_point_modules(distributions: Sequence[InstalledDistribution], project: InstalledDistribution) -> set[str]:
    """The modules that entry points name.

    A missing one is included only if the project names it, so that the freeze fails. In another distribution, it may
    belong to an extra that isn't installed.
    """
    known = {module for installed in distributions for module in installed.modules}
    return {
        point.module
        for installed in distributions
        for point in installed.entry_points
        if not is_foreign_group(point.group) and (point.module in known or installed is project)
    }


def is_foreign_group(group: str) -> bool:
    """Whether an entry point group is only for installers, build tools and test runners."""
    return group in _FOREIGN_GROUPS or group.startswith(_FOREIGN_GROUP_PREFIXES)


def without_excluded(modules: Iterable[str], excluded: Collection[str]) -> tuple[str, ...]:
    """These modules without those whose own or package's name matches a pattern of `exclude-modules`."""
    return tuple(module for module in modules if not is_excluded_module(module, excluded))


def is_excluded_module(module: str, excluded: Collection[str]) -> bool:
    """Whether a pattern such as `a.b` or `a.*` matches the name of a module or of a package around it."""
    return any(fnmatchcase(name, pattern) for name in (*_packages_of(module), module) for pattern in excluded)


def excluded_names(patterns: Iterable[str], installed: InstalledEnvironment) -> tuple[str, ...]:
    """The patterns of `exclude-modules` as module names, which PyInstaller wants."""
    known = [module for one in installed.bundled for module in one.modules]
    return tuple(
        dict.fromkeys(
            name
            for pattern in patterns
            for name in (
                [pattern] if _PATTERN_SIGNS.isdisjoint(pattern) else [one for one in known if fnmatchcase(one, pattern)]
            )
        )
    )


def _select_from(one: InstalledDistribution, settings: ReleaseSettings, *, is_whole: bool) -> Selection:
    modules: set[str] = set()
    extensions: dict[str, str] = {}
    files: dict[str, str] = {}
    reasons: Counter[str] = Counter()
    source_bytes = sum(file.size for file in one.files if file.path.endswith(".py"))
    is_large = source_bytes > LARGE_SOURCE_BYTES and not is_whole
    path_folders, regular = _path_folders(one), _regular_packages(one)
    for path in (file.path for file in one.files):
        module = module_name(_without_path_folder(path, path_folders))
        reason = "" if is_whole else _reason_to_leave_out(path, one)
        if reason:
            reasons[reason] += 1
        elif any(is_excluded_module(name, settings.exclude_modules) for name in (module or "", _package_around(path))):
            continue
        elif module is not None and is_large:
            reasons[_NOT_IMPORTED] += 1
        elif module is not None:
            modules.add(module)
            extensions |= {} if path.endswith(".py") else {module: path}
        if not reason and (module is None or _is_script_in(path, regular)):
            files[path] = str(one.locate(path))
    for path, file in one.files_below_prefix.items():
        source = one.locate(file.path)
        if not is_program_path(path) or (source.is_file() and not _is_python_script(source)):
            files[path] = str(source)
    return Selection(
        modules=tuple(sorted(modules)),
        extensions=extensions,
        files={path: source for path, source in files.items() if not is_excluded_file(path, settings.exclude_files)},
        left_out=tuple(
            LeftOut(name=normalized_name(one.name), rule=rule, count=count) for rule, count in sorted(reasons.items())
        ),
    )


def is_excluded_file(path: str, patterns: Iterable[str]) -> bool:
    """Whether a pattern of `exclude-files`, such as `package/locale/**`, matches a path in the bundle."""
    return any(PurePosixPath(path).full_match(pattern, case_sensitive=True) for pattern in patterns)


def _is_python_script(program: Path) -> bool:
    """Whether it starts the Python that it was installed for, as a shell script or a native program doesn't."""
    with program.open("rb") as file:
        # An installer names a long path to Python in the third line, for the shell of the first.
        lines = [file.readline(_LONGEST_LINE) for _ in range(3)]
    return format_of(lines[0]) is None and b"python" in b"".join(lines).lower()


def _reason_to_leave_out(path: str, one: InstalledDistribution) -> str:
    if path.endswith("/py.typed") or (path.endswith(".pyi") and _is_only_for_type_checkers(path, one)):
        return _STUBS
    top, *others = path.split("/")[:-1] or [""]
    is_test = top in STRAY_FOLDERS or not _TEST_FOLDERS.isdisjoint(map(str.lower, others))
    return _TEST_FILES if is_test else ""


def _is_only_for_type_checkers(stub: str, one: InstalledDistribution) -> bool:
    """Whether the stub's module is in the same folder and doesn't read it; other stubs are a type checker's data."""
    module = module_name(stub.removesuffix("i"))
    if module is None or module not in one.module_names:
        return False
    source = one.locate(stub.removesuffix("i"))
    return not source.is_file() or _READER_OF_STUB not in source.read_bytes()


def _regular_packages(one: InstalledDistribution) -> frozenset[str]:
    return frozenset(file.path.rpartition("/")[0] for file in one.files if file.path.endswith("/__init__.py"))


def _is_script_in(path: str, regular: frozenset[str]) -> bool:
    """Whether a source file is somewhere in a regular package that can't be imported from, such as `templates`.

    Programs read such files, or copy them.
    """
    folders = path.split("/")[:-1]
    around = ["/".join(folders[:length]) for length in range(1, len(folders) + 1)]
    return path.endswith(".py") and around[:1] != [] and around[0] in regular and not regular.issuperset(around)


def _package_around(path: str) -> str:
    return ".".join(path.split("/")[:-1])


def _without_path_folder(path: str, folders: Iterable[str]) -> str:
    return next((path.removeprefix(folder) for folder in folders if path.startswith(folder)), path)


def _path_folders(one: InstalledDistribution) -> tuple[str, ...]:
    """The folders, each with a trailing slash, that `.pth` files add to `sys.path`, inner ones first.

    Modules in them are top-level, so these folders aren't packages.
    """
    folders: set[str] = set()
    for file in one.files:
        path = one.locate(file.path)
        if file.path.endswith(".pth") and "/" not in file.path and path.is_file():
            lines = path.read_text(encoding="utf-8-sig", errors="replace").splitlines()
            # As the standard library's site.py reads them.
            wanted = (line.strip() for line in lines if not line.startswith(("#", "import ", "import\t")))
            folders |= {f"{line.replace(chr(92), '/').strip('/')}/" for line in wanted if line}
    return tuple(sorted(folders, key=lambda folder: (-folder.count("/"), folder)))


def _packages_of(module: str) -> list[str]:
    """The packages around a module, outermost first: `a.b.c` is in `a` and `a.b`."""
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts))]
