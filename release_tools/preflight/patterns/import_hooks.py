"""Finds calls that install an import hook which rewrites source.

A frozen module is loaded from bytecode, so the hook rewrites nothing, and nobody notices that its checks are off.
"""

import ast
from collections.abc import Collection
from typing import Final

from release_tools.errors import Problem
from release_tools.preflight.patterns.modules import OwnModule, nodes_except

# Each was seen in a binary: the functions that it should check accept everything. Hooks that find modules work.
_HOOKS: Final[dict[str, str]] = {
    **dict.fromkeys(
        (
            f"beartype.claw.{name}"
            for name in ("beartype_all", "beartype_package", "beartype_packages", "beartype_this_package", "beartyping")
        ),
        "decorate functions and classes with beartype.beartype",
    ),
    "jaxtyping.install_import_hook": "decorate functions and classes with jaxtyping.jaxtyped",
    "typeguard.install_import_hook": "decorate functions and classes with typeguard.typechecked",
}

WORDS: Final = tuple(sorted({name.partition(".")[0].encode() for name in _HOOKS}))


def import_hook_problems(module: OwnModule, distributions: Collection[str]) -> list[Problem]:
    """The hooks that a module always installs. `distributions` are the canonical names of those that the app has.

    A hook that depends on a condition is for development.
    """
    calls = [
        (node, name)
        for node in nodes_except(module.tree.body, lambda node: isinstance(node, ast.If | ast.IfExp | ast.Match))
        if isinstance(node, ast.Call) and (name := module.full_name(node.func)) in _HOOKS
    ]
    return [
        Problem(
            what=f"{module.place_of(node)} installs an import hook, {name}, which has no effect on frozen modules: its "
            "checks are silently off",
            hint=f"{_HOOKS[name]}, or allow this if the checks are for development",
        )
        for node, name in calls
        if (library := name.partition(".")[0]) in distributions and library != module.name.partition(".")[0]
    ]
