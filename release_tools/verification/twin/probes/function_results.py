"""Call functions of the app and return their results, if JSON can represent them.

Runs in the probe twin and in the source environment.
"""

import sys
from typing import Any


def answer(functions: list[str]) -> dict[str, tuple[str, Any]]:
    """For each function (`module:name`), "value" and its result, or "error" and what went wrong."""
    return {function: _result(function) for function in functions}


def _result(function: str) -> tuple[str, Any]:
    module, _, name = function.partition(":")
    try:
        __import__(module)
        return "value", _plain(getattr(sys.modules[module], name)(), "")
    except BaseException as error:  # noqa: BLE001 - any error is the answer
        return "error", f"{type(error).__name__}: {error}"


def _plain(value: Any, path: str) -> Any:
    """The value with plain types instead of subclasses, which marshal can't represent."""
    match value:
        case None | bool():
            return value
        case str():
            return str.__str__(value)
        case int():
            return int(value)
        case float():
            return float(value)
        case dict():
            return {_key(key, path): _plain(item, f"{path}.{key}") for key, item in value.items()}
        case list() | tuple():
            return [_plain(item, f"{path}[{index}]") for index, item in enumerate(value)]
    raise TypeError(f"JSON can't represent {type(value).__name__} at {path.lstrip('.') or 'the top level'}")


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"JSON can't represent the key {key!r} at {path.lstrip('.') or 'the top level'}")
    return str.__str__(key)
