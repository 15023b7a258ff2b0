"""Runs inside the frozen program before the app: gives its child processes the environment it was started with.

The bootloader points LD_LIBRARY_PATH (or the like) at the bundle's libraries and leaves `_PYI_*` variables for its own
second process. A shell, an editor or another frozen program that inherits them breaks or dies with this program.
`os.environ` stays as it is: the workers of multiprocessing, which are this same program, need the variables.
"""


def _install() -> None:
    import os
    import subprocess
    import sys
    from collections.abc import Mapping
    from typing import Any

    library_path_variables = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "LIBPATH")
    bundle = getattr(sys, "_MEIPASS", "")
    set_by_bootloader = {
        name: os.environ[name] for name in library_path_variables if bundle and bundle in os.environ.get(name, "")
    }

    def outside_environment(environment: Mapping[Any, Any]) -> dict[str, str]:
        # Names and values may be bytes on POSIX.
        decoded = {os.fsdecode(name): os.fsdecode(value) for name, value in environment.items()}
        cleaned = {name: value for name, value in decoded.items() if not name.startswith("_PYI_")}
        for name, value in set_by_bootloader.items():
            original = cleaned.pop(f"{name}_ORIG", None)
            # A value that the app chose itself for its child is left alone.
            if cleaned.get(name) == value:
                del cleaned[name]
                if original is not None:
                    cleaned[name] = original
        return cleaned

    original_init: Any = subprocess.Popen.__init__
    env_position = 10  # in Popen's parameters after `self`; hardly anybody passes it by position, but it is allowed

    def init_with_outside_environment(self: Any, *args: Any, **kwargs: Any) -> None:
        given = args[env_position] if len(args) > env_position else kwargs.get("env")
        outside = outside_environment(os.environ if given is None else given)
        if len(args) > env_position:
            args = (*args[:env_position], outside, *args[env_position + 1 :])
        else:
            kwargs["env"] = outside
        original_init(self, *args, **kwargs)

    subprocess.Popen.__init__ = init_with_outside_environment  # type: ignore[method-assign]


_install()
del _install
