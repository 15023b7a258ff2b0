"""Debian and RPM packages, built by nfpm, and installed in a folder as the system's own tools would."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from release_tools.archives import sha256_of
from release_tools.errors import RequestError
from release_tools.packages.linux import package_file_name, package_name, package_version, write_linux_packages
from release_tools.platforms import PLATFORMS, host_platform
from tests.release_tools.installers.machines import SYSTEM_PATH, system_program
from tests.release_tools.packages.sample_package import (
    LINUX,
    SYSTEM_PROGRAM,
    facts_of,
    members_of_deb,
    write_sample_archive,
)

needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="packs a Linux program")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("packages")
    deb, rpm = write_linux_packages(facts_of(), write_sample_archive(folder), host_platform(), folder / "out")
    return deb, rpm


@pytest.fixture(scope="module")
def later_packages(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("later")
    deb, rpm = write_linux_packages(
        facts_of("1.10.0"), write_sample_archive(folder, "1.10.0"), host_platform(), folder / "out"
    )
    return deb, rpm


@pytest.mark.parametrize(
    ("version", "packaged"),
    [
        ("1.2.3", ("", "1.2.3")),
        ("1.2.3rc1", ("", "1.2.3~rc1")),
        ("1.2.3.dev4", ("", "1.2.3~dev4")),
        ("1.2.3.post1", ("", "1.2.3.post1")),
        ("1!2.0", ("1", "2.0")),
    ],
)
def test_version_is_in_the_order_of_package_managers(version: str, packaged: tuple[str, str]) -> None:
    assert package_version(version) == packaged


def test_name_follows_debians_rules() -> None:
    assert package_name(facts_of(executable="My_Tool")) == "my-tool"
    with pytest.raises(RequestError):
        package_name(facts_of(executable="t"))


def test_file_names_are_those_of_the_formats() -> None:
    assert package_file_name(facts_of(), LINUX, "deb") == "tiny_1.2.3-1_amd64.deb"
    assert package_file_name(facts_of(), LINUX, "rpm") == "tiny-1.2.3-1.x86_64.rpm"


@pytest.mark.programs
@needs_linux
def test_deb_contains_program_manual_and_licenses(packages: tuple[Path, Path]) -> None:
    members = members_of_deb(packages[0].read_bytes())
    files = {member.name.lstrip("./"): member for member in members["data"].getmembers() if member.isfile()}
    assert sorted(files) == [
        "usr/bin/tiny",
        *(f"usr/share/doc/tiny/{name}" for name in ("changelog.Debian.gz", "copyright", "third-party-licenses.gz")),
        "usr/share/lintian/overrides/tiny",
        "usr/share/man/man1/tiny.1.gz",
    ]
    assert files["usr/bin/tiny"].mode == 0o755
    control = members["control"].extractfile("./control")
    assert control
    assert b"Depends: libc6 (>= 2.28)\n" in control.read()


@pytest.mark.programs
@needs_linux
def test_packages_are_reproducible(packages: tuple[Path, Path], tmp_path: Path) -> None:
    archive = write_sample_archive(tmp_path)
    os.utime(archive, (1, 1))
    again = write_linux_packages(facts_of(), archive, host_platform(), tmp_path / "another folder")
    assert [sha256_of(path) for path in again] == [sha256_of(path) for path in packages]


@needs_linux
@pytest.mark.parametrize("content", [b"#!/bin/sh\n", None])
def test_refuses_a_program_of_another_platform(content: bytes | None, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(SYSTEM_PROGRAM.read_bytes() if content is None else content)
    archive = write_sample_archive(tmp_path, program=program)
    other = next(row for row in PLATFORMS if row.os == "linux" and row != host_platform())
    with pytest.raises(RequestError):
        write_linux_packages(facts_of(), archive, other, tmp_path / "out")


def run(*args: str | Path) -> str:
    # The system's programs start others of its own.
    environment = {**os.environ, "PATH": SYSTEM_PATH}
    command = list(map(str, args))
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.mark.programs
@needs_linux
def test_deb_installs_upgrades_and_leaves_nothing(
    packages: tuple[Path, Path], later_packages: tuple[Path, Path], tmp_path: Path
) -> None:
    dpkg = system_program("dpkg")
    for name in ("info", "updates", "triggers"):
        (tmp_path / "var/lib/dpkg" / name).mkdir(parents=True)
    (tmp_path / "var/lib/dpkg/status").touch()
    # Its own system has neither glibc nor dpkg's helpers.
    options = [f"--root={tmp_path}", "--force-depends", "--force-not-root", "--force-bad-path", "--log=/dev/null"]
    run(dpkg, *options, "--install", packages[0])
    run(tmp_path / "usr/bin/tiny", "--version")
    run(dpkg, *options, "--install", later_packages[0])
    assert "Version: 1.10.0-1\n" in run(dpkg, f"--root={tmp_path}", "--status", "tiny")
    run(dpkg, *options, "--purge", "tiny")
    assert [path for path in tmp_path.rglob("*tiny*") if path.is_file()] == []


@pytest.mark.programs
@needs_linux
def test_rpm_installs_upgrades_and_leaves_nothing(
    packages: tuple[Path, Path], later_packages: tuple[Path, Path], tmp_path: Path
) -> None:
    rpm = [system_program("rpm"), "--root", str(tmp_path), "--dbpath", "/var/lib/rpm"]
    run(*rpm, "--initdb")
    run(*rpm, "--nodeps", "--install", packages[1])
    run(tmp_path / "usr/bin/tiny", "--version")
    run(*rpm, "--nodeps", "--upgrade", later_packages[1])
    assert run(*rpm, "--query", "tiny").startswith("tiny-1.10.0-1.")
    run(*rpm, "--erase", "--nodeps", "tiny")
    assert [path for path in tmp_path.rglob("*tiny*") if path.is_file()] == []


@pytest.mark.programs
@needs_linux
def test_lintian_has_nothing_to_say(packages: tuple[Path, Path]) -> None:
    lintian = system_program("lintian")
    output = run(lintian, "--fail-on=error,warning", "--allow-root", packages[0])
    assert output.strip() == ""
