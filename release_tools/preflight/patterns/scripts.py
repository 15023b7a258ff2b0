"""Finds programs that the code starts by the name of a script that an installer would generate.

The bundle has one program, and its folder no scripts: neither the project's other ones nor those of its dependencies.
"""

import ast
from collections.abc import Mapping
from importlib.metadata import EntryPoint
from typing import Final

from release_tools.distributions import InstalledDistribution
from release_tools.errors import Problem
from release_tools.preflight.patterns.modules import catches, is_main_guard, nodes_except
from release_tools.preflight.patterns.places import ENVIRONMENT, Places

WORDS: Final = (
    b"create_subprocess",
    b"os.exec",
    b"os.posix_spawn",
    b"os.spawn",
    b"os.system",
    b"pexpect",
    b"_process",
    b"subprocess",
)

_STARTERS: Final = frozenset(
    {
        *("asyncio.create_subprocess_exec", "asyncio.create_subprocess_shell", "os.system"),
        *(f"os.exec{kind}" for kind in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe")),
        *("os.posix_spawn", "os.posix_spawnp"),
        *("subprocess.Popen", "subprocess.call", "subprocess.check_call", "subprocess.check_output", "subprocess.run"),
        *("subprocess.getoutput", "subprocess.getstatusoutput"),
        *("pexpect.spawn", "trio.run_process"),
    }
)
# Their first argument is a mode.
_SPAWNERS: Final = frozenset(f"os.spawn{kind}" for kind in ("l", "le", "lp", "lpe", "v", "ve", "vp", "vpe"))

# Handlers of these expect that the program is missing.
_MISSING: Final = frozenset({"BaseException", "Exception", "FileNotFoundError", "IOError", "OSError"})

_SCRIPT_GROUPS: Final = ("console_scripts", "gui_scripts")
_SCRIPT_FOLDERS: Final = (ENVIRONMENT / "bin", ENVIRONMENT / "Scripts")


def scripts_of(*distributions: InstalledDistribution) -> dict[str, tuple[InstalledDistribution, EntryPoint]]:
    """The scripts of these distributions by name."""
    return {
        point.name: (one, point) for one in distributions for point in one.entry_points if point.group in _SCRIPT_GROUPS
    }


def script_problems(places: Places, scripts: Mapping[str, tuple[InstalledDistribution, EntryPoint]]) -> list[Problem]:
    """The starts of these scripts in a module, unless it handles that they are missing."""
    module = places.module
    if module.asks_whether_frozen:
        return []
    started = [
        (node, name)
        for node in nodes_except(module.tree.body, _expects_absence)
        if isinstance(node, ast.Call) and (name := _started(node, places)) in scripts
    ]
    return [
        Problem(
            what=f"{module.place_of(node)} starts {name}, a script of {scripts[name][0].label}, which a binary doesn't "
            "bring along",
            hint=f"start {_replacement(*scripts[name])}, which works in both",
        )
        for node, name in started
    ]


def _expects_absence(node: ast.AST) -> bool:
    is_looked_up = isinstance(node, ast.If | ast.IfExp) and "which" in ast.unparse(node.test)
    return is_looked_up or catches(node, _MISSING) or is_main_guard(node)


def _started(call: ast.Call, places: Places) -> str:
    """The name of the program that a call starts, or ""."""
    name = places.module.full_name(call.func)
    given = [*call.args, *(word.value for word in call.keywords if word.arg == "args")]
    match given:
        case [command, *_] if name in _STARTERS:
            return _program(command, places)
        case [_, command, *_] if name in _SPAWNERS:
            return _program(command, places)
    return ""


def _program(command: ast.expr, places: Places) -> str:
    """The program that a command line consists of or starts with."""
    match command:
        case ast.Name(id=name) if name in places.values:
            programs = {_program(value, places) for value in places.values[name] if not isinstance(value, ast.Name)}
            return programs.pop() if len(programs) == 1 else ""
        case ast.List(elts=[first, *_]) | ast.Tuple(elts=[first, *_]):
            return _program(first, places)
    place = places.of(command)
    if place and place.parent in _SCRIPT_FOLDERS:
        return place.name.removesuffix(".exe")
    return " ".join((places.text(command) or "").split()[:1]).removesuffix(".exe")


def _replacement(one: InstalledDistribution, point: EntryPoint) -> str:
    """A command that does what the script does, with the interpreter that a binary is too."""
    package = point.name.replace("-", "_")
    if f"{package}.__main__" in one.module_names:
        return f'[sys.executable, "-m", "{package}", …]'
    return f'[sys.executable, "-c", "from {point.module} import {point.attr}; {point.attr}()", …]'
