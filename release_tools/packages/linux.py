"""Debian and RPM packages of the Linux binaries, built by nfpm (https://nfpm.goreleaser.com).

A package has the binary, its licenses, a manual page and a changelog. The same archive gives the same package.
"""

import gzip
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import yaml
from packaging.version import Version

from release_tools.archives import EXECUTABLE_MODE, FILE_MODE, unpack_archive
from release_tools.binaries.native_files import read_native
from release_tools.errors import MissingToolError, Problem, RequestError
from release_tools.packages.facts import PackageFacts, synopsis
from release_tools.platforms import LINUX_MACHINES, Platform
from release_tools.processes.run import changed_environment, observe

PackageFormat = Literal["deb", "rpm"]

_TIMEOUT_SECONDS: Final = 600.0
_SUMMARY_LIMIT: Final = 80

# Debian's packages of the libraries that PyInstaller's bootloader, and what an app adds to it, can need.
_DEBIAN_PACKAGES: Final[Mapping[str, str]] = {
    "libz.so.1": "zlib1g",
    "libstdc++.so.6": "libstdc++6",
    "libgcc_s.so.1": "libgcc-s1",
    "libatomic.so.1": "libatomic1",
}
# Parts of glibc.
_GLIBC: Final = re.compile(r"(libc|libm|libdl|libpthread|librt|libutil|libresolv|libcrypt|ld-linux.*)\.so\.\d+")


@dataclass(frozen=True, kw_only=True)
class _Unpacked:
    """An archive's files in `folder`, the time of the newest, and the libraries that the executable needs."""

    folder: Path
    time: datetime
    libraries: tuple[str, ...]


def write_linux_packages(facts: PackageFacts, archive: Path, platform: Platform, folder: Path) -> tuple[Path, ...]:
    """Write the deb and the rpm of a platform's archive into `folder`; returns their paths.

    Raises `MissingToolError` without nfpm, `RequestError` for a program of another platform, a name that Debian doesn't
    allow or a library that no package is known for, `UnsafeArchiveError`, and `CommandFailedError` if nfpm fails.
    """
    with tempfile.TemporaryDirectory(prefix="packages-") as temporary:
        unpacked = _unpack(facts, archive, platform, Path(temporary) / "archive")
        return tuple(_write(facts, unpacked, platform, kind, folder) for kind in ("deb", "rpm"))


def package_name(facts: PackageFacts) -> str:
    """The package's name by Debian's rules, which RPM's include. Raises `RequestError` if there can't be one."""
    name = facts.executable.lower().replace("_", "-")
    if not re.fullmatch(r"[a-z0-9][a-z0-9+.-]+", name):
        hint = "use an executable with at least two letters or digits"
        raise RequestError("write a deb", [Problem(what=f"{name!r} isn't a name for a package", hint=hint)])
    return name


def package_version(version: str) -> tuple[str, str]:
    """The epoch ("" for none) and the version in the order of dpkg and rpm, where `~` sorts before everything."""
    parsed = Version(version)
    text = ".".join(map(str, parsed.release))
    text += f"~{parsed.pre[0]}{parsed.pre[1]}" if parsed.pre else ""
    text += f".post{parsed.post}" if parsed.post is not None else ""
    text += f"~dev{parsed.dev}" if parsed.dev is not None else ""
    return str(parsed.epoch) if parsed.epoch else "", text


def package_file_name(facts: PackageFacts, platform: Platform, kind: PackageFormat) -> str:
    """The file name that the format's own tools use."""
    _, version = package_version(facts.version)
    if kind == "deb":
        return f"{package_name(facts)}_{version}-1_{platform.arch}.deb"
    return f"{package_name(facts)}-{version}-1.{LINUX_MACHINES[platform.arch]}.rpm"


def _unpack(facts: PackageFacts, archive: Path, platform: Platform, folder: Path) -> _Unpacked:
    unpack_archive(archive, folder)
    native = read_native((folder / facts.executable).read_bytes())
    if native is None or native.machines != (platform.arch,):
        what = f"the executable in {archive.name} isn't a program for {platform.name}"
        raise RequestError("write Linux packages", [Problem(what=what, hint="build or download the archive again")])
    # Every member has the time of the commit.
    with tarfile.open(archive, "r:gz") as opened:
        newest = max(member.mtime for member in opened.getmembers())
    return _Unpacked(folder=folder, time=datetime.fromtimestamp(newest, UTC), libraries=native.libraries)


