"""Finds processes that are started at import time: each spawned worker imports the module and starts more."""

import ast
from typing import Final

from release_tools.errors import Problem
from release_tools.preflight.patterns.modules import Function, OwnModule, is_main_guard, nodes_except

WORDS: Final = (b"multiprocessing",)

_PROCESS_STARTERS: Final = frozenset({"multiprocessing.Manager", "multiprocessing.Pool", "multiprocessing.Process"})


def early_process_problems(module: OwnModule) -> list[Problem]:
    return [
        Problem(
            what=f"{module.place_of(node)} starts processes at import time: {ast.unparse(node.func)}(…); each spawned "
            "worker imports the module and starts more",
            hint="start them in a function",
        )
        for node in nodes_except(module.tree.body, _runs_later)
        if isinstance(node, ast.Call) and module.full_name(node.func) in _PROCESS_STARTERS
    ]


def _runs_later(node: ast.AST) -> bool:
    return isinstance(node, Function | ast.Lambda) or is_main_guard(node)
