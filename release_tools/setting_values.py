"""Kinds of values that several tables of the settings have."""


def is_text(value: object) -> bool:
    """Whether it is text that says something; no argument, variable or file name can hold a zero byte."""
    return isinstance(value, str) and bool(value.strip()) and "\0" not in value


def is_text_list(value: object) -> bool:
    """Whether it is a list of such texts, or an empty one."""
    return isinstance(value, list) and all(map(is_text, value))
