"""Run the app from source under the same conditions as the binary, and compare the two.

What the source does as well isn't a fault of the freeze, so no check refuses it. A downloaded archive has no source.
"""

import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from release_tools.processes.run import Finished
from release_tools.verification.check import CheckFailedError, VerificationContext
from release_tools.verification.starts.running import bare_environment, home_variables, start_program

# Isolated from Python's variables and in UTF-8 mode, like the frozen interpreter.
_OPTIONS: Final = ("-I", "-X", "utf8", "-c")
# On one line, since a batch file may pass it on.
_START: Final = "import sys; del sys.argv[0]; from {module} import {name}; sys.exit({function}())"
# What a program sees on another file system: the same names in another order.
_IN_OTHER_ORDER: Final = """\
import os
def in_order(listing, name):
    return lambda *args: sorted(listing(*args), key=name, reverse={is_reversed})
os.listdir = in_order(os.listdir, str)
class Listing(list):
    __enter__ = lambda self: self
    __exit__ = lambda *_: None
    close = lambda self: None
ordered = in_order(os.scandir, lambda entry: str(entry.name))
os.scandir = lambda *args: Listing(ordered(*args))
"""

# The folder with the home and the working directory of the source.
_OF_SOURCE: Final = "of-source"
_BUNDLE_NAME: Final = r"_MEI[A-Za-z0-9_]{6,16}"


def source_command(context: VerificationContext, program: Path, *, order: str = "") -> list[str]:
    """The command that runs the app's entry point from source as if it were `program`.

    `order` is "sorted" or "reversed" to list folders in this order.

    Raises `CheckSkippedError` for a downloaded archive.
    """
    module, function = map(str.strip, context.settings.entry_point.split(":"))
    code = _IN_OTHER_ORDER.format(is_reversed=order == "reversed") if order else ""
    code += _START.format(module=module, function=function, name=function.partition(".")[0])
    return [str(context.build.python), *_OPTIONS, code, str(program)]


def start_from_source(
    context: VerificationContext, *args: str, extra: Mapping[str, str] | None = None
) -> Finished | None:
    """How the source ends where `start` starts the binary, with empty folders of its own; None if there's no source."""
    if context.evidence is None:
        return None
    folder = context.users_folder / _OF_SOURCE
    shutil.rmtree(folder, ignore_errors=True)
    home, cwd = folder / "home", folder / "work"
    cwd.mkdir(parents=True)
    environment = {**bare_environment(context), **home_variables(context, home), **(extra or {})}
    return try_from_source(context, [*source_command(context, context.executable), *args], environment, cwd)


def try_from_source(
    context: VerificationContext, command: Sequence[str], environment: Mapping[str, str], cwd: Path | None = None
) -> Finished | None:
    """How a command ends that runs the source, or None if it can't be started or times out."""
    try:
        return start_program(context, command, environment, cwd)
    except CheckFailedError:
        return None


def ends_alike(context: VerificationContext, frozen: Finished, source: Finished | None) -> bool:
    """Whether both have the same exit code and the same last line: the error, or the end of the output.

    Numbers may differ, as in a time or a process ID.
    """
    if source is None or frozen.code != source.code:
        return False
    last_lines = (re.sub(r"\d+", "0", neutral(context, last_line(finished))) for finished in (frozen, source))
    return len(set(last_lines)) == 1


def last_line(finished: Finished) -> str:
    """The last line that the program printed, of its errors if there are any."""
    text = finished.stderr if finished.stderr.strip() else finished.stdout
    # The bootloader adds its own line below a traceback.
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("[PYI-")]
    return lines[-1] if lines else f"exit code {finished.code}"


def neutral(context: VerificationContext, text: str) -> str:
    """The text, with the same name for the bundle as for the environment that it was frozen from."""
    prefix = context.build.python.parents[1]
    packages = (*prefix.glob("lib/python3*/site-packages"), *prefix.glob("Lib/site-packages"))
    names = {
        **dict.fromkeys(map(str, (*packages, *prefix.glob("lib/python3*"), prefix)), "<app>"),
        **dict.fromkeys(map(str, (context.executable, context.build.python)), "<program>"),
        str(context.users_folder / _OF_SOURCE): str(context.users_folder),
    }
    # The longest first: one may be in another.
    for path in sorted(names, key=len, reverse=True):
        text = text.replace(path, names[path])
    return re.sub(rf"(?:{re.escape(str(context.temporary_folder))}[/\\])?{_BUNDLE_NAME}", "<app>", text)
