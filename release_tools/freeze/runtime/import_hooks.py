"""Lets import hooks that rewrite source work on the packages whose source is bundled.

A hook that checks types, for example, rewrites what Python's own finder finds. PyInstaller's finder comes before that
one and has only bytecode: the hook would do nothing, and nobody would notice.
"""

import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType
from typing import Any

from .build_facts import SOURCE_PACKAGES


def install() -> None:
    """Show hooks the source files, after PyInstaller's run-time hooks and before the app installs any."""
    # PyInstaller's finders, which its bootstrap has loaded.
    importers: Any = sys.modules.get("pyimod02_importers")
    if importers is not None and SOURCE_PACKAGES:
        sys.meta_path.insert(0, PathHookOrder(importers.PyiFrozenFinder.path_hook))
        show_source_files(importers.PyiFrozenFinder)


class PathHookOrder:
    """Finds nothing itself: keeps PyInstaller's path hook in front of those that the app inserts.

    A folder has just one finder, and that of the first hook would hide the modules that aren't files.
    """

    def __init__(self, path_hook: Any) -> None:
        self.first = sys.path_hooks[: sys.path_hooks.index(path_hook) + 1]

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> None:  # noqa: ARG002 - as finders are called
        """Restore the order before other finders use it."""
        if sys.path_hooks[: len(self.first)] != self.first:
            sys.path_hooks[:] = [*self.first, *(hook for hook in sys.path_hooks if hook not in self.first)]


def show_source_files(finder: Any) -> None:
    """Let PyInstaller's finder find modules as Python's own does, once the app has installed a finder or hook."""
    find_frozen = finder.find_spec
    without_hooks = installed_hooks()

    def find_spec(self: Any, fullname: str, target: Any = None) -> ModuleSpec | None:
        spec: ModuleSpec | None = find_frozen(self, fullname, target)
        if spec is None or fullname.partition(".")[0] not in SOURCE_PACKAGES or installed_hooks() == without_hooks:
            return spec
        # The finder whose hook comes next: Python's own, or that of the app.
        next_finder = self.fallback_finder
        found: ModuleSpec | None = next_finder.find_spec(fullname, target) if next_finder else None
        if found is None or not isinstance(found.loader, SourceFileLoader):
            return spec
        # A hook that wants to rewrite the module replaces Python's loader, before or after this.
        if type(found.loader) is SourceFileLoader:
            found.loader = BundledLoader(found.loader, spec.loader)
        return found

    finder.find_spec = find_spec


def installed_hooks() -> list[object]:
    return [*sys.meta_path, *sys.path_hooks]


class BundledLoader(SourceFileLoader):
    """Python's loader of source files, with the bundled bytecode, so that nothing is compiled without need."""

    def __init__(self, loader: SourceFileLoader, frozen: Any) -> None:
        super().__init__(loader.name, loader.path)
        self.frozen = frozen

    def get_code(self, fullname: str) -> CodeType | None:
        """The bytecode that PyInstaller's loader has."""
        code: CodeType | None = self.frozen.get_code(fullname)
        return code
