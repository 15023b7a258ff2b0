"""Judges what PyInstaller logs: it exits with 0 after some errors that break the binary.

Others are about what a dependency lacks from source too: a library that isn't on the build machine, a module of an
optional dependency. The app works without these, or not even from source.
"""

import re
import sys
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from release_tools.binaries.system_libraries import is_system_library
from release_tools.freeze.gui_toolkit import is_of_tk
from release_tools.freeze.selection import is_excluded_module
from release_tools.platforms import Platform

# Each of these means that the binary fails in use, or that only a part of it was bundled.
_ALWAYS_FATAL: Final = re.compile(
    r"Failed to run strip|Failed to process hook|[Ii]nvalid or incompatible macOS SDK|Error while signing"
)
_HIDDEN_IMPORT: Final = re.compile(
    r"""Hidden import ["']([\w.]+)["'] not found|Failed to collect submodules for '([\w.]+)'"""
)
_SYNTAX_ERROR: Final = re.compile(r"(?:Syntax|Sytnax) error while compiling (.+)")
_LIBRARY: Final = re.compile(r"Library not found: could not resolve '([^']+)', dependency of '([^']+)'")
_CTYPES_LIBRARY: Final = re.compile(r"Library (.+?)(?:\.dll)? required via ctypes not found")


@dataclass(frozen=True, kw_only=True)
class LogJudge:
    """Judges the log of a freeze for a platform.

    What's wrong with the project is fatal: `own_packages` and the paths of its installed files. So is a missing module
    that is `required`, or that belongs to Python. A module that is left out on purpose isn't: Tk, or what a pattern in
    `excluded` matches.
    """

    platform: Platform
    own_packages: Collection[str]
    own_files: Collection[str]
    required: Collection[str]
    excluded: Collection[str]

    def fatal(self, lines: Iterable[str]) -> tuple[str, ...]:
        """The distinct messages that mean a broken binary."""
        return tuple(filter(self._is_fatal, _messages(lines)))

    def missing_from_source(self, lines: Iterable[str]) -> tuple[str, ...]:
        """The distinct messages about libraries that the build machine lacks, so that the source does too."""
        return tuple(
            message for message in _messages(lines) if self._names_library(message) and not self._is_fatal(message)
        )

    def _is_fatal(self, message: str) -> bool:
        if named := _HIDDEN_IMPORT.match(message):
            # The check of bundled files reports a dependency's own modules.
            module = named[1] or named[2]
            top = module.partition(".")[0]
            if is_excluded_module(module, self.excluded) or (is_of_tk(module) and module not in self.required):
                return False
            return module in self.required or top in self.own_packages or top in sys.stdlib_module_names
        if named := _SYNTAX_ERROR.match(message):
            return named[1] in self.own_files
        if named := _LIBRARY.match(message):
            return self._names_library(message) and named[2].replace("\\\\", "\\") in self.own_files
        return _ALWAYS_FATAL.search(message) is not None

    def _names_library(self, message: str) -> bool:
        """Whether it's about a library that this platform could have."""
        is_windows = self.platform.os == "windows"
        if named := _LIBRARY.match(message):
            # Windows resolves names in an API set itself; most of them aren't files.
            return not (is_windows and is_system_library(named[1], "windows"))
        if named := _CTYPES_LIBRARY.match(message):
            # Portable code names shell32 and the like, but loads it only on Windows.
            return is_windows or not is_system_library(f"{named[1]}.dll", "windows")
        return False


def _messages(lines: Iterable[str]) -> Iterable[str]:
    return dict.fromkeys(line.split(": ", 1)[-1] for line in lines)
