"""Homebrew formula, Scoop manifest and winget manifests."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from release_tools.errors import RequestError
from release_tools.packages.homebrew import homebrew_formula
from release_tools.packages.scoop import scoop_manifest
from release_tools.packages.winget import winget_manifests
from release_tools.platforms import PLATFORMS
from tests.release_tools.installers.machines import SYSTEM_PATH
from tests.release_tools.packages.sample_package import facts_of

# What the schemas of winget require of an identifier.
IDENTIFIER = re.compile(r"""[^.\s\\/:*?"<>|]{1,32}(\.[^.\s\\/:*?"<>|]{1,32}){1,7}""")

# Enough of Homebrew's language to evaluate a formula for one machine, and print what it would install.
HOMEBREW = """
class Formula
  def self.test
  end

  def self.method_missing(name, *args, &block)
    case name
    when :on_macos then yield if OS == "darwin"
    when :on_linux then yield if OS == "linux"
    when :on_arm then yield if CPU == "arm64"
    when :on_intel then yield if CPU == "amd64"
    when :depends_on then nil
    else puts "#{name} #{args[0].inspect}"
    end
  end
end
"""


def test_formula_has_archives_of_four_platforms() -> None:
    facts = facts_of()
    text = homebrew_formula(facts)
    for archive in facts.archives:
        assert (archive.sha256 in text) == (archive.platform.os != "windows")


@pytest.mark.programs
@pytest.mark.parametrize("platform", PLATFORMS[:4], ids=lambda platform: platform.name)
def test_formula_is_ruby_that_selects_the_archive(platform: object, tmp_path: Path) -> None:
    ruby = shutil.which("ruby", path=SYSTEM_PATH)
    if ruby is None:
        pytest.skip("ruby isn't installed")
    facts = facts_of(description='Says "hi" to #{ENV} and \\ more')
    row = next(archive for archive in facts.archives if archive.platform == platform)
    script = tmp_path / "formula.rb"
    constants = f'OS = "{row.platform.os}"\nCPU = "{row.platform.arch}"\n'
    script.write_text(f"{constants}{HOMEBREW}{homebrew_formula(facts)}", encoding="utf-8")
    finished = subprocess.run([ruby, str(script)], capture_output=True, text=True, check=True, timeout=60)
    lines = dict(line.split(" ", 1) for line in finished.stdout.splitlines())
    assert (lines["url"], lines["sha256"]) == (f'"{row.url}"', f'"{row.sha256}"')
    assert lines["desc"] == '"Says \\"hi\\" to \\#{ENV} and \\\\ more"'


@pytest.mark.parametrize(
    ("executable", "name"),
    [("tiny", "Tiny"), ("agent-runner", "AgentRunner"), ("my_tool.x", "MyToolX"), ("g", "G"), ("UPPER-x2", "UpperX2")],
)
def test_formula_class_follows_homebrews_rule(executable: str, name: str) -> None:
    assert homebrew_formula(facts_of(executable=executable)).startswith(f"class {name} < Formula\n")


@pytest.mark.parametrize(
    ("description", "shown"),
    [
        ("A small thing.", "Small thing"),
        ("tiny is a tool", "Tool"),
        ("The tiny tool: does it", "Tool: does it"),
        ("word " * 30, f"Word{' word' * 14}…"),
    ],
)
def test_formula_description_passes_the_audit(description: str, shown: str) -> None:
    text = homebrew_formula(facts_of(description=description))
    assert f'  desc "{shown}"\n' in text
    assert len(shown) <= 80


@pytest.mark.parametrize(
    ("expression", "ruby"),
    [
        ("MIT", '"MIT"'),
        ("MIT OR Apache-2.0", 'any_of: ["MIT", "Apache-2.0"]'),
        ("MIT AND PSF-2.0", 'all_of: ["MIT", "PSF-2.0"]'),
        ("(MIT OR X11) AND PSF-2.0", ":cannot_represent"),
    ],
)
def test_formula_translates_the_license(expression: str, ruby: str) -> None:
    assert f"  license {ruby}\n" in homebrew_formula(facts_of(license=expression))


def test_scoop_manifest_names_the_windows_archive() -> None:
    facts = facts_of()
    content = json.loads(scoop_manifest(facts))
    windows = facts.archives[-1]
    assert content["architecture"] == {"64bit": {"url": windows.url, "hash": windows.sha256}}
    assert content["bin"] == "tiny.exe"


def test_scoop_finds_the_next_version() -> None:
    content = json.loads(scoop_manifest(facts_of()))
    feed = 'href="https://github.com/octo/tiny/releases/tag/tiny-v1.3.0"'
    found = re.search(content["checkver"]["regex"], feed)
    assert found
    assert found[1] == "1.3.0"
    url = content["autoupdate"]["architecture"]["64bit"]["url"].replace("$version", "1.3.0")
    assert url == "https://github.com/octo/tiny/releases/download/tiny-v1.3.0/tiny-v1.3.0-windows-amd64.zip"


def test_winget_manifests_agree() -> None:
    manifests = {name: yaml.safe_load(text) for name, text in winget_manifests(facts_of()).items()}
    assert sorted(manifests) == ["octo.tiny.installer.yaml", "octo.tiny.locale.en-US.yaml", "octo.tiny.yaml"]
    assert {content["PackageIdentifier"] for content in manifests.values()} == {"octo.tiny"}
    assert {content["PackageVersion"] for content in manifests.values()} == {"1.2.3"}
    installer = manifests["octo.tiny.installer.yaml"]
    assert installer["NestedInstallerFiles"] == [{"RelativeFilePath": "tiny.exe", "PortableCommandAlias": "tiny"}]
    assert installer["Installers"][0]["InstallerSha256"] == facts_of().archives[-1].sha256.upper()


@pytest.mark.parametrize("owner", ["octo", "Jane Doe, Inc.", "x" * 60])
@pytest.mark.parametrize("executable", ["tiny", "my.tool", "y" * 60])
def test_winget_identifier_is_valid(owner: str, executable: str) -> None:
    for name, text in winget_manifests(facts_of(owner=owner, executable=executable)).items():
        content = yaml.safe_load(text)
        assert IDENTIFIER.fullmatch(content["PackageIdentifier"]), name
        for nested in content.get("NestedInstallerFiles", ()):
            assert len(nested.get("PortableCommandAlias", "")) <= 40


@pytest.mark.parametrize("change", [{"license": "X"}, {"executable": "t"}])
def test_winget_refuses_what_its_schema_forbids(change: dict[str, str]) -> None:
    with pytest.raises(RequestError):
        winget_manifests(facts_of(**change))


def test_long_description_is_shortened() -> None:
    texts = winget_manifests(facts_of(description="word " * 200))
    locale = yaml.safe_load(texts["octo.tiny.locale.en-US.yaml"])
    assert 200 < len(locale["ShortDescription"]) <= 256
