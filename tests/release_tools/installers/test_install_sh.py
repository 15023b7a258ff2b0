"""`install.sh`, run for real: by dash, bash and BusyBox, from a mirror on the loopback interface."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.release_tools.installers.machines import Machine, system_program
from tests.release_tools.installers.mirror_server import Fault, Mirror, PublishedVersions, archive_of

pytestmark = [pytest.mark.programs, pytest.mark.skipif(os.name == "nt", reason="install.sh is for Linux and macOS")]


def version_at(program: Path) -> str:
    return subprocess.run([program], capture_output=True, text=True, check=True, timeout=60).stdout.strip()


def assert_only_installed(machine: Machine, folder: str) -> None:
    """The link, and one version that it points to."""
    files = [path for path in machine.home.rglob("*") if not path.is_dir()]
    link = machine.home / folder / "tiny"
    assert link.is_symlink()
    assert sorted(files) == sorted([link, link.resolve()])
    assert link.resolve().is_relative_to(machine.home / folder / ".tiny")


def test_installs_below_home(machine: Machine, versions: PublishedVersions) -> None:
    outcome = machine.run(versions.publish("1.2.3"))
    assert (outcome.code, outcome.stdout) == (0, ""), outcome.stderr
    assert version_at(machine.program) == "tiny 1.2.3"
    assert_only_installed(machine, ".local/bin")
    assert 'export PATH="$HOME/.local/bin:$PATH"' in outcome.stderr


def test_installs_into_chosen_folder(machine: Machine, versions: PublishedVersions) -> None:
    folder = machine.home / "my programs"
    machine.variables["TINY_INSTALL"] = str(folder)
    assert machine.run(versions.publish("1.2.3")).code == 0
    assert_only_installed(machine, "my programs")


@pytest.mark.parametrize("hasher", ["sha256sum", "shasum", "openssl"])
@pytest.mark.parametrize("downloader", ["curl", "wget"])
def test_every_downloader_and_hasher_works(
    dash: Machine, versions: PublishedVersions, downloader: str, hasher: str
) -> None:
    dash.remove("curl", "sha256sum")
    dash.add(downloader, hasher, *(["perl"] if hasher == "shasum" else []))
    outcome = dash.run(versions.publish("1.2.3"))
    assert outcome.code == 0, outcome.stderr


def test_resumes_after_cut_connection(machine: Machine, versions: PublishedVersions) -> None:
    script = versions.publish("1.2.3")
    versions.mirror.faults[versions.path_of("1.2.3")] = Fault(cut_after=4000, times=2)
    outcome = machine.run(script)
    assert outcome.code == 0, outcome.stderr
    ranges = [span for path, span in versions.mirror.requests if path == versions.path_of("1.2.3")]
    assert ranges == ["", "bytes=4000-", "bytes=8000-"]


def test_upgrade_replaces_the_version(machine: Machine, versions: PublishedVersions) -> None:
    machine.run(versions.publish("1.2.3"))
    outcome = machine.run(versions.publish("1.3.0"))
    assert outcome.code == 0
    assert "It replaces: tiny 1.2.3" in outcome.stderr
    assert version_at(machine.program) == "tiny 1.3.0"
    assert_only_installed(machine, ".local/bin")


@pytest.mark.skipif(sys.platform != "linux", reason="needs a native program that prints its version and waits")
def test_running_version_keeps_its_file(machine: Machine, versions: PublishedVersions) -> None:
    """A frozen program reads its modules from its file when it needs them."""
    sleep = Path(system_program("sleep"))
    text = subprocess.run([sleep, "--version"], capture_output=True, text=True, check=False, timeout=60).stdout
    found = re.search(r"(\d+)\.\d+", text)
    if found is None:
        pytest.skip("this system's sleep has no version")
    program = archive_of(sleep.read_bytes())
    machine.run(versions.publish(found[0], program))
    old = machine.program.resolve()
    with subprocess.Popen([machine.program, "100"]) as running:
        try:
            script = versions.publish(found[1], archive_of(sleep.read_bytes(), time=1))
            assert machine.run(script).code == 0
            assert old.is_file()
            assert machine.program.resolve() != old
            assert "tiny is running" in machine.run(script, "--uninstall").stderr
        finally:
            running.kill()
    assert machine.run(script).code == 0
    assert_only_installed(machine, ".local/bin")


@pytest.mark.parametrize("form", [["--version", "1.2.3"], ["--version=v1.2.3"]])
@pytest.mark.parametrize("indent", [None, 2])
def test_installs_older_version_by_name(
    machine: Machine, versions: PublishedVersions, form: list[str], indent: int | None
) -> None:
    versions.publish("1.2.3")
    script = versions.publish("1.3.0")
    versions.write_manifest(indent)
    outcome = machine.run(script, *form)
    assert outcome.code == 0, outcome.stderr
    assert version_at(machine.program) == "tiny 1.2.3"


def test_uninstall_removes_the_program_only(machine: Machine, versions: PublishedVersions) -> None:
    script = versions.publish("1.2.3")
    machine.run(script)
    (machine.home / ".local" / "bin" / "other").touch()
    outcome = machine.run(script, "--uninstall")
    assert outcome.code == 0, outcome.stderr
    assert machine.tree() == [".local", ".local/bin", ".local/bin/other"]


def test_help_installs_nothing(machine: Machine, versions: PublishedVersions) -> None:
    outcome = machine.run(versions.publish("1.2.3"), "--help")
    assert (outcome.code, outcome.stdout) == (0, "")
    assert "--uninstall" in outcome.stderr
    assert machine.tree() == []


def test_replaces_symbolic_link_not_its_target(machine: Machine, versions: PublishedVersions) -> None:
    machine.program.parent.mkdir(parents=True)
    other = machine.home / "other"
    other.write_text("mine")
    machine.program.symlink_to(other)
    assert machine.run(versions.publish("1.2.3")).code == 0
    assert other.read_text() == "mine"
    assert machine.program.resolve() != other


def test_leftovers_of_killed_installer_are_removed(machine: Machine, versions: PublishedVersions) -> None:
    leftover = machine.program.parent / ".tiny-install.999999999"
    leftover.mkdir(parents=True)
    (leftover / "archive").touch()
    assert machine.run(versions.publish("1.2.3")).code == 0
    assert_only_installed(machine, ".local/bin")


def test_says_what_hides_the_program(machine: Machine, versions: PublishedVersions) -> None:
    machine.fake("tiny", "echo tiny 0.9")
    machine.variables["PATH"] = f"{machine.bin}:{machine.program.parent}"
    outcome = machine.run(versions.publish("1.2.3"))
    assert f"still runs {machine.bin / 'tiny'}" in outcome.stderr


@pytest.mark.parametrize(
    ("shell", "line"),
    [
        ("/bin/bash", "~/.bashrc"),
        ("/usr/bin/zsh", "~/.zshrc"),
        ("/usr/bin/fish", "fish_add_path $HOME/.local/bin"),
        ("/bin/sh", "~/.profile"),
        ("", "~/.profile"),
    ],
)
def test_path_line_suits_the_shell(dash: Machine, versions: PublishedVersions, shell: str, line: str) -> None:
    dash.variables["SHELL"] = shell
    assert line in dash.run(versions.publish("1.2.3")).stderr


def test_no_path_line_if_folder_is_on_it(dash: Machine, versions: PublishedVersions) -> None:
    dash.variables["PATH"] = f"{dash.program.parent}:{dash.bin}"
    assert "PATH" not in dash.run(versions.publish("1.2.3")).stderr


@pytest.mark.parametrize(
    ("system", "machine_name", "platform"),
    [
        ("Linux", "x86_64", "linux-amd64"),
        ("Linux", "aarch64", "linux-arm64"),
        ("Darwin", "arm64", "darwin-arm64"),
        ("Darwin", "x86_64", "darwin-amd64"),
    ],
)
def test_downloads_for_this_platform(
    dash: Machine, versions: PublishedVersions, system: str, machine_name: str, platform: str
) -> None:
    dash.uname(system, machine_name)
    assert dash.run(versions.publish("1.2.3")).code == 0
    assert versions.path_of("1.2.3", platform) in [path for path, _ in versions.mirror.requests]


def test_rosetta_gets_the_native_program(dash: Machine, versions: PublishedVersions) -> None:
    dash.uname("Darwin", "x86_64")
    dash.fake("sysctl", "echo 1")
    dash.run(versions.publish("1.2.3"))
    assert versions.path_of("1.2.3", "darwin-arm64") in [path for path, _ in versions.mirror.requests]


def test_macos_quarantine_is_removed(dash: Machine, versions: PublishedVersions) -> None:
    dash.uname("Darwin", "arm64")
    dash.fake("xattr", f'echo "$*" >>"{dash.bin}/calls"')
    dash.run(versions.publish("1.2.3"))
    assert (dash.bin / "calls").read_text().startswith("-d com.apple.quarantine ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted_installer_leaves_nothing(
    machine: Machine, versions: PublishedVersions, number: signal.Signals
) -> None:
    script = versions.publish("1.2.3")
    versions.mirror.faults[versions.path_of("1.2.3")] = Fault(delay_seconds=30)
    process = machine.start(script)
    # The manifest comes first, and at once.
    assert versions.mirror.wait_for(versions.path_of("1.2.3"))
    os.killpg(process.pid, number)
    _, stderr = process.communicate(timeout=20)
    assert process.returncode == 128 + number
    assert "Interrupted; nothing was installed." in stderr
    assert machine.tree() == []


def test_no_part_of_the_script_does_anything(dash: Machine, versions: PublishedVersions) -> None:
    """A connection that ends early must not run half of a script, whatever comes last in it."""
    script = versions.publish("1.2.3")
    step = max(1, len(script) // 60)
    for length in [*range(0, len(script) - 200, step), *range(len(script) - 200, len(script) - 2)]:
        outcome = dash.run(script[:length])
        assert dash.tree() == [], length
        assert "Downloading" not in outcome.stderr
    assert versions.mirror.requests == []


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A new key and a certificate for it that no system trusts."""
    path, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = [system_program("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run(
        [*command, *subject, "-keyout", str(key), "-out", str(path)], capture_output=True, check=True, timeout=120
    )
    path.write_text(key.read_text() + path.read_text())
    return path


@pytest.fixture
def secure_versions(certificate: Path) -> Iterator[PublishedVersions]:
    server = Mirror(certificate)
    yield PublishedVersions(server)
    server.close()


def test_installs_over_https(dash: Machine, secure_versions: PublishedVersions, certificate: Path) -> None:
    dash.variables["CURL_CA_BUNDLE"] = str(certificate)
    outcome = dash.run(secure_versions.publish("1.2.3"))
    assert outcome.code == 0, outcome.stderr


def test_https_never_becomes_http(
    dash: Machine, secure_versions: PublishedVersions, versions: PublishedVersions, certificate: Path
) -> None:
    dash.variables["CURL_CA_BUNDLE"] = str(certificate)
    script = secure_versions.publish("1.2.3")
    versions.publish("1.2.3")
    path = versions.path_of("1.2.3")
    insecure = script.replace(f"{secure_versions.mirror.url}{path}", f"{versions.mirror.url}{path}")
    assert insecure != script
    outcome = dash.run(insecure)
    assert outcome.code == 1
    assert versions.mirror.requests == []


@pytest.mark.parametrize("downloader", ["curl", "wget"])
def test_untrusted_certificate_is_refused(dash: Machine, secure_versions: PublishedVersions, downloader: str) -> None:
    dash.remove("curl")
    dash.add(downloader)
    outcome = dash.run(secure_versions.publish("1.2.3"))
    assert outcome.code == 1
    assert "ca-certificates" in outcome.stderr
    assert dash.tree() == []
