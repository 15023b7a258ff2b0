"""The unusual places in which a program is started, one row each: how it's set up, and on which systems."""

import os
import re
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from release_tools.errors import CommandFailedError, MissingToolError
from release_tools.platforms import OperatingSystem
from release_tools.processes.run import Finished, capture
from release_tools.verification.check import CheckSkippedError, VerificationContext
from release_tools.verification.starts.mounts import copied_read_only, mounted, require_mounts
from release_tools.verification.starts.running import (
    bare_environment,
    home_variable_names,
    home_variables,
    start_program,
    temporary_folder_variables,
)
from release_tools.verification.wine import wine_version

UNUSUAL_NAME: Final = "Größe und 中文"
NON_ASCII_TEXT: Final = "é ✓ 中"
LATIN_1: Final = "en_US.ISO-8859-1"
MACOS_LATIN_1: Final = "en_US.ISO8859-1"
ZONE_FOLDERS: Final = ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo")

# Any of these stops a Python that reads its environment.
PYTHON_NONSENSE: Final[Mapping[str, str]] = {
    "PYTHONHOME": "/nonexistent",
    "PYTHONHASHSEED": "nonsense",
    "PYTHONIOENCODING": "nonsense",
    "PYTHONMALLOC": "nonsense",
    "PYTHONUTF8": "nonsense",
}

# Only the encoding matters, and real languages take half a second to compile. The locale POSIX has six categories.
_LOCALE: Final = "comment_char %\nescape_char /\n" + "".join(
    f'{category}\ncopy "{source}"\nEND {category}\n'
    for source, names in {
        "POSIX": ("CTYPE", "COLLATE", "MONETARY", "NUMERIC", "TIME", "MESSAGES"),
        "i18n": ("PAPER", "NAME", "ADDRESS", "TELEPHONE", "MEASUREMENT", "IDENTIFICATION"),
    }.items()
    for category in (f"LC_{name}" for name in names)
)
_NO_CODE_PAGE: Final = 125
# By its full path, because the PATH is empty. The build shares the console, so restore its code page.
_CHCP: Final = r"%SystemRoot%\System32\chcp.com"
_WITH_CODE_PAGE: Final = f"""\
@echo off
{_CHCP} 437 >nul || exit /b {_NO_CODE_PAGE}
%*
set code=%errorlevel%
{_CHCP} {{before}} >nul
exit /b %code%
"""

POSIX: Final[tuple[OperatingSystem, ...]] = ("linux", "darwin")
EVERYWHERE: Final[tuple[OperatingSystem, ...]] = (*POSIX, "windows")


@dataclass(frozen=True, kw_only=True)
class Place:
    """How to start the program there.

    `prefix` precedes its command line. Output can't be seen where `is_silent`. Where no program can work, its error
    message must include one of `expected_message`. `probe_script` prints `NON_ASCII_TEXT`, which the place may garble.
    """

    executable: Path
    environment: Mapping[str, str]
    cwd: Path | None = None
    prefix: tuple[str, ...] = ()
    is_silent: bool = False
    expected_message: tuple[str, ...] = ()
    probe_script: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A named place. `set_up` gets an empty folder, and raises `CheckSkippedError` where that's impossible."""

    name: str
    set_up: Callable[[VerificationContext, Path], Place]
    systems: tuple[OperatingSystem, ...] = EVERYWHERE


def no_home(context: VerificationContext, _: Path) -> Place:
    place = _place(context)
    names = home_variable_names(context.platform)
    return replace(place, environment={name: it for name, it in place.environment.items() if name not in names})


def unusual_path(context: VerificationContext, folder: Path) -> Place:
    executable = folder / UNUSUAL_NAME / context.executable.name
    executable.parent.mkdir()
    _link_or_copy(context.executable, executable)
    return replace(_place(context), executable=executable)


def unusual_temporary_folder(context: VerificationContext, folder: Path) -> Place:
    temporary = folder / UNUSUAL_NAME
    temporary.mkdir()
    return _place(context, temporary_folder_variables(context, temporary))


def python_variables(context: VerificationContext, folder: Path) -> Place:
    """Invalid values in Python's own variables, and modules on PYTHONPATH that exit."""
    for name in ("sitecustomize", "encodings", "importlib", "json", "os"):
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name} came from PYTHONPATH')\n", encoding="utf-8")
    return _place(context, {**PYTHON_NONSENSE, "PYTHONPATH": str(folder), "PYTHONSTARTUP": str(folder / "os.py")})


def read_only_home(context: VerificationContext, folder: Path) -> Place:
    return replace(_place(context, home_variables(context, folder)), prefix=_made_read_only(context, folder))


def read_only_working_folder(context: VerificationContext, folder: Path) -> Place:
    return replace(_place(context), cwd=folder, prefix=_made_read_only(context, folder))


def read_only_program_folder(context: VerificationContext, folder: Path) -> Place:
    """As in `/usr/local/bin` or a container image."""
    executable = folder / context.executable.name
    _link_or_copy(context.executable, executable)
    # A mount hides what the folder holds.
    prefix = _made_read_only(context, folder) and copied_read_only(context.executable, folder)
    return replace(_place(context), executable=executable, prefix=prefix)


def symbolic_link(context: VerificationContext, folder: Path) -> Place:
    """As package managers put programs on the PATH."""
    link = folder / context.executable.name
    link.symlink_to(context.executable)
    return replace(_place(context), executable=link)


