"""Every way in which an installation can fail: its own message and hint, exit code 1, and nothing left behind."""

import os
import socket
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.release_tools.installers.machines import Machine, system_program
from tests.release_tools.installers.mirror_server import Fault, PublishedVersions, archive_of, program_text

pytestmark = [pytest.mark.programs, pytest.mark.skipif(os.name == "nt", reason="install.sh is for Linux and macOS")]

ARCHIVE: Final = "/v1.2.3/tiny-v1.2.3-linux-amd64.tar.gz"


@dataclass(frozen=True)
class Scene:
    """What a fault can change."""

    machine: Machine
    versions: PublishedVersions


# Publishes version 1.2.3, causes a fault, and returns the installer.
Arrangement = Callable[[Scene], str]


def published(scene: Scene) -> str:
    return scene.versions.publish("1.2.3")


@dataclass(frozen=True, kw_only=True)
class Failure:
    """A fault, the message it causes, and what the hint must name. `mount` prepares the folder to install into."""

    name: str
    error: str
    hint: str
    arrange: Arrangement = published
    args: tuple[str, ...] = ()
    mount: str = ""


def with_fault(path: str, **fault: int) -> Arrangement:
    def arrange(scene: Scene) -> str:
        script = scene.versions.publish("1.2.3")
        scene.versions.mirror.faults[path] = Fault(**fault)
        return script

    return arrange


def with_archive(archive: bytes, *, is_published: bool) -> Arrangement:
    """Another archive than the one that was published, or one that was published like that."""

    def arrange(scene: Scene) -> str:
        script = scene.versions.publish("1.2.3", archive if is_published else None)
        scene.versions.mirror.files[ARCHIVE] = archive
        return script

    return arrange


def with_manifest(content: bytes) -> Arrangement:
    def arrange(scene: Scene) -> str:
        script = scene.versions.publish("1.2.3")
        scene.versions.mirror.files["/versions.json"] = content
        return script

    return arrange


def on_machine(change: Callable[[Machine], None]) -> Arrangement:
    def arrange(scene: Scene) -> str:
        change(scene.machine)
        return scene.versions.publish("1.2.3")

    return arrange


def behind_proxy(status: int) -> Arrangement:
    """The server as a proxy that refuses; 0 for one that isn't there."""

    def arrange(scene: Scene) -> str:
        script = scene.versions.publish("1.2.3").replace(scene.versions.mirror.url, "http://downloads.invalid")
        scene.versions.mirror.faults["http://downloads.invalid/versions.json"] = Fault(status=status)
        scene.machine.variables["http_proxy"] = (
            scene.versions.mirror.url if status else f"http://127.0.0.1:{unused_port()}"
        )
        return script

    return arrange


def unused_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def without_server(scene: Scene) -> str:
    return scene.versions.publish("1.2.3").replace(scene.versions.mirror.url, f"http://127.0.0.1:{unused_port()}")


def yanked(scene: Scene) -> str:
    script = scene.versions.publish("1.2.3")
    scene.versions.yank("1.2.3")
    return script


def older_is_yanked(scene: Scene) -> str:
    scene.versions.publish("1.0.0")
    scene.versions.publish("1.1.0")
    script = scene.versions.publish("1.2.3")
    scene.versions.yank("1.0.0")
    return script


def without_platform(scene: Scene) -> str:
    scene.versions.publish("1.0.0")
    scene.versions.remove_files("1.0.0", "linux-amd64")
    return scene.versions.publish("1.2.3")


def folder_in_place(scene: Scene) -> str:
    scene.machine.program.mkdir(parents=True)
    return scene.versions.publish("1.2.3")


def file_in_place(scene: Scene) -> str:
    (scene.machine.home / ".local").write_text("a file")
    return scene.versions.publish("1.2.3")


def has_musl(machine: Machine) -> None:
    machine.fake("getconf", "exit 1")
    machine.fake("ldd", "echo 'musl libc (x86_64)' >&2; exit 1")


def is_old_mac(machine: Machine) -> None:
    machine.uname("Darwin", "x86_64")
    machine.fake("sw_vers", "echo 10.15.7")


