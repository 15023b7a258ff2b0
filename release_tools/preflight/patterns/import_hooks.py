"""Finds dependencies that install an import hook which rewrites their source.

They are bundled as bytecode, so the hook rewrites nothing, and nobody notices that its checks are off. What is bundled
with its source, such as the project, is rewritten.
"""

import ast
from collections.abc import Sequence
from typing import Final

from packaging.requirements import Requirement

from release_tools.distributions import InstalledDistribution
from release_tools.findings import list_setting
from release_tools.lockfile import normalized_name
from release_tools.preflight.patterns.modules import OwnModule, modules_with, nodes_except, sources_of

_BEARTYPE_HOOKS: Final = (
    "beartype_all",
    "beartype_package",
    "beartype_packages",
    "beartype_this_package",
    "beartyping",
)

# Each was seen in a binary: the functions that it should check accept everything. Hooks that find modules work.
_HOOKS: Final = frozenset(
    {
        *(f"beartype.claw.{name}" for name in _BEARTYPE_HOOKS),
        "jaxtyping.install_import_hook",
        "typeguard.install_import_hook",
        "typeguard.importhook.install_import_hook",
    }
)

_LIBRARIES: Final = frozenset(name.partition(".")[0] for name in _HOOKS)

_WORDS: Final = tuple(sorted({name.rpartition(".")[2].encode() for name in _HOOKS}))


def import_hook_notes(dependencies: Sequence[InstalledDistribution], whole: Sequence[str]) -> tuple[str, ...]:
    """One note for each hook that a dependency installs for itself: it checks how the app calls it.

    `whole` are the names of those that are bundled with their source.
    """
    with_source = set(map(normalized_name, whole))
    libraries = _LIBRARIES.intersection(normalized_name(one.name) for one in dependencies)
    return tuple(
        f"{one.label} installs an import hook, {name}, which has no effect on modules without source: {where}; to "
        f"bundle it with its source, set {list_setting('whole-distributions', whole, [one.name])}"
        for one in dependencies
        if normalized_name(one.name) not in with_source
        and libraries.intersection(normalized_name(Requirement(text).name) for text in one.found.requires or ())
        for module in modules_with(sources_of(one), _WORDS)
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