def found_on_the_path(context: VerificationContext, folder: Path) -> Place:
    """Started by name through a shell, so that `argv[0]` isn't a path."""
    place = _place(context, {"PATH": str(context.executable.parent)})
    is_windows = context.platform.os == "windows"
    shell = (os.environ.get("COMSPEC", "cmd.exe"), "/d", "/c") if is_windows else ("/bin/sh", "-c", 'exec "$@"', "sh")
    return replace(place, executable=Path(context.executable.name), cwd=folder, prefix=shell)


def latin_1_locale(context: VerificationContext, folder: Path) -> Place:
    """A locale that can't encode everything. Few Linux systems include one, so generate it, or fall back to C."""
    if context.platform.os == "darwin":
        return replace(_place(context, {"LC_ALL": MACOS_LATIN_1}), probe_script=_probe_script(folder))
    source = folder / "source"
    source.write_text(_LOCALE, encoding="ascii")
    command = ["localedef", f"--inputfile={source}", "--charmap=ISO-8859-1", str(folder / LATIN_1)]
    try:
        capture(command, cwd=folder)
        variables = {"LC_ALL": LATIN_1, "LOCPATH": str(folder)}
    except (CommandFailedError, MissingToolError):
        variables = {"LC_ALL": "C"}
    return replace(_place(context, variables), probe_script=_probe_script(folder))


def other_code_page(context: VerificationContext, folder: Path) -> Place:
    """The code page of US consoles, which can't encode Chinese."""
    batch = folder / "start.cmd"
    _write_batch(batch, f"@{_CHCP}\n")
    # "Active code page: 850", localized. Bytes that aren't UTF-8 show up as numbers as well, but ahead of it.
    numbers = re.findall("[0-9]+", _start_batch(context, batch).stdout)
    _write_batch(batch, _WITH_CODE_PAGE.format(before=numbers[-1] if numbers else ""))
    if not numbers or _start_batch(context, batch, "rem").code == _NO_CODE_PAGE:
        wine = wine_version()
        raise CheckSkippedError(f"chcp fails in {f'the console of Wine {wine}' if wine else 'this console'}")
    return replace(_place(context), prefix=(str(batch),), probe_script=_probe_script(folder))


def closed_output(context: VerificationContext, _: Path) -> Place:
    return replace(_place(context), prefix=("/bin/sh", "-c", 'exec "$@" >&-', "sh"), is_silent=True)


def no_time_zones(context: VerificationContext, folder: Path) -> Place:
    require_mounts(context, folder)
    zones = [Path(name) for name in ZONE_FOLDERS if Path(name).is_dir()]
    return replace(_place(context), prefix=mounted("ro", zones))


def noexec_temporary_folder(context: VerificationContext, folder: Path) -> Place:
    """Where the unpacked libraries can't be loaded.

    The bootloader's message names the folder only if the bundle has no libz.so.1: the system's loader would fail on
    that file first.
    """
    require_mounts(context, folder)
    place = _place(context, temporary_folder_variables(context, folder))
    return replace(place, prefix=mounted("noexec", [folder]), expected_message=(str(folder),))


def full_temporary_folder(context: VerificationContext, folder: Path) -> Place:
    require_mounts(context, folder)
    place = _place(context, temporary_folder_variables(context, folder))
    return replace(place, prefix=mounted("size=4k", [folder]), expected_message=("No space left", str(folder)))


ROWS: Final[tuple[Row, ...]] = (
    # A quick build tries the first ones.
    Row(name="Latin-1 locale", set_up=latin_1_locale, systems=POSIX),
    Row(name="code page 437", set_up=other_code_page, systems=("windows",)),
    Row(name="path with spaces and non-ASCII", set_up=unusual_path),
    Row(name="temporary folder with spaces and non-ASCII", set_up=unusual_temporary_folder),
    Row(name="no HOME", set_up=no_home),
    Row(name="read-only HOME", set_up=read_only_home, systems=POSIX),
    Row(name="read-only working folder", set_up=read_only_working_folder, systems=POSIX),
    Row(name="read-only program folder", set_up=read_only_program_folder, systems=POSIX),
    Row(name="symbolic link", set_up=symbolic_link, systems=POSIX),
    Row(name="found on the PATH", set_up=found_on_the_path),
    Row(name="PYTHON variables", set_up=python_variables),
    Row(name="no time zones", set_up=no_time_zones, systems=("linux",)),
    Row(name="closed output", set_up=closed_output, systems=POSIX),
    Row(name="temporary folder noexec", set_up=noexec_temporary_folder, systems=("linux",)),
    Row(name="temporary folder full", set_up=full_temporary_folder, systems=("linux",)),
)


def _place(context: VerificationContext, changes: Mapping[str, str] | None = None) -> Place:
    return Place(executable=context.executable, environment={**bare_environment(context), **(changes or {})})


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        # Some file systems have no hard links.
        shutil.copy(source, target)


def _made_read_only(context: VerificationContext, folder: Path) -> tuple[str, ...]:
    """The prefix for a read-only mount, which affects root too; "()" after changing the folder's mode instead."""
    try:
        require_mounts(context, folder)
    except CheckSkippedError as skipped:
        if os.geteuid() == 0:
            raise CheckSkippedError(f"root can write anywhere, and {skipped}") from None
        folder.chmod(0o555)
        return ()
    return mounted("ro", [folder])


def _write_batch(path: Path, text: str) -> None:
    path.write_text(text, encoding="ascii", newline="\r\n")


def _start_batch(context: VerificationContext, path: Path, *args: str) -> Finished:
    return start_program(context, [str(path), *args], bare_environment(context))


def _probe_script(folder: Path) -> Path:
    script = folder / "print_text.py"
    script.write_text(f"print({NON_ASCII_TEXT!r})\n", encoding="utf-8")
    return script