FAILURES: Final = (
    Failure(
        name="archive not found",
        arrange=with_fault(ARCHIVE, status=404),
        error="not found on the server: ",
        hint="get the current installer: ",
    ),
    Failure(
        name="list of versions not found",
        arrange=with_fault("/versions.json", status=404),
        error="not found on the server: ",
        hint="/install.sh | sh",
    ),
    Failure(
        name="server refuses",
        arrange=with_fault(ARCHIVE, status=403),
        error="the server refused the download (HTTP 403): ",
        hint="browser",
    ),
    Failure(
        name="server fails",
        arrange=with_fault(ARCHIVE, status=503),
        error="the server failed (HTTP 503): ",
        hint="try again later",
    ),
    Failure(
        name="no server", arrange=without_server, error="can't download http://127.0.0.1:", hint="check your connection"
    ),
    Failure(
        name="connection is cut again and again",
        arrange=with_fault(ARCHIVE, cut_after=1000),
        error="can't download http://127.0.0.1:",
        hint="check your connection",
    ),
    Failure(
        name="no proxy", arrange=behind_proxy(0), error="can't download ", hint="check the proxy, http://127.0.0.1:"
    ),
    Failure(
        name="proxy wants a password",
        arrange=behind_proxy(407),
        error="the proxy needs a password (HTTP 407): ",
        hint="https_proxy: http://USER",
    ),
    Failure(
        name="archive is truncated",
        arrange=with_archive(archive_of(program_text("1.2.3"))[:5000], is_published=False),
        error="the download ended after 5000 of ",
        hint="run this again",
    ),
    Failure(
        name="wrong digest",
        arrange=with_archive(archive_of(program_text("6.6.6")), is_published=False),
        error="the download isn't what was published: its SHA-256 is ",
        hint="don't use it",
    ),
    Failure(
        name="damaged archive was published",
        arrange=with_archive(b"not an archive", is_published=True),
        error="can't unpack the download: ",
        hint="report this",
    ),
    Failure(
        name="archive without the program",
        arrange=with_archive(archive_of(program_text("1.2.3"), name="other"), is_published=True),
        error="can't unpack the download: ",
        hint="report this",
    ),
    Failure(
        name="another version in the archive",
        arrange=with_archive(archive_of(program_text("9.9.9")), is_published=True),
        error="the archive contains another version than 1.2.3: tiny 9.9.9",
        hint="report this",
    ),
    Failure(
        name="program doesn't start",
        arrange=with_archive(archive_of(program_text("1.2.3", exit_code=3)), is_published=True),
        error="tiny doesn't start on this system (exit code 3): ",
        hint="report this",
    ),
    Failure(
        name="portal instead of the list of versions",
        arrange=with_manifest(b"<html><body>Please sign in</body></html>"),
        error="can't be read: it is not JSON",
        hint="try again later",
    ),
    Failure(
        name="newer list of versions",
        arrange=with_manifest(b'{"schema": 2, "versions": []}'),
        error="this installer is too old to read http://",
        hint="/install.sh | sh",
    ),
    Failure(
        name="yanked version",
        arrange=yanked,
        error="tiny 1.2.3 was yanked, so it isn't installed: it deletes files",
        hint="/install.sh | sh",
    ),
    Failure(
        name="yanked version by its name",
        arrange=older_is_yanked,
        args=("--version", "1.0.0"),
        error="tiny 1.0.0 was yanked, so it isn't installed: it deletes files",
        hint="/install.sh | sh",
    ),
    Failure(
        name="unknown version",
        arrange=older_is_yanked,
        args=("--version", "7.0"),
        error="there is no version 7.0",
        hint="the versions are: 1.2.3 1.1.0",
    ),
    Failure(
        name="version without this platform",
        arrange=without_platform,
        args=("--version", "1.0.0"),
        error="version 1.0.0 has no archive for linux-amd64",
        hint="another version",
    ),
    Failure(name="unknown option", args=("--prefix=/opt",), error="unknown option '--prefix=/opt'", hint="--uninstall"),
    Failure(
        name="option without value", args=("--version",), error="--version needs a version", hint="--version 1.2.3"
    ),
    Failure(name="nothing to uninstall", args=("--uninstall",), error="tiny isn't installed in ", hint="TINY_INSTALL"),
    Failure(
        name="another system",
        arrange=on_machine(lambda machine: machine.uname("FreeBSD", "amd64")),
        error="tiny isn't built for FreeBSD on amd64",
        hint="it runs on Linux and macOS",
    ),
    Failure(
        name="another processor",
        arrange=on_machine(lambda machine: machine.uname("Linux", "riscv64")),
        error="tiny isn't built for Linux on riscv64",
        hint="it runs on Linux and macOS",
    ),
    Failure(
        name="Git Bash on Windows",
        arrange=on_machine(lambda machine: machine.uname("MINGW64_NT-10.0-22631", "x86_64")),
        error="this script is for Linux and macOS",
        hint="/install.ps1 | iex",
    ),
    Failure(
        name="Android",
        arrange=on_machine(lambda machine: machine.fake("uname", "[ $1 = -o ] && echo Android || echo Linux")),
        error="tiny doesn't run on Android",
        hint="use a Linux machine",
    ),
    Failure(
        name="musl", arrange=on_machine(has_musl), error="tiny needs glibc, and this system has musl", hint="glibc"
    ),
    Failure(
        name="old glibc",
        arrange=on_machine(lambda machine: machine.fake("getconf", "echo glibc 2.12")),
        error="tiny needs glibc 2.17 or later, and this system has 2.12",
        hint="newer release",
    ),
    Failure(
        name="32-bit system",
        arrange=on_machine(lambda machine: machine.fake("getconf", "[ $1 = LONG_BIT ] && echo 32")),
        error="this is a 32-bit system on a 64-bit kernel",
        hint="64-bit system",
    ),
    Failure(
        name="old macOS",
        arrange=on_machine(is_old_mac),
        error="tiny needs macOS 11.0 or later, and this is 10.15.7",
        hint="update macOS",
    ),
    Failure(
        name="no program to download",
        arrange=on_machine(lambda machine: machine.remove("curl", "wget")),
        error="a download needs curl or wget, and neither is installed",
        hint="package manager",
    ),
    Failure(
        name="no program to verify",
        arrange=on_machine(lambda machine: machine.remove("sha256sum")),
        error="the download can't be verified: ",
        hint="coreutils",
    ),
    Failure(
        name="program to verify is broken",
        arrange=on_machine(lambda machine: machine.fake("sha256sum", "exit 1")),
        error="sha256sum can't compute the SHA-256",
        hint="reinstall sha256sum",
    ),
    Failure(
        name="no tar",
        arrange=on_machine(lambda machine: machine.remove("tar")),
        error="tar isn't installed",
        hint="tar",
    ),
    Failure(
        name="no home",
        arrange=on_machine(lambda machine: machine.variables.update(HOME="")),
        error="HOME is not set",
        hint="TINY_INSTALL",
    ),
    Failure(name="folder in place", arrange=folder_in_place, error="tiny is a folder", hint="move it elsewhere"),
    Failure(name="file in place", arrange=file_in_place, error="/.local isn't a folder", hint="TINY_INSTALL"),
    Failure(name="read-only folder", mount="ro", error="can't write to ", hint="TINY_INSTALL"),
    Failure(name="programs not allowed", mount="noexec", error="programs can't be executed in ", hint="noexec"),
    Failure(name="disk is full", mount="size=16k", error="there isn't enough space in ", hint="free some space"),
)

