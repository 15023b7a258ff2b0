"""Functions of the app return the same inside the frozen program as from source.

What is read from source code or from docstrings is lost without an error when it is not in the bundle.
"""

from typing import Any

from release_tools.verification.check import CheckFailedError, CheckSkippedError, VerificationContext, listed
from release_tools.verification.twin.probe import ask

_LONGEST_VALUE = 200


def check_parity(context: VerificationContext) -> str:
    """Each function that the settings name under `parity` gives the same data from source and frozen."""
    functions = context.settings.parity
    if not functions:
        raise CheckSkippedError("no parity functions are set")
    source = ask(context, "function_results", list(functions), place="source")
    broken = [f"{function}: {source[function][1]}" for function in functions if source[function][0] == "error"]
    if broken:
        raise CheckFailedError(
            f"it fails from source already:{listed(broken)}",
            "a function under parity takes no arguments and returns what can be written as JSON",
        )
    frozen = ask(context, "function_results", list(functions))
    differing = [
        f"{function} {_difference(source[function], frozen[function])}"
        for function in functions
        if source[function] != frozen[function]
    ]
    if differing:
        raise CheckFailedError(
            f"frozen, the app's own functions do not return what they return from source:{listed(differing)}",
            "code that is not in the project's own wheel is frozen without its source, and inspect.getsource gives "
            "nothing there; write the text where it does not have to be read from source, or compute it at build time",
        )
    return f"{len(functions)} functions equal"


# Plain data of any shape.
def first_difference(source: Any, frozen: Any, path: str = "") -> tuple[str, str, str] | None:
    """Where two values first differ, and what stands there in each."""
    if isinstance(source, dict) and isinstance(frozen, dict):
        for key in [*source, *(key for key in frozen if key not in source)]:
            if key not in source or key not in frozen:
                return f"{path}.{key}".lstrip("."), _shown(source, key), _shown(frozen, key)
            found = first_difference(source[key], frozen[key], f"{path}.{key}")
            if found:
                return found
        return None
    if isinstance(source, list) and isinstance(frozen, list) and len(source) == len(frozen):
        pairs = enumerate(zip(source, frozen, strict=True))
        differences = (first_difference(*pair, f"{path}[{index}]") for index, pair in pairs)
        return next(filter(None, differences), None)
    return None if source == frozen else (path.lstrip(".") or "the whole", repr(source), repr(frozen))


def _shown(values: dict[str, Any], key: str) -> str:
    return repr(values[key]) if key in values else "nothing"


def _difference(source: tuple[str, Any], frozen: tuple[str, Any]) -> str:
    if frozen[0] == "error":
        return f"fails when frozen: {frozen[1]}"
    found = first_difference(source[1], frozen[1])
    if found is None:
        return "differs"
    path, before, after = found
    return f"differs at {path}: {before[:_LONGEST_VALUE]} from source, {after[:_LONGEST_VALUE]} frozen"
