"""Makes a frozen program behave as it does from source. Bundled with every app and installed before it starts.

Every start pays for this: it takes a few milliseconds, and imports nothing that isn't needed at once.
"""


def install() -> None:
    """Prepare this process; called once, by the first run-time hook."""
    from . import bootloader, compressed_modules, imports, on_demand, signals, unpacking

    bootloader.install()
    imports.install()
    # The first to ask for it is the last to be called when the program ends.
    signals.install()
    # What is imported until here needs no file of the bundle and no compressed module, and what comes after it may.
    entries = unpacking.unpack()
    compressed_modules.install()
    on_demand.install(entries)
    from . import (
        authorities,
        child_environment,
        interpreter,
        locale_coercion,
        program_name,
        site_builtins,
        text_of_children,
        time_zones,
        unpacked_folder,
    )

    unpacked_folder.install()
    program_name.install()
    interpreter.install()
    site_builtins.install()
    # Child processes get its change, unlike those that follow.
    locale_coercion.install()
    child_environment.remember()
    authorities.install()
    time_zones.install()
    child_environment.install()
    text_of_children.install()


def finish() -> None:
    """Finish after PyInstaller's run-time hooks; called once, by the last one."""
    from . import child_environment, import_hooks, worker_path

    child_environment.compare()
    import_hooks.install()
    worker_path.install()
