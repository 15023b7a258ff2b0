"""Calls functions with the wrong type, which only import hooks notice."""

import importlib
import sys

import jaxtyping
import typeguard
from beartype.claw import beartype_package

from gate_app import own_hook


def work() -> int:
    """Install the hooks, and fail if a function of a checked module accepts a number."""
    beartype_package("gate_app.by_name")
    typeguard.install_import_hook(["gate_app.by_typeguard", "gate_rules"])
    jaxtyping.install_import_hook("gate_app.by_jaxtyping", "beartype.beartype")
    checked = ["gate_app.claw.words", "gate_app.by_name", "gate_app.by_typeguard", "gate_app.by_jaxtyping", "gate_rules"]
    unchecked = [name for name in checked if accepts_number(name)]
    own_hook.install()
    unchecked += [name for name in ["gate_app.by_own_hook"] if accepts_number(name)]
    if unchecked:
        print("unchecked:", ", ".join(unchecked), file=sys.stderr)
        return 1
    # Nothing has imported it yet, and the bundle has no file of it.
    importlib.import_module("zope.event")
    print("done")
    return 0


def accepts_number(name: str) -> bool:
    shout = importlib.import_module(name).shout
    try:
        shout(5)
    except Exception as error:
        print(f"{name}: {type(error).__name__}")
        return False
    return True
