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
    """Pairs of what failed and its error. The file `progress` names the current import, in case the process dies."""
    _silence_output()
    # Nothing is freed before the end, and collecting garbage would take a third of the time.
    gc.disable()
    # Unbuffered, so that nothing gets lost if an import kills the process.
    with open(request["progress"], "wb", buffering=0) as progress:  # noqa: PTH123 - the bundle may lack pathlib
        failures = [*_failing_modules(request["modules"], progress)]
        failed = {item for item, _ in failures}
        progress.write(b"(names, entry points and versions)\n")
        failures += _failing_public_names(request["public_names"] or _public_names(request["modules"], failed))
        failures += _failing_names([(module, name) for module, name in request["names"] if module not in failed])
        failures += _failing_metadata(request["entry_points"], request["distributions"])
    return failures


def _silence_output() -> None:
    warnings.simplefilter("ignore")
    sink = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(sink, descriptor)


def _failing_modules(modules: list[str], progress: Any) -> Any:
    for name in modules:
        progress.write(f"{name}\n".encode())
        try:
            __import__(name)
        except BaseException as error:  # noqa: BLE001 - modules raise anything, even SystemExit
            yield name, _described(error)


def _public_names(modules: list[str], failed: set[str]) -> Any:
    for module in modules:
        if module not in failed:
            for name in getattr(sys.modules.get(module), "__all__", ()):
                yield module, name


def _failing_public_names(names: Any) -> Any:
    for module, name in names:
        try:
            __import__(module)
            getattr(sys.modules[module], name)
        except BaseException as error:  # noqa: BLE001
            yield f"{module}.__all__:{name}", _described(error)


def _failing_names(names: list[tuple[str, str]]) -> Any:
    for name, key in names:
        try:
            __import__(name)
            if not hasattr(sys.modules[name], key):
                # As `from package import module` does.
                __import__(f"{name}.{key}")
        except BaseException as error:  # noqa: BLE001
            yield f"{name}:{key}", _described(_missing_name(error, name, key))


def _missing_name(error: BaseException, name: str, key: str) -> BaseException:
    is_this = isinstance(error, ModuleNotFoundError) and error.name == f"{name}.{key}"
    return ImportError(f"cannot import name {key!r} from {name!r}") if is_this else error


def _failing_metadata(entry_points: list[tuple[str, str, str]], distributions: list[str]) -> Any:
    if not entry_points and not distributions:
        return
    import importlib.metadata  # noqa: PLC0415 - requested only if it's bundled

    for name in distributions:
        try:
            importlib.metadata.version(name)
        except BaseException as error:  # noqa: BLE001
            yield f"metadata of {name}", _described(error)
    for group, name, value in entry_points:
        try:
            found = [point for point in importlib.metadata.entry_points(group=group, name=name) if point.value == value]
            next(iter(found), _MISSING).load()
        except BaseException as error:  # noqa: BLE001
            yield f"entry point {group}: {name} = {value}", _described(error)


def _described(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0]}"[:300]
