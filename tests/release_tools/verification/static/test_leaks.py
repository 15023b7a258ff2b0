"""The secrets here are concatenated, so that no file of this repository contains one."""

import dataclasses
import getpass
import io
import os
import socket
import sys
import zipfile
from pathlib import Path

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError
from release_tools.verification.static.leaks import check_leaks, machine_marks, secret_marks
from tests.release_tools.installed import PROJECT, environment_of, install
from tests.release_tools.verification.context_variants import allowing, as_build
from tests.release_tools.verification.static.contexts import as_dev_build, findings_of, make_context

KEY = "-----BEGIN RSA PRIVATE KEY-----"
BASE64 = "MIIEpAIBAAKCAQEA7bq" * 20
SECRETS = {
    "a private key": f"{KEY}\n{BASE64}\n-----END RSA PRIVATE KEY-----",
    "an AWS access key": "AKIA" + "QWERTYUIOPASDFGH",
    "a GitHub token": "ghp_" + "a1B2c3D4e5F6" * 3,
    "a Slack token": "xoxb-" + "1234567890-1234567890123-" + "abcDEF123456" * 2,
    "a Google API key": "AIza" + "SyB1234567890abcdefghijklmnopqrstuv",
    "a model provider's API key": "sk-proj-" + "aB3_dE5-" * 8,
    "a PyPI token": "pypi-AgE" + "IcHlwaS5vcmcC" * 8,
}
LOOKALIKES = (
    f"{KEY}\n...\n-----END RSA PRIVATE KEY-----",
    f'header = "{KEY}"',
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ghp_your_token_here",
    "xoxb-your-token",
    "sk-proj-...",
    "sk-ant-api03-xxxx",
    "task-proj-" + "a" * 60,
    "pypi-AgEIcHlwaS5vcmc",
)


