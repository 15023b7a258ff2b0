"""What fills in the installers: the same bytes for the same release, and all of its digests in both."""

import hashlib
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Node, Parser

from release_tools.errors import RequestError
from release_tools.installers import scripts
from release_tools.installers.scripts import (
    POWERSHELL_SCRIPT,
    SHELL_SCRIPT,
    InstallableRelease,
    PublishedArchive,
    install_variable,
    installer_scripts,
)
from release_tools.platforms import PLATFORMS

RELEASE = InstallableRelease(
    executable="my-app",
    version="1.2.3",
    archives=tuple(
        PublishedArchive(
            platform=platform,
            name=f"my-app-v1.2.3-{platform.name}{platform.archive_suffix}",
            url=f"https://downloads.example.com/my-app/1.2.3/my-app-v1.2.3-{platform.name}{platform.archive_suffix}",
            size_bytes=40_000_000 + number,
            sha256=hashlib.sha256(platform.name.encode()).hexdigest(),
        )
        for number, platform in enumerate(PLATFORMS)
    ),
    manifest_url="https://downloads.example.com/my-app/versions.json",
    installer_folder_url="https://downloads.example.com/my-app",
    glibc_floor="2.28",
    macos_minimum=None,
)


@pytest.mark.parametrize("name", [SHELL_SCRIPT, POWERSHELL_SCRIPT])
def test_script_differs_from_its_template_only_in_facts(name: str) -> None:
    """Byte for byte: what is left after the facts are taken back is the template."""
    text = installer_scripts(RELEASE)[name]
    template = (Path(scripts.__file__).parent / name).read_text(encoding="utf-8")
    rows = [line for line in text.splitlines() if any(archive.sha256 in line for archive in RELEASE.archives)]
    assert len(rows) == len(PLATFORMS)
    for row, archive in zip(rows, RELEASE.archives, strict=True):
        assert all(fact in row for fact in (archive.platform.name, archive.url, str(archive.size_bytes)))
    expected = (
        template.replace("__APP__", "my-app")
        .replace("__VERSION__", "1.2.3")
        .replace("__MANIFEST_URL__", RELEASE.manifest_url)
        .replace("__INSTALLER_URL__", f"{RELEASE.installer_folder_url}/{name}")
        .replace("__INSTALL_VARIABLE__", "MY_APP_INSTALL")
        .replace("__GLIBC_FLOOR__", "2.28")
        .replace("__MACOS_FLOOR__", "")
    )
    expected = re.sub(r" *# __ARCHIVES__", lambda _: "\n".join(rows), expected)
    assert text == expected


def test_same_release_gives_same_bytes() -> None:
    assert installer_scripts(RELEASE) == installer_scripts(replace(RELEASE))


@pytest.mark.parametrize("name", [SHELL_SCRIPT, POWERSHELL_SCRIPT])
def test_script_is_ascii_without_placeholders(name: str) -> None:
    """Windows PowerShell reads a file without a mark in the system's code page."""
    text = installer_scripts(RELEASE)[name]
    assert text.isascii()
    assert "\r" not in text
    assert re.findall("__[A-Z_]+__", text) == []


@pytest.mark.parametrize(
    "url", ["https://example.com/it's", 'https://example.com/"', "https://example.com/$(id)", "ftp://example.com/a", ""]
)
def test_url_that_a_shell_would_interpret_is_refused(url: str) -> None:
    with pytest.raises(RequestError):
        installer_scripts(replace(RELEASE, manifest_url=url))


@pytest.mark.parametrize(
    ("executable", "name"), [("tiny", "TINY_INSTALL"), ("my-app.x", "MY_APP_X_INSTALL"), ("2to3", "_2TO3_INSTALL")]
)
def test_variable_is_named_after_the_executable(executable: str, name: str) -> None:
    assert install_variable(executable) == name


def test_neither_script_evaluates_text() -> None:
    texts = installer_scripts(RELEASE)
    assert not re.search(r"\beval\b", texts[SHELL_SCRIPT])
    assert not re.search(r"Invoke-Expression|(?<!\| )\biex\b", texts[POWERSHELL_SCRIPT])


@pytest.mark.programs
def test_shellcheck_accepts_the_script(tmp_path: Path) -> None:
    shellcheck = shutil.which("shellcheck", path=str(Path(sys.executable).parent)) or shutil.which("shellcheck")
    if shellcheck is None:
        pytest.skip("shellcheck is in the environment of `nox -s lint`")
    script = tmp_path / SHELL_SCRIPT
    script.write_text(installer_scripts(RELEASE)[SHELL_SCRIPT], encoding="utf-8")
    finished = subprocess.run([shellcheck, str(script)], capture_output=True, text=True, check=False, timeout=120)
    assert finished.stdout == ""


def syntax_errors(node: Node) -> list[str]:
    own = [f"line {node.start_point.row + 1}: {node.type}"] if node.type == "ERROR" or node.is_missing else []
    return own + [error for child in node.children for error in syntax_errors(child)]


def parsed_powershell(text: str) -> Node:
    return Parser(Language(tree_sitter_powershell.language())).parse(text.encode()).root_node


def test_powershell_script_has_no_syntax_error() -> None:
    text = installer_scripts(RELEASE)[POWERSHELL_SCRIPT]
    assert syntax_errors(parsed_powershell(text)) == []
    assert syntax_errors(parsed_powershell(text.replace("{", "", 1))) != []


def test_powershell_script_acts_on_its_last_line_only() -> None:
    """Before it come only parameters and one function, so half of a download does nothing."""
    text = installer_scripts(RELEASE)[POWERSHELL_SCRIPT]
    (_, *statements) = [node.type for node in parsed_powershell(text).children if node.type != "comment"]
    lines = text.rstrip().splitlines()
    assert lines[-1] == "Install-Program $Version $Uninstall.IsPresent"
    assert statements == ["statement_list"]
    body = "\n".join(lines[:-1])
    outside = re.sub(r"(?ms)^function Install-Program.*?^}$|^<#.*?^#>$|^param\(.*?^\)$|^#.*?$", "", body)
    assert outside.strip() == ""
