"""Calls functions with the wrong type, which only import hooks notice."""

import importlib
import sys

import jaxtyping
import typeguard
from beartype.claw import beartype_package


def work() -> int:
    """Install the hooks, and fail if a function of a checked module accepts a number."""
    beartype_package("gate_app.by_name")
    typeguard.install_import_hook(["gate_app.by_typeguard", "gate_rules"])
    jaxtyping.install_import_hook("gate_app.by_jaxtyping", "beartype.beartype")
    checked = ("gate_app.claw.words", "gate_app.by_name", "gate_app.by_typeguard", "gate_app.by_jaxtyping", "gate_rules")
    unchecked = [name for name in checked if accepts_number(name)]
    if unchecked:
        print("unchecked:", ", ".join(unchecked), file=sys.stderr)
        return 1
    print("done")
    return 0


def accepts_number(name: str) -> bool:
    try:
        importlib.import_module(name).shout(5)
    except Exception as error:
        print(f"{name}: {type(error).__name__}")
        return False
    return True
