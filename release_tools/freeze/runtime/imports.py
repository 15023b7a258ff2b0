"""Changes modules that the app may import, once it does: importing them at every start would take long."""

import contextlib
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

# PyInstaller's run-time hooks that change a module which many programs never import.
HOOKS = {"pyi_rth_inspect": "inspect", "pyi_rth_multiprocessing": "multiprocessing", "pyi_rth_pkgutil": "pkgutil"}
# The one for inspect takes long, and only changes this function.
LATE_HOOK, LATE_FUNCTION = "pyi_rth_inspect", "getsourcefile"

waiting: dict[str, list[Callable[[ModuleType], None]]] = {}


def install() -> None:
    """Look out for imports, before every other finder."""
    sys.meta_path.insert(0, Watcher)
    for hook, name in HOOKS.items():
        when_imported(name, run_when_called if hook == LATE_HOOK else run(hook))


def run(hook: str) -> Callable[[ModuleType], None]:
    """What runs a hook of PyInstaller's, which is a module of the bundle if the program needs it."""

    def change(_: ModuleType) -> None:
        with contextlib.suppress(ModuleNotFoundError):
            __import__(hook)

    return change


def run_when_called(module: Any) -> None:
    """Run the hook when the function that it replaces is called for the first time."""
    original = getattr(module, LATE_FUNCTION)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if getattr(module, LATE_FUNCTION) is wrapper:
            setattr(module, LATE_FUNCTION, original)
            run(LATE_HOOK)(module)
        return getattr(module, LATE_FUNCTION)(*args, **kwargs)

    setattr(module, LATE_FUNCTION, wrapper)


def when_imported(name: str, change: Callable[[Any], None]) -> None:
    """Call `change` with the module, now or as soon as it has been imported."""
    if name in sys.modules:
        change(sys.modules[name])
    else:
        waiting.setdefault(name, []).append(change)


def own_loader(loader: Any) -> Any:
    """A loader that one module has for itself. All built-in modules share theirs, which is a class."""
    return type(loader.__name__, (loader,), {}) if isinstance(loader, type) else loader


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
                spec.loader = loader = own_loader(spec.loader)
                execute = loader.exec_module

                def exec_module(module: ModuleType, execute: Any = execute) -> None:
                    execute(module)
                    for change in changes:
                        change(module)

                loader.exec_module = exec_module
                return spec
        return None
