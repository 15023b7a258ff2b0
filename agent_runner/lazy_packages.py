"""Packages whose `__init__` re-exports more than a run uses: a name's module is imported when the name is first used.

pydantic-ai imports a few names out of hundreds from openai and griffe. A module-level `__getattr__` (PEP 562) would
solve that in those packages; an import hook adds it from outside.
"""

import builtins
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import CodeType, ModuleType
from typing import Any, Final, Protocol

LAZY_PACKAGES: Final = frozenset(
    (
        "griffe",
        "openai.types",
        "openai.types.audio",
        "openai.types.beta",
        "openai.types.chat",
        "openai.types.fine_tuning",
        "openai.types.graders",
        "openai.types.realtime",
        "openai.types.responses",
        "openai.types.shared",
        "openai.types.shared_params",
        "openai.types.webhooks",
        "pydantic_ai.models.openai",
    )
)


def install_lazy_packages() -> None:
    """Make the packages lazy. Call this before anything imports them."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in LAZY_PACKAGES:
            return None
        for finder in sys.meta_path:
            spec = None if finder is self else finder.find_spec(fullname, path, target)
            if spec is not None:
                # Something that can't return its code, such as a zip of native modules, is imported as usual.
                if spec.loader is not None and hasattr(spec.loader, "get_code"):
                    spec.loader = _LazyLoader(spec.loader)
                return spec
        return None


# Only one, because two of them, from runs that begin at once, would ask each other without end.
_FINDER: Final = _Finder()


class _CodeLoader(Protocol):
    def create_module(self, spec: ModuleSpec) -> ModuleType | None: ...
    def get_code(self, fullname: str) -> CodeType | None: ...


class _LazyLoader(Loader):
    """Runs a package's own code, with imports from its submodules put off."""

    def __init__(self, loader: _CodeLoader) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:  # Any: whatever the loader has, such as `get_resource_reader`
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        package = module.__name__
        submodules: set[str] = set()

        def import_later(
            name: str,
            importing: Mapping[str, object] | None = None,
            local: Mapping[str, object] | None = None,
            names: Sequence[str] | None = (),
            level: int = 0,
        ) -> object:
            full_name = f"{package}.{name}" if level == 1 and name else name
            submodule = full_name.removeprefix(f"{package}.")
            # A name like its own module would be hidden by the module, once something imports that.
            if not names or "*" in names or submodule == full_name or submodule in names:
                return builtins.__import__(name, importing, local, names or (), level)
            submodules.add(submodule.partition(".")[0])
            return _PendingModule(full_name)

        code = self._loader.get_code(package)
        if code is None:
            raise ImportError(f"{package} has no code", name=package)
        namespace = vars(module)
        namespace["__builtins__"] = {**vars(builtins), "__import__": import_later}
        exec(code, namespace)  # noqa: S102 - as the package's own loader does
        namespace["__builtins__"] = builtins
        pending = {name: value for name, value in namespace.items() if isinstance(value, _PendingName)}
        for name in pending:
            del namespace[name]
        inherited = namespace.get("__getattr__")

        def load(name: str) -> object:
            if name in pending:
                namespace[name] = value = pending[name].load()
                return value
            if name in submodules:
                return import_module(f"{package}.{name}")
            if inherited is not None:
                return inherited(name)
            raise AttributeError(f"module {package!r} has no attribute {name!r}")

        namespace["__getattr__"] = load


class _PendingModule:
    def __init__(self, module_name: str) -> None:
        self._module_name = module_name

    def __getattr__(self, name: str) -> "_PendingName":
        return _PendingName(self._module_name, name)


class _PendingName:
    def __init__(self, module_name: str, name: str) -> None:
        self._module_name = module_name
        self._name = name

    def load(self) -> object:
        return getattr(import_module(self._module_name), self._name)
