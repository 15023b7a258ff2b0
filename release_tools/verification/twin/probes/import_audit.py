"""Import the requested modules, names, entry points and versions, and return what failed.

Runs in the probe twin and in the source environment.
"""

import gc
import os
import sys
import warnings
from typing import Any


class _Missing:
    """An entry point that isn't in any bundled metadata."""

    def load(self) -> None:
        raise LookupError("the entry point isn't in any bundled metadata")


_MISSING = _Missing()


def answer(request: dict[str, Any]) -> list[tuple[str, str]]:
    """Pairs of what failed and its error.

    The file `progress` gets what begins and what fails, one Python literal a line, in case the process dies. What's in
    `failed` is skipped, and so are the submodules of packages that fail.
    """
    _silence_output()
    # Nothing is freed before the end, and collecting garbage would take a third of the time.
    gc.disable()
    # Unbuffered, so that nothing gets lost if an import kills the process.
    with open(request["progress"], "wb", buffering=0) as progress:  # noqa: PTH123 - the bundle may lack pathlib
        audit = _Audit(request, progress)
        audit.import_modules(request["modules"])
        modules = [*request["imported"], *request["modules"]]
        audit.load_public_names(request["public_names"] or audit.public_names(modules))
        audit.load_names(request["names"])
        audit.load_metadata(request["entry_points"], request["distributions"])
    return audit.failures


class _Audit:
    def __init__(self, request: dict[str, Any], progress: Any) -> None:
        self.failed = set(request["failed"])
        self.failures: list[tuple[str, str]] = []
        self.progress = progress

    def attempt(self, item: str, load: Any) -> None:
        if item in self.failed:
            return
        self.progress.write(f"{item!r}\n".encode("ascii", "backslashreplace"))
        try:
            load()
        except BaseException as error:  # noqa: BLE001 - modules raise anything, even SystemExit
            self.failed.add(item)
            failure = (item, _described(error))
            self.failures.append(failure)
            self.progress.write(f"{failure!r}\n".encode("ascii", "backslashreplace"))

    def has_failed(self, module: str) -> bool:
        """Whether the module or a package that it's in can't be imported."""
        while module:
            if module in self.failed:
                return True
            module = module.rpartition(".")[0]
        return False

    def import_modules(self, modules: list[str]) -> None:
        for name in modules:
            if not self.has_failed(name):
                self.attempt(name, lambda name=name: __import__(name))

    def public_names(self, modules: list[str]) -> Any:
        for module in modules:
            if not self.has_failed(module):
                # An earlier process may have imported it.
                __import__(module)
                for name in getattr(sys.modules.get(module), "__all__", ()):
                    yield module, name

    def load_public_names(self, names: Any) -> None:
        for module, name in names:
            if not self.has_failed(module):
                self.attempt(f"{module}.__all__:{name}", lambda module=module, name=name: _load(module, name))

    def load_names(self, names: list[tuple[str, str]]) -> None:
        for module, name in names:
            if not self.has_failed(module) and f"{module}.{name}" not in self.failed:
                self.attempt(f"{module}:{name}", lambda module=module, name=name: _import_from(module, name))

    def load_metadata(self, entry_points: list[tuple[str, str, str]], distributions: list[str]) -> None:
        if not entry_points and not distributions:
            return
        import importlib.metadata  # noqa: PLC0415 - requested only if it's bundled

        for name in distributions:
            self.attempt(f"metadata of {name}", lambda name=name: importlib.metadata.version(name))
        for group, name, value in entry_points:

            def load(group: str = group, name: str = name, value: str = value) -> None:
                points = importlib.metadata.entry_points(group=group, name=name)
                next((point for point in points if point.value == value), _MISSING).load()

            self.attempt(f"entry point {group}: {name} = {value}", load)


def _silence_output() -> None:
    warnings.simplefilter("ignore")
    sink = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(sink, descriptor)


def _load(module: str, name: str) -> None:
    __import__(module)
    getattr(sys.modules[module], name)


def _import_from(module: str, name: str) -> None:
    __import__(module)
    if hasattr(sys.modules[module], name):
        return
    try:
        # As `from package import module` does.
        __import__(f"{module}.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"{module}.{name}":
            raise
        raise ImportError(f"cannot import name {name!r} from {module!r}") from None


def _described(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:300]