@pytest.fixture(autouse=True)
def _machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with an uncommon user and host name, whose Python isn't in the user's home."""
    monkeypatch.setattr(getpass, "getuser", lambda: "nicola")
    monkeypatch.setattr(socket, "gethostname", lambda: "tortoise.example.org")
    monkeypatch.setattr(sys, "base_prefix", "/opt/pythons/3.13.1")


def test_clean_executable_passes(settings: ReleaseSettings) -> None:
    modules = {"app": "NAME = 'app'", "app.cli": "import app"}
    context = make_context(settings, data={"app/notes.txt": b"nothing to see"}, modules=modules)
    # The bootloader, the script, the file and two modules.
    assert check_leaks(context).figure == "none in 5 files and modules"


def test_project_folder_is_found_in_every_part(settings: ReleaseSettings) -> None:
    folder = str(settings.root)
    packed = zip_file(zipfile.ZIP_DEFLATED, **{"inner.pyc": b"\0" * 999 + folder.encode()})
    context = make_context(
        settings,
        binaries={"lib/a.so": b"\0" + folder.encode() + b"/src\0"},
        data={"base_library.zip": packed, "wide.txt": folder.encode("utf-16-le")},
        modules={"app.cli": f"ROOT = {folder!r}"},
        script=f"ROOT = {folder + '/app'!r}",
    )
    found = [finding for finding in findings_of(check_leaks, context) if "the project folder" in finding]
    assert [finding.split(" contains ")[0] for finding in found] == [
        "base_library.zip/inner.pyc",
        "lib/a.so",
        "main",
        "module app.cli",
        "wide.txt",
    ]


def zip_file(method: int, **files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def test_zip_bomb_is_refused(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("release_tools.verification.static.leaks._MOST_UNZIPPED_BYTES", 3 * 2**20)
    zeros = zip_file(zipfile.ZIP_DEFLATED, zeros=bytes(2 * 2**20))
    check_leaks(make_context(settings, data={"one.zip": zeros}))
    both = make_context(settings, data={"one.zip": zeros, "two.zip": zeros})
    assert findings_of(check_leaks, both) == ("two.zip",)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_downloaded_zip_of_other_method_stays_packed(settings: ReleaseSettings, method: int) -> None:
    context = make_context(settings, data={"packed.zip": zip_file(method, zeros=bytes(2**20))})
    # The bootloader, the script and the zip file itself.
    assert check_leaks(context).figure == "none in 3 files and modules; not unpacked: packed.zip/zeros"
    # The build trusts its own files.
    assert check_leaks(as_build(context)).figure.startswith("none in 4 files and modules")


def test_damaged_zip_entry_does_not_hide_others(settings: ReleaseSettings) -> None:
    content = zip_file(zipfile.ZIP_STORED, first=b"to be damaged", second=f"cache = {settings.root}".encode())
    context = make_context(settings, data={"a.zip": content.replace(b"to be damaged", b"has been done")})
    assert f"a.zip/second contains the project folder {settings.root}" in findings_of(check_leaks, context)


def test_bootloader_is_searched(settings: ReleaseSettings) -> None:
    bootloader = b"\x7fELF" + bytes(4096) + str(settings.root).encode()
    context = make_context(settings, bootloader=bootloader)
    assert f"tiny contains the project folder {settings.root}" in findings_of(check_leaks, context)


@pytest.mark.parametrize("home", ["/home/nicola/x", "/Users/nicola", "C:\\Users\\nicola\\x", "C:\\\\Users\\\\nicola"])
@pytest.mark.shows_failing("leaks")
def test_users_home_is_found(settings: ReleaseSettings, home: str) -> None:
    context = make_context(settings, data={"a.cfg": f"cache = {home}".encode()})
    assert findings_of(check_leaks, context) == ("a.cfg contains the home folder of nicola",)


@pytest.mark.parametrize("text", ["nicola", "by nicola@example.org", "/home/nicolas/x", "/home/another"])
def test_user_name_and_other_homes_pass(settings: ReleaseSettings, text: str) -> None:
    check_leaks(make_context(settings, data={"AUTHORS": text.encode()}))


def test_common_user_and_host_names_pass(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "runner")
    monkeypatch.setattr(socket, "gethostname", lambda: "vm")
    context = make_context(settings, data={"a.txt": b"/home/runner/x on vm, and /Users/runner"})
    check_leaks(as_build(context))


def test_user_without_a_name_is_supported(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise OSError("no username set in the environment")

    monkeypatch.setattr(getpass, "getuser", unknown)
    check_leaks(make_context(settings))


def test_host_name_is_found_as_a_word(settings: ReleaseSettings) -> None:
    context = as_build(make_context(settings, data={"a.txt": b"built on tortoise at noon"}))
    assert findings_of(check_leaks, context) == ("a.txt contains the host name tortoise",)
    check_leaks(as_build(make_context(settings, data={"a.txt": b"tortoises, and xtortoise"})))


def test_host_name_in_a_locked_distribution_passes(settings: ReleaseSettings) -> None:
    # In the RECORD of an installed distribution.
    context = as_build(make_context(settings, data={"pytest/py.typed": b"the hare and the tortoise"}))
    check_leaks(context)


def test_folder_of_python_is_reported(settings: ReleaseSettings) -> None:
    context = make_context(settings, binaries={"libpython3.13.so": b"PREFIX=/opt/pythons/3.13.1\0"})
    assert check_leaks(context).figure.endswith("/opt/pythons/3.13.1, is in libpython3.13.so")


def test_only_dev_build_may_contain_python_folder(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/home/nicola/python")
    binaries = {"libpython3.13.so": b"/home/nicola/python\0/home/nicola/python/lib\0"}
    context = make_context(settings, binaries=binaries)
    assert check_leaks(as_dev_build(context)).figure.endswith("/home/nicola/python, is in libpython3.13.so")
    (finding,) = findings_of(check_leaks, context)
    assert finding.startswith("libpython3.13.so contains the folder of the build's Python")


def test_linked_python_folder_is_reported_by_either_name(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed, link = tmp_path / "cpython-3.13.5", tmp_path / "cpython-3.13"
    installed.mkdir()
    link.symlink_to(installed)
    monkeypatch.setattr(sys, "base_prefix", str(link))
    context = make_context(settings, binaries={"linked.so": f"{link}\0".encode(), "real.so": f"{installed}\0".encode()})
    assert check_leaks(context).figure.endswith(f"{link}, is in linked.so, real.so")


def test_home_folder_in_dev_build_is_refused(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/home/nicola/python")
    context = make_context(settings, data={"a.txt": b"/home/nicola/python and /home/nicola/notes"})
    assert findings_of(check_leaks, as_dev_build(context)) == ("a.txt contains the home folder of nicola",)


def test_value_of_secret_variable_is_found_but_not_shown(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = "correct horse battery"
    monkeypatch.setenv("DEPLOY_PASSWORD", value)
    with pytest.raises(CheckFailedError) as caught:
        check_leaks(make_context(settings, modules={"app": f"LOGIN = {value!r}"}))
    assert caught.value.findings == ("module app contains the value of the environment variable DEPLOY_PASSWORD",)
    assert value not in caught.value.what


@pytest.mark.parametrize(
    ("name", "value"), [("EDITOR", "correct horse battery"), ("API_KEY", "short"), ("KEY_FILE", str(Path.cwd()))]
)
def test_other_variables_short_values_and_paths_pass(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    check_leaks(make_context(settings, data={"a.txt": value.encode()}))


@pytest.mark.parametrize(("what", "secret"), SECRETS.items(), ids=SECRETS)
def test_secret_is_found_but_not_shown(settings: ReleaseSettings, what: str, secret: str) -> None:
    context = make_context(
        settings,
        data={"a.json": secret.encode(), "b.json": secret.replace("\n", "\\n").encode()},
        modules={"app": f"class Client:\n    token = {secret!r}\n"},
    )
    with pytest.raises(CheckFailedError) as caught:
        check_leaks(context)
    assert caught.value.findings == tuple(f"{part} contains {what}" for part in ("a.json", "b.json", "module app"))
    assert secret not in caught.value.what


@pytest.mark.parametrize(
    ("distribution", "changed", "is_found"),
    [("client", "", False), ("client", "# patched here", True), (PROJECT, "", True)],
    ids=["locked wheel", "file that was changed", "project"],
)
def test_only_what_a_locked_wheel_publishes_is_no_leak(
    settings: ReleaseSettings, tmp_path: Path, distribution: str, changed: str, is_found: bool
) -> None:
    secret = SECRETS["a Google API key"]
    texts = {"client/keys.json": secret, "client/api.py": f"KEY = {secret!r}\n"}
    installed = install(tmp_path, distribution, texts)
    for path, text in texts.items():
        (tmp_path / path).write_text(text + changed, encoding="utf-8")
    others = () if distribution == PROJECT else (install(tmp_path, PROJECT, ()),)
    context = make_context(
        settings,
        data={"client/keys.json": (secret + changed).encode()},
        modules={"client.api": texts["client/api.py"]},
        installed=environment_of(installed, *others),
    )
    found = [f"{part} contains a Google API key" for part in ("client/keys.json", "module client.api")]
    if is_found:
        assert findings_of(check_leaks, context) == tuple(found)
    else:
        notes = check_leaks(context).notes
        assert [note.partition(",")[0] for note in notes] == found


@pytest.mark.parametrize("text", LOOKALIKES)
def test_lookalike_of_a_secret_passes(settings: ReleaseSettings, text: str) -> None:
    check_leaks(make_context(settings, data={"a.txt": text.encode()}, modules={"app": f"TEXT = {text!r}"}))


def test_allowed_key_passes(settings: ReleaseSettings) -> None:
    context = make_context(settings, data={"test.pem": SECRETS["a private key"].encode()})
    check_leaks(allowing(context, "test.pem contains a private key"))


@pytest.mark.parametrize("secret", ["t" * 2000, "kaf\udce9-kaf\udce9-kaf\udce9", "with\na line end"])
def test_secret_may_be_any_text(secret: str) -> None:
    mark = secret_marks({"REQUEST_TOKEN": secret})[0]
    assert mark.is_in(b"before " + os.fsencode(secret) + b" after")
    assert not mark.is_in(b"nothing of the kind")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows paths are always text")
def test_undecodable_project_folder_is_found(settings: ReleaseSettings) -> None:
    root = Path("/srv/kaf\udce9/project")
    context = dataclasses.replace(make_context(settings), settings=dataclasses.replace(settings, root=root))
    assert any(mark.is_in(b"/srv/kaf\xe9/project/app.py") for mark in machine_marks(context, None))
