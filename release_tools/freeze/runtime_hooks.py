"""What runs in the frozen program before the app: PyInstaller's runtime hooks, made from `hooks/`.

Called by the freeze, which hands the files that this writes to PyInstaller. Every start of the program pays for them:
they take a few milliseconds together.
"""

import ssl
import textwrap
from pathlib import Path
from typing import Final

HOOKS: Final = Path(__file__).with_name("hooks")

# In the order in which they run.
_NAMES: Final = ("parent_watch", "authorities", "time_zones", "child_environment")
_PLACEHOLDER: Final = "COMPILED_IN: tuple[str, ...] = ()\n"


def write_runtime_hooks(folder: Path, compiled_in: tuple[str, ...] | None = None) -> tuple[str, ...]:
    """Write the hooks into `folder`; returns their paths in the order in which they run.

    `compiled_in` is where OpenSSL looks for certificate authorities, by default what is compiled into this Python's.
    """
    places = default_authorities() if compiled_in is None else compiled_in
    folder.mkdir(parents=True, exist_ok=True)
    hooks = []
    for name in _NAMES:
        source = (HOOKS / f"{name}.py").read_text(encoding="utf-8")
        hook = folder / f"{name}.py"
        hook.write_text(
            _in_own_namespace(source.replace(_PLACEHOLDER, f"COMPILED_IN = {places!r}\n")), encoding="utf-8"
        )
        hooks.append(str(hook))
    return tuple(hooks)


def default_authorities() -> tuple[str, ...]:
    """The file and the folder of authorities that are compiled into the OpenSSL of this Python, which is bundled."""
    paths = ssl.get_default_verify_paths()
    return (paths.openssl_cafile, paths.openssl_capath)


def _in_own_namespace(source: str) -> str:
    # PyInstaller runs hooks as part of `__main__`, where the app would see every name of theirs.
    return f"def _hook():\n{textwrap.indent(source, '    ')}\n\n_hook()\ndel _hook\n"
