"""The unusual places, one row each: how it is made, and on which systems it exists."""

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
from release_tools.verification.starts.running import bare_environment, start_program, temporary_folder_variables
from release_tools.verification.wine import wine_version

UNUSUAL_NAME: Final = "Größe und 中文"
NON_ASCII_TEXT: Final = "é ✓ 中"
LATIN_1: Final = "en_US.ISO-8859-1"
MACOS_LATIN_1: Final = "en_US.ISO8859-1"
ZONE_FOLDERS: Final = ("/usr/share/zoneinfo", "/usr/lib/zoneinfo", "/usr/share/lib/zoneinfo", "/etc/zoneinfo")

# What a Python that listens to its environment dies of.
PYTHON_NONSENSE: Final[Mapping[str, str]] = {
    "PYTHONHOME": "/nonexistent",
    "PYTHONHASHSEED": "nonsense",
    "PYTHONIOENCODING": "nonsense",
    "PYTHONMALLOC": "nonsense",
    "PYTHONUTF8": "nonsense",
}

_NO_CODE_PAGE: Final = 125
# By its full name, as nothing is on the PATH. The console is the build's own too, so the code page is given back.
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
    """How the program is started there; `through` is what the command line begins with.

    Where it `is_silent` its output is not seen. Where no program can work, its message must hold one of `told`.
    `probe_script` prints `NON_ASCII_TEXT`, for places that could spoil it.
    """

    executable: Path
    environment: Mapping[str, str]
    cwd: Path | None = None
    through: tuple[str, ...] = ()
    is_silent: bool = False
    told: tuple[str, ...] = ()
    probe_script: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Row:
    """A named place. `arrange` gets an empty folder, and raises `CheckSkippedError` where it cannot be had."""

    name: str
    arrange: Callable[[VerificationContext, Path], Place]
    systems: tuple[OperatingSystem, ...] = EVERYWHERE


def no_home(context: VerificationContext, _: Path) -> Place:
    return _place(context)


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
    """Nonsense in Python's own variables, and modules on PYTHONPATH that end the program."""
    for name in ("sitecustomize", "encodings", "importlib", "json", "os"):
        (folder / f"{name}.py").write_text(f"raise SystemExit('{name} came from PYTHONPATH')\n", encoding="utf-8")
    return _place(context, {**PYTHON_NONSENSE, "PYTHONPATH": str(folder), "PYTHONSTARTUP": str(folder / "os.py")})


def read_only_home(context: VerificationContext, folder: Path) -> Place:
    return replace(_place(context, {"HOME": str(folder)}), through=_made_read_only(context, folder))


def read_only_working_folder(context: VerificationContext, folder: Path) -> Place:
    return replace(_place(context), cwd=folder, through=_made_read_only(context, folder))


def read_only_program_folder(context: VerificationContext, folder: Path) -> Place:
    """Where administrators install programs, and what images of containers are."""
    executable = folder / context.executable.name
    try:
        require_mounts(context, folder)
    except CheckSkippedError as skipped:
        if os.geteuid() == 0:
            raise CheckSkippedError(f"the superuser may write anywhere, and {skipped}") from None
        _link_or_copy(context.executable, executable)
        folder.chmod(0o555)
        return replace(_place(context), executable=executable)
    return replace(_place(context), executable=executable, through=copied_read_only(context.executable, folder))


def symbolic_link(context: VerificationContext, folder: Path) -> Place:
    """What package managers put on the PATH."""
    link = folder / context.executable.name
    link.symlink_to(context.executable)
    return replace(_place(context), executable=link)


def found_on_the_path(context: VerificationContext, folder: Path) -> Place:
    """As people start programs: the shell finds it, and the program does not hear where."""
    place = _place(context, {"PATH": str(context.executable.parent)})
    is_windows = context.platform.os == "windows"
    shell = (os.environ.get("COMSPEC", "cmd.exe"), "/d", "/c") if is_windows else ("/bin/sh", "-c", 'exec "$@"', "sh")
    return replace(place, executable=Path(context.executable.name), cwd=folder, through=shell)


