"""Whether the bundle holds what no analysis sees: what is found by listing a folder, or by a name in a text.

The checks ask the environment that they run in, which is the one that was frozen.
"""

from collections.abc import Iterable
from importlib.metadata import distribution
from pathlib import Path
from typing import Final

from release_tools.distributions import metadata_files, module_name, own_files, own_modules, runtime_distributions
from release_tools.freeze.namespace_packages import namespace_modules, without_excluded
from release_tools.lockfile import read_lock_file
from release_tools.verification.check import CheckSkippedError, VerificationContext, refuse
from release_tools.verification.suite.coverage import BundleContents, read_contents

NAMESPACES: Final = "namespace packages"
OWN_FILES: Final = "own files"

_HINT: Final = (
    "a module that cannot be compiled is left out without a word, so import it from source first; what must stay out "
    "goes into exclude-modules of [tool.release-tools]"
)


def check_namespace_packages(context: VerificationContext) -> str:
    """Every module of the namespace packages of the locked distributions is bundled: plugins are found by listing."""
    runtime = runtime_distributions(read_lock_file(context.settings.lock_path))
    modules = without_excluded(namespace_modules(runtime), context.settings.exclude_modules)
    if not modules:
        raise CheckSkippedError("no locked distribution has a namespace package")
    bundled = _importable(read_contents(context.executable))
    refuse(
        context,
        NAMESPACES,
        (module for module in modules if module not in bundled),
        what="modules of namespace packages that the binary lacks",
        hint=_HINT,
    )
    return f"{len(modules)} modules in {', '.join(sorted({module.partition('.')[0] for module in modules}))}"


def check_own_files(context: VerificationContext) -> str:
    """Every file of the project's own wheel and of whole distributions, and the metadata of all that it needs."""
    settings = context.settings
    contents = read_contents(context.executable)
    runtime = (*runtime_distributions(read_lock_file(settings.lock_path)), distribution(settings.project_name))
    whole = settings.bundled_whole
    modules = without_excluded([name for one in whole for name in own_modules(one)], settings.exclude_modules)
    files = [path for one in whole for path in own_files(one) if _is_wanted(path, settings.exclude_modules)]
    metadata = [f"{folder}/{Path(source).name}" for source, folder in metadata_files(runtime)]
    missing = {
        *(f"module {module}" for module in modules if module not in contents.modules),
        *(f"file {path}" for path in (*files, *metadata) if path not in contents.files),
    }
    refuse(context, OWN_FILES, missing, what="modules and files of the project that the binary lacks", hint=_HINT)
    return f"{len(modules)} modules, {len(files)} files, metadata of {len(runtime)} distributions"


def _importable(contents: BundleContents) -> set[str]:
    extensions = (module_name(path) for path in contents.files if not path.endswith(".py"))
    return {*contents.modules, *(name for name in extensions if name)}


def _is_wanted(path: str, excluded: Iterable[str]) -> bool:
    name = module_name(path)
    return name is None or bool(without_excluded([name], excluded))
