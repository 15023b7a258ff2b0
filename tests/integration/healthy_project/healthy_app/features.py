"""The features. Each returns a text that's the same from source and frozen.

The tests start the app a hundred times, so a feature imports what only it needs.
"""

import importlib
import importlib.resources
import locale
import os
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Final

from healthy_app.workers import square

NAMESPACES: Final = ("healthy_plugins", "zope")


def plugins() -> str:
    """Import the plugins of two namespace packages, found with pkgutil."""
    import pkgutil

    found = []
    for name in NAMESPACES:
        namespace = importlib.import_module(name)
        found += [
            importlib.import_module(f"{name}.{module.name}").__name__
            for module in pkgutil.iter_modules(namespace.__path__)
        ]
    return ", ".join(sorted(found))


def entry_points_loaded() -> str:
    """Load entry points whose modules nothing else imports."""
    loaded = {point.name: point.load() for point in entry_points(group="healthy.greetings")}
    return f"{', '.join(sorted(loaded))}: {loaded['formal']('you')}"


def data() -> str:
    """Read a data file with a library that has an extension module."""
    import yaml

    text = importlib.resources.files("healthy_app.texts").joinpath("greeting.yaml").read_text(encoding="utf-8")
    return str(getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text).get_single_data()["greeting"])


def metadata() -> str:
    """Read the versions of dependencies by names built at run time."""
    names = ["-".join(["zope", "event"]), "".join(["platform", "dirs"])]
    return ", ".join(name for name in names if version(name))


def workers() -> str:
    """Run code in worker processes that are spawned, not forked."""
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(2) as pool:
        return str(pool.map(square, range(5)))


def children() -> str:
    """Start a child process and look for variables of the bundle in its environment."""
    import asyncio

    async def environment_of_child() -> str:
        command = ["cmd", "/c", "set"] if os.name == "nt" else ["/usr/bin/env"]
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        output, _ = await process.communicate()
        return output.decode(errors="replace")

    lines = asyncio.run(environment_of_child()).splitlines()
    leaked = [line for line in lines if line.startswith(("_PYI_", "LD_LIBRARY_PATH=")) or "_MEI" in line]
    if leaked:
        sys.exit(f"a child process gets {leaked}")
    return "children get the original environment"


def zones() -> str:
    """Use a time zone from the bundled data."""
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    return datetime(2026, 7, 1, 12, tzinfo=UTC).astimezone(ZoneInfo("Europe/Berlin")).isoformat()


def tls() -> str:
    """Create a TLS context that verifies certificates."""
    import ssl

    return ssl.create_default_context().verify_mode.name


def utf8_locale() -> str:
    """Insist on a UTF-8 locale, as some command-line libraries do."""
    ask = getattr(locale, "nl_langinfo", None)
    codeset = ask(locale.CODESET) if ask else "UTF-8"
    if codeset != "UTF-8":
        sys.exit(f"the locale uses {codeset}, not UTF-8")
    return codeset


def as_python() -> str:
    """Start this program as libraries start Python, and have it start itself again."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.py"
        script.write_text("import sys; print('script', *sys.argv[1:], __name__)", encoding="utf-8")
        commands = [
            ["-c", "import sys; print('code', *sys.argv[1:])", "a"],
            ["-I", "-W", "ignore", "-m", "healthy_app.greetings", "b"],
            ["-uc", "print('unbuffered')"],
            [str(script), "c"],
            [sys.executable, "restarted"],
        ]
        return "; ".join(_output_of([sys.executable, *command]) for command in commands)


def _output_of(command: list[str]) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, encoding="utf-8", timeout=60, check=True).stdout.strip()


def restarted() -> str:
    """Do nothing."""
    return "again"


def described() -> dict[str, str]:
    """Read the source of every command."""
    import inspect

    return {name: inspect.getsource(function) for name, function in COMMANDS.items()}


COMMANDS: Final[dict[str, Callable[[], str]]] = {
    "plugins": plugins,
    "entry-points": entry_points_loaded,
    "data": data,
    "metadata": metadata,
    "workers": workers,
    "children": children,
    "zones": zones,
    "tls": tls,
    "locale": utf8_locale,
    "python": as_python,
    "restarted": restarted,
}
