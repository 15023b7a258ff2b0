"""Compare what functions of the app return in the frozen program and from source.

What an app reads from its source code or docstrings gets lost silently if the bundle lacks it.
"""

from typing import Any

from release_tools.verification.check import CheckSkippedError, VerificationContext, refuse
from release_tools.verification.twin.probe import ask

_LONGEST_VALUE = 200


def check_parity(context: VerificationContext) -> str:
    """Every function that `parity` names in the settings returns the same data as from source."""
    functions = context.settings.parity
    if not functions:
        raise CheckSkippedError("no parity functions are set")
    source = ask(context, "function_results", list(functions), place="source")
    refuse(
        context,
        {function: source[function][1] for function in functions if source[function][0] == "error"},
        what="these functions fail from source",
        hint="a function in parity takes no arguments and returns a value that can be written as JSON",
    )
    frozen = ask(context, "function_results", list(functions))
    differing = {
        function: _difference(source[function], frozen[function])
        for function in functions
        if source[function] != frozen[function]
    }
    refuse(
        context,
        differing,
        what="these functions return something else when frozen",
        hint="only the project's own wheel is frozen with its source, so inspect.getsource fails for other code; "
        "don't read the text from source, or generate it at build time",
    )
    return f"{len(functions)} functions equal"


# Any value that JSON can represent.
def first_difference(source: Any, frozen: Any, path: str = "") -> tuple[str, str, str] | None:
    """Where two values first differ, and both values there."""
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
    return None if source == frozen else (path.lstrip(".") or "the top level", repr(source), repr(frozen))


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
