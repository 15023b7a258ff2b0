"""Generates THIRD_PARTY_LICENSES: the licenses of everything in the binary except the app."""

import platform
import sys
from collections.abc import Sequence
from pathlib import Path

from release_tools.distributions import InstalledDistribution

_RULE = "=" * 80
_LICENSE_NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "AUTHORS")


def third_party_licenses(
    dependencies: Sequence[InstalledDistribution],
    pyinstaller: InstalledDistribution,
    zstandard: InstalledDistribution | None,
) -> str:
    """A section with the full license text of each part: Python, what unpacks the program, and the dependencies.

    `zstandard` decompresses the program; from 3.14 on, that's part of Python.
    """
    sections = [
        _section(f"Python {platform.python_version()}", python_license()),
        _section(f"PyInstaller {pyinstaller.version} (its bootloader starts the program)", _all_texts(pyinstaller)),
        *([_section(f"{zstandard.label} (decompresses the program)", _all_texts(zstandard))] if zstandard else []),
        *(_section(installed.label, _all_texts(installed)) for installed in dependencies),
    ]
    return "This program contains the following software, each under its own license.\n\n" + "\n".join(sections)


def license_texts(installed: InstalledDistribution) -> tuple[tuple[str, str], ...]:
    """A distribution's license files as pairs of name and text, sorted by name."""
    folder = installed.metadata_folder
    found = sorted(
        path
        for path in folder.rglob("*")
        if path.is_file() and (path.parent.name == "licenses" or path.name.upper().startswith(_LICENSE_NAMES))
    )
    return tuple(
        (path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8", errors="replace")) for path in found
    )


def python_license() -> str:
    """The license text of the running Python."""
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    for folder in (Path(sys.base_prefix, "lib", f"python{version}"), Path(sys.base_prefix)):
        for name in ("LICENSE.txt", "LICENSE"):
            if (folder / name).is_file():
                return (folder / name).read_text(encoding="utf-8")
    return f"PSF-2.0: https://docs.python.org/{version}/license.html\n"


def _all_texts(installed: InstalledDistribution) -> str:
    texts = license_texts(installed)
    if not texts:
        return f"License: {_stated_license(installed)} (the distribution has no license file)\n"
    return "\n".join(text.rstrip() + "\n" for _, text in texts)


def _stated_license(installed: InstalledDistribution) -> str:
    metadata = installed.found.metadata
    stated = metadata.get("License-Expression") or metadata.get("License")
    if stated:
        return str(stated)
    classifiers = metadata.get_all("Classifier") or []
    named = [entry.rsplit(" :: ", 1)[-1] for entry in classifiers if entry.startswith("License ::")]
    return ", ".join(named) or "not stated"


def _section(title: str, text: str) -> str:
    return f"{_RULE}\n{title}\n{_RULE}\n\n{text.rstrip()}\n"