# BusyBox prefers its own applets to the programs on the PATH, so they can't be removed or replaced.
NEED_REPLACED_PROGRAMS: Final = {
    *("another system", "another processor", "Git Bash on Windows", "Android", "old macOS"),
    *("no program to download", "no program to verify", "program to verify is broken", "no tar"),
}


def on_file_system(options: str, folder: Path) -> tuple[str, ...]:
    """A command prefix: the rest runs with a new file system in a folder, unseen by the rest of the system."""
    namespace = (system_program("unshare"), "--user", "--map-root-user", "--mount")
    if subprocess.run([*namespace, "true"], capture_output=True, check=False, timeout=60).returncode != 0:
        pytest.skip("this kernel doesn't let users mount file systems")
    mount = f'{system_program("mount")} -t tmpfs -o "$1" tmpfs "$2" && shift 2 && exec "$@"'
    return (*namespace, system_program("sh"), "-c", mount, "sh", options, str(folder))


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.name)
def test_failed_install(machine: Machine, versions: PublishedVersions, failure: Failure) -> None:
    if failure.name in NEED_REPLACED_PROGRAMS and "busybox" in machine.shell[0]:
        pytest.skip("BusyBox's applets can't be replaced")
    script = failure.arrange(Scene(machine, versions))
    prefix: tuple[str, ...] = ()
    if failure.mount:
        folder = machine.home / "target"
        folder.mkdir()
        machine.variables["TINY_INSTALL"] = str(folder)
        prefix = on_file_system(failure.mount, folder)
    before = machine.tree()
    outcome = machine.run(script, *failure.args, prefix=prefix)
    error, _, hint = outcome.stderr.rstrip().rpartition("error: ")[2].rpartition("\nhint: ")
    assert (outcome.code, outcome.stdout) == (1, ""), outcome.stderr
    assert failure.error in error
    assert failure.hint in hint
    assert machine.tree() == before
