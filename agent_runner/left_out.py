"""Replaces `cryptography`, which the MCP libraries import for OAuth and for servers' state.

A run uses neither, so the binary doesn't contain it: its wheels for Intel Macs ended with a version that has known
vulnerabilities, and it's a tenth of the download elsewhere. From source it's left out too, so that both do the same.
"""

import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Final

LEFT_OUT: Final = "cryptography"


def install_stand_in() -> None:
    """Make every module of the package importable, and its classes and functions useless."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


class _Finder(MetaPathFinder, Loader):
    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(fullname, self, is_package=True) if fullname.partition(".")[0] == LEFT_OUT else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return _StandIn(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """There is nothing to run."""


_FINDER: Final = _Finder()


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        value = type(name, (_Unusable,), {"__module__": self.__name__})
        setattr(self, name, value)
        return value


class _Unusable:
    def __init__(self, *_args: object, **_kwargs: object) -> None:
        cls = type(self)
        raise NotImplementedError(f"agent-runner has no {LEFT_OUT}, and {cls.__module__}.{cls.__name__} was used")
