"""The three winget manifests of a version, for `winget validate` and a pull request to microsoft/winget-pkgs.

Their form is https://github.com/microsoft/winget-cli/tree/master/schemas/JSON/manifests.
"""

import re
from collections.abc import Mapping
from typing import Final

import yaml

from release_tools.errors import Problem, RequestError
from release_tools.packages.facts import PackageFacts, one_line
from release_tools.platforms import find_platform

# The newest format that Windows 10 and 11 with any supported winget read.
_FORMAT: Final = "1.10.0"
_LOCALE: Final = "en-US"

# The lengths that the schemas allow.
_LENGTHS: Final[Mapping[str, tuple[int, int]]] = {
    "PackageName": (2, 256),
    "Publisher": (2, 256),
    "License": (3, 512),
    "ShortDescription": (3, 256),
}
_LONGEST_ALIAS: Final = 40
_LONGEST_PART: Final = 32


def winget_manifests(facts: PackageFacts) -> dict[str, str]:
    """The manifests by file name.

    Raises `RequestError` for a name, license or description that winget doesn't accept.
    """
    identifier = f"{_identifier_part(facts.owner)}.{_identifier_part(facts.executable)}"
    archive = facts.archive_for(find_platform("windows-amd64"))
    package: dict[str, object] = {"PackageIdentifier": identifier, "PackageVersion": facts.version}
    # Without an alias, the command has the name of the file.
    is_short = len(facts.executable) <= _LONGEST_ALIAS
    alias = {"PortableCommandAlias": facts.executable} if is_short else {}
    installer: dict[str, object] = {
        "InstallerType": "zip",
        "NestedInstallerType": "portable",
        "NestedInstallerFiles": [{"RelativeFilePath": f"{facts.executable}.exe", **alias}],
        "Installers": [
            {
                "Architecture": "x64",
                "InstallerUrl": archive.url,
                "InstallerSha256": archive.sha256.upper(),
            }
        ],
    }
    locale: dict[str, object] = {
        "PackageLocale": _LOCALE,
        "Publisher": facts.publisher,
        "PackageName": facts.executable,
        "PackageUrl": facts.homepage,
        "License": facts.license,
        "ShortDescription": one_line(facts.description, _LENGTHS["ShortDescription"][1]),
    }
    if is_short:
        locale["Moniker"] = facts.executable
    _refuse_wrong_lengths(locale)
    return {
        f"{identifier}.yaml": _yaml("version", {**package, "DefaultLocale": _LOCALE}),
        f"{identifier}.installer.yaml": _yaml("installer", {**package, **installer}),
        f"{identifier}.locale.{_LOCALE}.yaml": _yaml("defaultLocale", {**package, **locale}),
    }


def _refuse_wrong_lengths(locale: Mapping[str, object]) -> None:
    problems = [
        Problem(
            what=f"winget's {key} has {shortest} to {longest} characters, and is {locale[key]!r}",
            hint="change it in [project] in pyproject.toml, or write the other packages with --only",
        )
        for key, (shortest, longest) in _LENGTHS.items()
        if not shortest <= len(str(locale[key])) <= longest
    ]
    if problems:
        raise RequestError("write the winget manifests", problems)


def _identifier_part(text: str) -> str:
    """The text as a part of a package identifier, which has no dots and no spaces."""
    return re.sub(r"[^A-Za-z0-9_+-]", "", text)[:_LONGEST_PART]


def _yaml(kind: str, content: Mapping[str, object]) -> str:
    schema = f"https://aka.ms/winget-manifest.{kind.lower()}.{_FORMAT}.schema.json"
    ending = {"ManifestType": kind, "ManifestVersion": _FORMAT}
    # A long line is folded otherwise.
    text = yaml.safe_dump({**content, **ending}, sort_keys=False, allow_unicode=True, width=10_000)
    return f"# yaml-language-server: $schema={schema}\n\n{text}"
