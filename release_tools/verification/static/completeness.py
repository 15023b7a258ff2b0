"""Whether the bundle holds what no analysis sees: what is found by listing a folder, or by a name in a text."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from release_tools.distributions import module_name
from release_tools.freeze.namespace_packages import namespace_modules, without_excluded
from release_tools.verification.check import CheckSkippedError, VerificationContext, refuse
from release_tools.verification.suite.coverage import BundleContents, read_contents

_HINT: Final = (
    "a module that cannot be compiled is left out without a word, so import it from source first; what must stay out "
    "goes into exclude-modules of [tool.release-tools]"
)


def check_namespace_packages(context: VerificationContext) -> str:
    """Every module of the namespace packages of the locked distributions is bundled: plugins are found by listing."""
    dependencies = context.build.installed.dependencies
    modules = without_excluded(namespace_modules(dependencies), context.settings.exclude_modules)
    if not modules:
        raise CheckSkippedError("no locked distribution has a namespace package")
    bundled = _importable(read_contents(context.executable))
    refuse(
        context,
        (module for module in modules if module not in bundled),
        what="modules of namespace packages that the binary lacks",
        hint=_HINT,
    )
    return f"{len(modules)} modules in {', '.join(sorted({module.partition('.')[0] for module in modules}))}"


def check_own_files(context: VerificationContext) -> str:
    """Every file of the project's own wheel and of whole distributions, and the metadata of all that it needs."""
    settings = context.settings
    contents = read_contents(context.executable)
    installed = context.build.installed
    whole = [installed.require(name) for name in settings.bundled_whole]
    modules = without_excluded([name for one in whole for name in one.source_modules], settings.exclude_modules)
    files = [file.path for one in whole for file in one.files if _is_wanted(file.path, settings.exclude_modules)]
    metadata = [f"{folder}/{Path(source).name}" for one in installed.bundled for source, folder in one.metadata_files]
    missing = {
        *(f"module {module}" for module in modules if module not in contents.modules),
        *(f"file {path}" for path in (*files, *metadata) if path not in contents.files),
    }
    refuse(context, missing, what="modules and files of the project that the binary lacks", hint=_HINT)
    return f"{len(modules)} modules, {len(files)} files, metadata of {len(installed.bundled)} distributions"


def _importable(contents: BundleContents) -> set[str]:
    extensions = (module_name(path) for path in contents.files if not path.endswith(".py"))
    return {*contents.modules, *(name for name in extensions if name)}


def _is_wanted(path: str, excluded: Iterable[str]) -> bool:
    name = module_name(path)
    return name is None or bool(without_excluded([name], excluded))
