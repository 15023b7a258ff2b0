"""Changes modules that the app may import, once it does: importing them at every start would take long."""

import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

waiting: dict[str, list[Callable[[ModuleType], None]]] = {}


def install() -> None:
    """Look out for imports, before every other finder."""
    sys.meta_path.insert(0, Watcher)


def when_imported(name: str, change: Callable[[Any], None]) -> None:
    """Call `change` with the module, now or as soon as it has been imported."""
    if name in sys.modules:
        change(sys.modules[name])
    else:
        waiting.setdefault(name, []).append(change)


class Watcher:
    """Finds nothing itself: asks the other finders, and wraps the loader that they find."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """The spec of a module to change; None for every other."""
        if name not in waiting:
            return None
        changes = waiting.pop(name)
        for finder in sys.meta_path:
            spec = None if finder is Watcher else finder.find_spec(name, path, target)
            if spec is not None and spec.loader is not None:
                execute = spec.loader.exec_module

                def exec_module(module: ModuleType, execute: Any = execute) -> None:
                    execute(module)
                    for change in changes:
                        change(module)

                setattr(spec.loader, "exec_module", exec_module)  # noqa: B010 - the type checker refuses an assignment
                return spec
        return None
