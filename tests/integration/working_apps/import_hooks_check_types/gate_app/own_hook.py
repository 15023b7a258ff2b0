"""An import hook of the app itself, in front of all others."""

import sys
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, ExtensionFileLoader, FileFinder, SourceFileLoader
from pathlib import Path
from types import CodeType


class CheckingLoader(SourceFileLoader):
    """Adds a check to one module."""

    def source_to_code(self, data: bytes, path: str) -> CodeType:
        """Rewrite the source."""
        if Path(path).name == "by_own_hook.py":
            data = data.replace(b"    return", b"    assert isinstance(word, str)\n    return")
        return super().source_to_code(data, path)


def install() -> None:
    """Insert the hook as the documentation of Python's import system suggests."""
    loaders = [(ExtensionFileLoader, EXTENSION_SUFFIXES), (CheckingLoader, SOURCE_SUFFIXES)]
    sys.path_hooks.insert(0, FileFinder.path_hook(*loaders))
    sys.path_importer_cache.clear()
