"""A Homebrew formula that installs the published binary. It belongs into a tap: `Formula/<name>.rb`."""

import re
from collections.abc import Iterable
from typing import Final

from release_tools.packages.facts import PackageFacts, synopsis
from release_tools.platforms import OperatingSystem, find_platform

# https://docs.brew.sh/Formula-Cookbook: the limit of `brew audit` for a description.
_DESCRIPTION_LIMIT: Final = 80
_MACOS_NAMES: Final = {
    "10.15": "catalina",
    "11": "big_sur",
    "12": "monterey",
    "13": "ventura",
    "14": "sonoma",
    "15": "sequoia",
    "26": "tahoe",
}


def formula_name(executable: str) -> str:
    """The file name of the formula without `.rb`; Homebrew has lower-case names only."""
    return executable.lower()


def homebrew_formula(facts: PackageFacts) -> str:
    """The text of the formula."""
    description = synopsis(facts, _DESCRIPTION_LIMIT)
    lines = [
        f"class {_class_name(formula_name(facts.executable))} < Formula",
        f"  desc {_quoted(description[0].upper() + description[1:])}",
        f"  homepage {_quoted(facts.homepage)}",
        f"  version {_quoted(facts.version)}",
        f"  license {_license(facts.license)}",
        "",
        *_on_system(facts, "macos", "darwin"),
        "",
        *_on_system(facts, "linux", "linux"),
        "",
        "  def install",
        f"    bin.install {_quoted(facts.executable)}",
        "  end",
        "",
        "  test do",
        f'    assert_match version.to_s, shell_output("#{{bin}}/{facts.executable} --version")',
        "  end",
        "end",
    ]
    return "\n".join(lines) + "\n"


def _on_system(facts: PackageFacts, block: str, os: OperatingSystem) -> Iterable[str]:
    yield f"  on_{block} do"
    name = _macos_name(facts.macos_minimum) if os == "darwin" else None
    if name:
        yield f"    depends_on macos: :{name}"
        yield ""
    for processor, arch in (("arm", "arm64"), ("intel", "amd64")):
        archive = facts.archive_for(find_platform(f"{os}-{arch}"))
        yield f"    on_{processor} do"
        yield f"      url {_quoted(archive.url)}"
        yield f"      sha256 {_quoted(archive.sha256)}"
        yield "    end"
    yield "  end"


def _macos_name(minimum: str | None) -> str | None:
    return _MACOS_NAMES.get(minimum or "") or _MACOS_NAMES.get((minimum or "").partition(".")[0])


def _class_name(name: str) -> str:
    """Homebrew's own rule, `Formulary.class_s`: `my-app@2` is `MyAppAT2`."""
    name = name.capitalize()
    name = re.sub(r"[-_.\s]([a-zA-Z0-9])", lambda match: match[1].upper(), name)
    return re.sub(r"(.)@(\d)", r"\1AT\2", name.replace("+", "x"))


def _license(expression: str) -> str:
    """An SPDX expression in Homebrew's notation; nested ones it can't express."""
    for word, key in ((" OR ", "any_of"), (" AND ", "all_of")):
        parts = expression.split(word)
        if len(parts) > 1 and not re.search(r"[()]| AND | OR | WITH ", "".join(parts)):
            return f"{key}: [{', '.join(map(_quoted, parts))}]"
    return ":cannot_represent" if re.search(r"[() ]", expression) else _quoted(expression)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("#", "\\#")
    return f'"{escaped}"'
