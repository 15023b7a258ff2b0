"""Describes functions by their source code."""

import inspect

import zope.event


def described() -> dict[str, str]:
    """The source of a function of a dependency, if it's available."""
    try:
        return {"source": inspect.getsource(zope.event.notify)}
    except OSError:
        return {}
