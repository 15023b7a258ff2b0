"""Calls functions of the app and hands over what they return, if it could be written as JSON.

Runs in the probe twin and in the source environment.
"""

import sys
from typing import Any


def answer(functions: list[str]) -> dict[str, tuple[str, Any]]:
    """By function (`module:name`): "value" and what it returned, or "error" and why there is no such value."""
    return {function: _result(function) for function in functions}


def _result(function: str) -> tuple[str, Any]:
    module, _, name = function.partition(":")
    try:
        __import__(module)
        return "value", _plain(getattr(sys.modules[module], name)(), "")
    except BaseException as error:  # noqa: BLE001 - whatever it is, it is the answer
        return "error", f"{type(error).__name__}: {error}"


def _plain(value: Any, path: str) -> Any:
    """The value without subclasses, which the two sides could not hand over."""
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
    raise TypeError(f"{type(value).__name__} at {path.lstrip('.') or 'the top'} is no JSON")


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise TypeError(f"the key {key!r} at {path.lstrip('.') or 'the top'} is no JSON")
    return str.__str__(key)
