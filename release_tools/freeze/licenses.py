"""The text of THIRD_PARTY_LICENSES: what is inside the binary besides the app, and on which terms."""

from collections.abc import Sequence
from importlib.metadata import Distribution

from release_tools.distributions import license_texts, python_license

_RULE = "=" * 80


def third_party_licenses(distributions: Sequence[Distribution], python_version: str, pyinstaller: Distribution) -> str:
    """One section for Python, PyInstaller's bootloader and each distribution, in that order, license texts in full."""
    sections = [
        _section(f"Python {python_version}", python_license()),
        _section(f"PyInstaller {pyinstaller.version} (its bootloader starts the program)", _all_texts(pyinstaller)),
    ]
    sections += [
        _section(f"{installed.name} {installed.version}", _all_texts(installed)) for installed in distributions
    ]
    return "This program contains the following software, each under its own license.\n\n" + "\n".join(sections)


def _all_texts(installed: Distribution) -> str:
    texts = license_texts(installed)
    if not texts:
        return f"License: {_stated_license(installed)} (the distribution carries no license file)\n"
    return "\n".join(text.rstrip() + "\n" for _, text in texts)


def _stated_license(installed: Distribution) -> str:
    metadata = installed.metadata
    stated = metadata.get("License-Expression") or metadata.get("License")
    if stated:
        return str(stated)
    classifiers = metadata.get_all("Classifier") or []
    named = [entry.rsplit(" :: ", 1)[-1] for entry in classifiers if entry.startswith("License ::")]
    return ", ".join(named) or "not stated"


def _section(title: str, text: str) -> str:
    return f"{_RULE}\n{title}\n{_RULE}\n\n{text.rstrip()}\n"
