"""Lets import hooks that rewrite source work on the packages that are bundled with theirs.

A hook that checks types, for example, rewrites what Python's own finder finds. PyInstaller's finder comes before that
one and has only bytecode: the hook would do nothing, and nobody would notice.
"""

import sys
from importlib.machinery import ModuleSpec, SourceFileLoader
from types import CodeType
from typing import Any

from .build_facts import SOURCE_PACKAGES


def install() -> None:
    """Show such hooks the source files, after PyInstaller's run-time hooks and before the app installs any."""
    # PyInstaller's finders, which its bootstrap has loaded.
    importers: Any = sys.modules.get("pyimod02_importers")
    if importers is not None and SOURCE_PACKAGES:
        show_source_files(importers.PyiFrozenFinder)


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
