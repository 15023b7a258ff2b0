"""Finds calls that install an import hook which rewrites source.

A frozen module is loaded from bytecode, so the hook rewrites nothing, and nobody notices that its checks are off.
"""

import ast
from collections.abc import Collection, Sequence
from typing import Final

from packaging.requirements import Requirement

from release_tools.distributions import InstalledDistribution
from release_tools.errors import Problem
from release_tools.lockfile import normalized_name
from release_tools.preflight.patterns.modules import OwnModule, modules_with, nodes_except, sources_of

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

_LIBRARIES: Final = frozenset(name.partition(".")[0] for name in _HOOKS)

WORDS: Final = tuple(sorted({name.rpartition(".")[2].encode() for name in _HOOKS}))


def import_hook_problems(module: OwnModule, distributions: Collection[str]) -> list[Problem]:
    """The hooks that a module always installs. `distributions` are the canonical names of those that the app has."""
    return [
        Problem(
            what=f"{where} installs an import hook, {name}, which has no effect on frozen modules: its "
            "checks are silently off",
            hint=f"{_HOOKS[name]}, or allow this if the checks are for development",
        )
        for where, name in _installed_hooks(module)
        if name.partition(".")[0] in distributions
    ]


def import_hook_notes(dependencies: Sequence[InstalledDistribution]) -> tuple[str, ...]:
    """One note for each hook that a dependency installs for itself: it checks how the app calls it."""
    libraries = _LIBRARIES.intersection(normalized_name(one.name) for one in dependencies)
    return tuple(
        f"{one.label} installs an import hook, {name}, which has no effect on frozen modules: {where}"
        for one in dependencies
        if libraries.intersection(normalized_name(Requirement(text).name) for text in one.found.requires or ())
        for module in modules_with(sources_of(one), WORDS)
        for where, name in _installed_hooks(module)
    )


def _installed_hooks(module: OwnModule) -> list[tuple[str, str]]:
    """File and line, and name of each hook. One that depends on a condition is for development."""
    found = [
        (module.place_of(node), module.full_name(node.func))
        for node in nodes_except(module.tree.body, lambda node: isinstance(node, ast.If | ast.IfExp | ast.Match))
        if isinstance(node, ast.Call)
    ]
    top_level = module.name.partition(".")[0]
    return [(where, name) for where, name in found if name in _HOOKS and name.partition(".")[0] != top_level]
