"""Puts the package `runtime/` into the bundle, with the run-time hooks that call it before the app starts."""

import shutil
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

RUNTIME: Final = Path(__file__).with_name("runtime")

# The package's name in the bundle, chosen so that no app's module clashes with it.
PACKAGE: Final = "_release_tools_runtime"

# Cleans up like PyInstaller's own hooks: they run in `__main__`, and the app would see any name they leave.
_HOOK: Final = f"""\
def _pyi_rthook():
    import {PACKAGE}

    {PACKAGE}.{{function}}()


_pyi_rthook()
del _pyi_rthook
"""

# Runs before anything else, even what makes imports work. Python sets its own handler only for an interrupt that the
# caller doesn't ignore. On Windows, an interrupt ends the bootloader too.
_FIRST_SCRIPT: Final = """\
import _signal

if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
    _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
del _signal
"""


@dataclass(frozen=True, kw_only=True)
class RuntimeHook:
    """The scripts that run before and after all other hooks, and the folder where the analysis finds the package.

    `first_script` runs even before PyInstaller's own.
    """

    first_script: Path
    script: Path
    last_script: Path
    search_path: Path


def write_runtime_hook(
    folder: Path, authorities: tuple[str, ...] | None = None, *, source_packages: tuple[str, ...] = ()
) -> RuntimeHook:
    """Copy the package into `folder`, with the facts of this build, and write the hooks beside it.

    `authorities` is where OpenSSL looks for certificate authorities, by default what this Python's was compiled for.
    `source_packages` are the top-level packages that are bundled with their source.
    """
    package = folder / PACKAGE
    # Only what is in the files, not their modes and times.
    shutil.copytree(RUNTIME, package, ignore=shutil.ignore_patterns("__pycache__"), copy_function=shutil.copyfile)
    facts = {
        "OPENSSL_AUTHORITIES": default_authorities() if authorities is None else authorities,
        "SOURCE_PACKAGES": source_packages,
    }
    text = "".join(f"{name} = {value!r}\n" for name, value in facts.items())
    (package / "build_facts.py").write_text(text, encoding="utf-8")
    script, last_script = folder / "pyi_rth_release_tools.py", folder / "pyi_rth_release_tools_last.py"
    first_script = folder / "pyi_release_tools_first.py"
    first_script.write_text(_FIRST_SCRIPT, encoding="utf-8")
    script.write_text(_HOOK.format(function="install"), encoding="utf-8")
    last_script.write_text(_HOOK.format(function="finish"), encoding="utf-8")
    return RuntimeHook(first_script=first_script, script=script, last_script=last_script, search_path=folder)


def default_authorities() -> tuple[str, str]:
    """The file and the folder of authorities that are compiled into the OpenSSL of this Python, which is bundled."""
    paths = ssl.get_default_verify_paths()
    return (paths.openssl_cafile, paths.openssl_capath)