def latin_1_locale(context: VerificationContext, folder: Path) -> Place:
    """A locale that cannot say everything. Hardly any Linux has one, so it is made; C where it cannot be made."""
    if context.platform.os == "darwin":
        return replace(_place(context, {"LC_ALL": MACOS_LATIN_1}), probe_script=_probe_script(folder))
    command = ["localedef", "--inputfile=en_US", "--charmap=ISO-8859-1", str(folder / LATIN_1)]
    try:
        capture(command, cwd=folder)
        variables = {"LC_ALL": LATIN_1, "LOCPATH": str(folder)}
    except (CommandFailedError, MissingToolError):
        variables = {"LC_ALL": "C"}
    return replace(_place(context, variables), probe_script=_probe_script(folder))


def other_code_page(context: VerificationContext, folder: Path) -> Place:
    """The code page of consoles in the United States, which has no Chinese."""
    batch = folder / "start.cmd"
    _write_batch(batch, f"@{_CHCP}\n")
    # "Active code page: 850" in the language of the system; letters that are no UTF-8 are numbers too, before that one.
    numbers = re.findall("[0-9]+", _start_batch(context, batch).stdout)
    _write_batch(batch, _WITH_CODE_PAGE.format(before=numbers[-1] if numbers else ""))
    if not numbers or _start_batch(context, batch, "rem").code == _NO_CODE_PAGE:
        wine = wine_version()
        raise CheckSkippedError(f"chcp refuses it in {f'the console of Wine {wine}' if wine else 'this console'}")
    return replace(_place(context), through=(str(batch),), probe_script=_probe_script(folder))


def closed_output(context: VerificationContext, _: Path) -> Place:
    return replace(_place(context), through=("/bin/sh", "-c", 'exec "$@" >&-', "sh"), is_silent=True)


def no_time_zones(context: VerificationContext, folder: Path) -> Place:
    require_mounts(context, folder)
    zones = [Path(name) for name in ZONE_FOLDERS if Path(name).is_dir()]
    return replace(_place(context), through=mounted("ro", zones))


def temporary_folder_without_programs(context: VerificationContext, folder: Path) -> Place:
    """Where nothing that lies in the temporary folder may be executed, or loaded as a library.

    That the message names the folder takes a bundle without libz.so.1: with one, the system's loader fails on that
    file first, before the bootloader can speak.
    """
    require_mounts(context, folder)
    place = _place(context, temporary_folder_variables(context, folder))
    return replace(place, through=mounted("noexec", [folder]), told=(str(folder),))


def full_temporary_folder(context: VerificationContext, folder: Path) -> Place:
    require_mounts(context, folder)
    place = _place(context, temporary_folder_variables(context, folder))
    return replace(place, through=mounted("size=4k", [folder]), told=("No space left", str(folder)))


ROWS: Final[tuple[Row, ...]] = (
    # The slowest to arrange comes first, the others run beside it.
    Row(name="Latin-1 locale", arrange=latin_1_locale, systems=POSIX),
    Row(name="code page 437", arrange=other_code_page, systems=("windows",)),
    Row(name="path with spaces and non-ASCII", arrange=unusual_path),
    Row(name="temporary folder with spaces and non-ASCII", arrange=unusual_temporary_folder),
    Row(name="no HOME", arrange=no_home),
    Row(name="read-only HOME", arrange=read_only_home, systems=POSIX),
    Row(name="read-only working folder", arrange=read_only_working_folder, systems=POSIX),
    Row(name="read-only program folder", arrange=read_only_program_folder, systems=POSIX),
    Row(name="symbolic link", arrange=symbolic_link, systems=POSIX),
    Row(name="found on the PATH", arrange=found_on_the_path),
    Row(name="PYTHON variables", arrange=python_variables),
    Row(name="no time zones", arrange=no_time_zones, systems=("linux",)),
    Row(name="closed output", arrange=closed_output, systems=POSIX),
    Row(name="temporary folder noexec", arrange=temporary_folder_without_programs, systems=("linux",)),
    Row(name="temporary folder full", arrange=full_temporary_folder, systems=("linux",)),
)


def _place(context: VerificationContext, changes: Mapping[str, str] | None = None) -> Place:
    return Place(executable=context.executable, environment={**bare_environment(context), **(changes or {})})


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        target.hardlink_to(source)
    except OSError:
        # Not every file system has hard links.
        shutil.copy(source, target)


def _made_read_only(context: VerificationContext, folder: Path) -> tuple[str, ...]:
    """By a read-only mount, which binds the superuser too; else by its mode."""
    try:
        require_mounts(context, folder)
    except CheckSkippedError as skipped:
        if os.geteuid() == 0:
            raise CheckSkippedError(f"the superuser may write anywhere, and {skipped}") from None
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