def _write(facts: PackageFacts, unpacked: _Unpacked, platform: Platform, kind: PackageFormat, folder: Path) -> Path:
    files = unpacked.folder.with_name(kind)
    files.mkdir()
    contents = _write_contents(facts, unpacked, kind, files)
    configuration = files / "nfpm.yaml"
    content = _configuration(facts, unpacked, platform, kind, contents)
    configuration.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")
    target = files / package_file_name(facts, platform, kind)
    environment = changed_environment({"SOURCE_DATE_EPOCH": str(int(unpacked.time.timestamp())), "TZ": "UTC"})
    command = [_nfpm(), "package", "--config", str(configuration), "--packager", kind, "--target", str(target)]
    observe(command, cwd=files, environment=environment, timeout_seconds=_TIMEOUT_SECONDS).require_success()
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(target, folder / target.name))


def _nfpm() -> str:
    """The nfpm of this environment."""
    found = shutil.which("nfpm", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if found is None:
        raise MissingToolError("nfpm")
    return found


def _configuration(
    facts: PackageFacts,
    unpacked: _Unpacked,
    platform: Platform,
    kind: PackageFormat,
    contents: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    epoch, version = package_version(facts.version)
    return {
        "name": package_name(facts),
        "arch": platform.arch,
        "platform": "linux",
        **({"epoch": epoch} if epoch else {}),
        "version_schema": "none",
        "version": version,
        "release": "1",
        "section": "utils",
        "priority": "optional",
        "maintainer": facts.maintainer,
        "description": _description(facts),
        "homepage": facts.homepage,
        "license": facts.license,
        "mtime": unpacked.time.isoformat(),
        "disable_globbing": True,
        "changelog": "changelog.yaml",
        "depends": _dependencies(facts, unpacked.libraries, kind),
        "contents": list(contents),
        # nfpm writes the machine's name otherwise.
        "rpm": {
            "buildhost": "localhost",
            "summary": synopsis(facts, _SUMMARY_LIMIT),
            "group": "Unspecified",
        },
        # A frozen Python uses the system's certificate authorities.
        "recommends": ["ca-certificates"],
        # What takes the space is compressed already.
        "deb": {"compression": "gzip"},
    }


def _description(facts: PackageFacts) -> str:
    """A synopsis, and a text below it that isn't the same."""
    text = f"{facts.executable} {facts.version} as one executable file, which contains all that it needs."
    return f"{synopsis(facts, _SUMMARY_LIMIT)}\n{text}"


def _dependencies(facts: PackageFacts, libraries: Sequence[str], kind: PackageFormat) -> list[str]:
    floor = facts.glibc_floor
    if kind == "rpm":
        symbols = f"GLIBC_{floor}" if floor else ""
        return [f"{name}({symbols if name == 'libc.so.6' else ''})(64bit)" for name in sorted(libraries)]
    names = {name for name in libraries if not _GLIBC.fullmatch(name)}
    unknown = sorted(names - set(_DEBIAN_PACKAGES))
    if unknown:
        what = f"the executable needs {', '.join(unknown)}, and its Debian package is unknown"
        hint = "link it statically, or bundle it; a one-file executable needs little more than glibc and zlib"
        raise RequestError("write a deb", [Problem(what=what, hint=hint)])
    glibc = f"libc6 (>= {floor})" if floor else "libc6"
    return [glibc, *sorted(_DEBIAN_PACKAGES[name] for name in names)]


def _write_contents(facts: PackageFacts, unpacked: _Unpacked, kind: PackageFormat, files: Path) -> list[dict[str, Any]]:
    """Write the package's files into `files`, and return nfpm's list of them."""
    name = package_name(facts)
    _write_changelog(facts, unpacked, files / "changelog.yaml")
    rows = [(unpacked.folder / facts.executable, f"/usr/bin/{facts.executable}", EXECUTABLE_MODE)]
    manual = files / f"{facts.executable}.1.gz"
    _write_compressed(manual, _manual_page(facts, unpacked))
    rows.append((manual, f"/usr/share/man/man1/{manual.name}", FILE_MODE))
    licenses = sorted(path for path in unpacked.folder.iterdir() if path.name != facts.executable)
    if kind == "rpm":
        rows += [(path, f"/usr/share/licenses/{name}/{path.name}", FILE_MODE) for path in licenses]
    else:
        overrides = files / "overrides"
        overrides.write_text(_lintian_overrides(name), encoding="utf-8", newline="\n")
        rows.append((overrides, f"/usr/share/lintian/overrides/{name}", FILE_MODE))
        copyright_file = files / "copyright"
        copyright_file.write_text(_copyright(facts, unpacked), encoding="utf-8", newline="\n")
        rows.append((copyright_file, f"/usr/share/doc/{name}/copyright", FILE_MODE))
        for path in licenses:
            if path.name != "LICENSE":
                compressed = files / f"{path.name.lower().replace('_', '-')}.gz"
                _write_compressed(compressed, path.read_text(encoding="utf-8", errors="replace"))
                rows.append((compressed, f"/usr/share/doc/{name}/{compressed.name}", FILE_MODE))
    time = unpacked.time.isoformat()
    return [
        {"src": str(source), "dst": target, "file_info": {"mode": mode, "mtime": time}} for source, target, mode in rows
    ]


def _write_compressed(path: Path, text: str) -> None:
    path.write_bytes(gzip.compress(text.encode(), compresslevel=9, mtime=0))


def _write_changelog(facts: PackageFacts, unpacked: _Unpacked, path: Path) -> None:
    entry = {
        "semver": package_version(facts.version)[1],
        "date": unpacked.time.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "packager": facts.maintainer,
        "deb": {"urgency": "medium", "distributions": ["unstable"]},
        "changes": [{"note": f"Version {facts.version}. What changed is at {facts.homepage}."}],
    }
    # JSON is YAML, and keeps the date a text.
    path.write_text(json.dumps([entry], indent=1), encoding="utf-8")


def _lintian_overrides(name: str) -> str:
    """What lintian refuses in programs that Debian builds itself, and a frozen one can't be without."""
    return (
        f"# A frozen program contains the libraries that its Python modules were built with.\n"
        f"{name}: embedded-library *\n"
        f"# PyInstaller's bootloader isn't a position-independent executable.\n"
        f"{name}: hardening-no-pie *\n"
    )


def _copyright(facts: PackageFacts, unpacked: _Unpacked) -> str:
    license_file = unpacked.folder / "LICENSE"
    text = license_file.read_text(encoding="utf-8", errors="replace") if license_file.is_file() else ""
    notice = (
        ""
        if re.search("copyright", text, re.IGNORECASE)
        else f"Copyright (c) {unpacked.time.year} {facts.publisher}\n\n"
    )
    parts = (
        f"{facts.executable} is published at {facts.homepage}.",
        f"{notice}License: {facts.license}",
        text.rstrip(),
        "The licenses of the software that it contains are in third-party-licenses.gz in this folder.",
    )
    return "\n\n".join(parts) + "\n"


def _manual_page(facts: PackageFacts, unpacked: _Unpacked) -> str:
    name = _troff(facts.executable)
    return "\n".join(
        [
            f'.TH "{name.upper()}" 1 "{unpacked.time:%Y-%m-%d}" "{name} {_troff(facts.version)}" "User Commands"',
            ".SH NAME",
            f"{name} \\- {_troff(synopsis(facts, _SUMMARY_LIMIT))}",
            ".SH SYNOPSIS",
            f".B {name}",
            ".RI [ options ]",
            ".SH DESCRIPTION",
            _troff(facts.description),
            ".PP",
            "To list its options and commands, run",
            f'.BR "{name} \\-\\-help" .',
            ".SH SEE ALSO",
            _troff(facts.homepage),
            "",
        ]
    )


def _troff(text: str) -> str:
    escaped = text.replace("\\", "\\e").replace("-", "\\-").replace('"', "\\(dq")
    return f"\\&{escaped}" if escaped.startswith((".", "'")) else escaped
