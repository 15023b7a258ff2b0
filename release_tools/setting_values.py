"""Kinds of values that several tables of the settings have, and where they stand in a file."""

from collections.abc import Mapping
from typing import Any


def is_text(value: object) -> bool:
    """Whether it is text that says something; no argument, variable or file name can hold a zero byte."""
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def is_text_list(value: object) -> bool:
    """Whether it is a list of such texts, or an empty one."""
    return isinstance(value, list) and all(map(is_text, value))


def value_at(content: Mapping[str, Any], *keys: str) -> object:
    """What stands there, or what stands where a table should hold it; an empty table where nothing does."""
    found: object = content
    for key in keys:
        if not isinstance(found, Mapping):
            break
        found = found.get(key, {})
    return found


def table_at(content: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """The table that stands there, an empty one where something else or nothing does."""
    table = value_at(content, *keys)
    return table if isinstance(table, Mapping) else {}
