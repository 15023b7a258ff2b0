"""What only the build machine may know is found wherever it stands, and nothing is found where there is nothing.

The secrets are put together here, so that no file of this repository holds one.
"""

import dataclasses
import getpass
import io
import os
import socket
import sys
import zipfile
from pathlib import Path

import pytest

from release_tools.binaries.payload import PayloadError
from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, VerificationContext
from release_tools.verification.static.leaks import check_leaks, machine_marks, secret_marks
from tests.release_tools.verification.context_variants import allowing, as_build
from tests.release_tools.verification.static.contexts import as_dev_build, make_context

KEY = "-----BEGIN RSA PRIVATE KEY-----"
BASE64 = "MIIEpAIBAAKCAQEA7bq" * 20
SECRETS = {
    "a private key": f"{KEY}\n{BASE64}\n-----END RSA PRIVATE KEY-----",
    "an access key of AWS": "AKIA" + "QWERTYUIOPASDFGH",
    "a token of GitHub": "ghp_" + "a1B2c3D4e5F6" * 3,
    "a token of Slack": "xoxb-" + "1234567890-1234567890123-" + "abcDEF123456" * 2,
    "an API key of Google": "AIza" + "SyB1234567890abcdefghijklmnopqrstuv",
    "an API key of a model provider": "sk-proj-" + "aB3_dE5-" * 8,
    "a token of PyPI": "pypi-AgE" + "IcHlwaS5vcmcC" * 8,
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
    """A machine whose user and name tell something, and whose Python does not lie in the user's home."""
    monkeypatch.setattr(getpass, "getuser", lambda: "nicola")
    monkeypatch.setattr(socket, "gethostname", lambda: "tortoise.example.org")
    monkeypatch.setattr(sys, "base_prefix", "/opt/pythons/3.13.1")


def found(context: VerificationContext) -> str:
    with pytest.raises(CheckFailedError) as failure:
        check_leaks(context)
    return failure.value.what


def test_an_executable_that_tells_nothing_passes(settings: ReleaseSettings) -> None:
    modules = {"app": "NAME = 'app'", "app.cli": "import app"}
    context = make_context(settings, data={"app/notes.txt": b"nothing to see"}, modules=modules)
    # The bootloader, the script, the file and two modules.
    assert check_leaks(context) == "none in 5 files and modules"


def test_the_projects_folder_is_found_in_files_modules_scripts_and_zip_files(settings: ReleaseSettings) -> None:
    folder = str(settings.root)
    packed = zip_file(zipfile.ZIP_DEFLATED, **{"inner.pyc": b"\0" * 999 + folder.encode()})
    context = make_context(
        settings,
        binaries={"lib/a.so": b"\0" + folder.encode() + b"/src\0"},
        data={"base_library.zip": packed, "wide.txt": folder.encode("utf-16-le")},
        modules={"app.cli": f"ROOT = {folder!r}"},
        script=f"ROOT = {folder + '/app'!r}",
    )
    lines = [line for line in found(context).splitlines() if "the project's folder" in line]
    assert [line.split(" holds ")[0] for line in lines] == [
        "  - base_library.zip/inner.pyc",
        "  - lib/a.so",
        "  - main",
        "  - module app.cli",
        "  - wide.txt",
    ]


def zip_file(method: int, **files: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return packed.getvalue()


def test_zip_files_that_would_fill_the_memory_are_found(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("release_tools.verification.static.leaks._MOST_UNZIPPED_BYTES", 3 * 2**20)
    zeros = zip_file(zipfile.ZIP_DEFLATED, zeros=bytes(2 * 2**20))
    assert check_leaks(make_context(settings, data={"one.zip": zeros}))
    both = make_context(settings, data={"one.zip": zeros, "two.zip": zeros})
    assert found(both).endswith("hold more than 3 MiB; the first that cannot be searched is two.zip")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_zip_files_that_inflate_at_once_are_searched_as_they_are(settings: ReleaseSettings, method: int) -> None:
    context = make_context(settings, data={"packed.zip": zip_file(method, zeros=bytes(2**20))})
    # The bootloader, the script and the zip file, and nothing in it.
    assert check_leaks(context) == "none in 3 files and modules; searched as they are packed: packed.zip/zeros"
    # What the build itself has made is no bomb.
    assert check_leaks(as_build(context)).startswith("none in 4 files and modules")


def test_a_damaged_file_in_a_zip_file_hides_no_other(settings: ReleaseSettings) -> None:
    content = zip_file(zipfile.ZIP_STORED, first=b"to be damaged", second=f"cache = {settings.root}".encode())
    context = make_context(settings, data={"a.zip": content.replace(b"to be damaged", b"has been done")})
    assert "a.zip/second holds the project's folder" in found(context)


def test_the_bootloader_is_searched_too(settings: ReleaseSettings) -> None:
    bootloader = b"\x7fELF" + bytes(4096) + str(settings.root).encode()
    assert "tiny holds the project's folder" in found(make_context(settings, bootloader=bootloader))


@pytest.mark.parametrize("home", ["/home/nicola/x", "/Users/nicola", "C:\\Users\\nicola\\x", "C:\\\\Users\\\\nicola"])
@pytest.mark.shows_failing("leaks")
def test_the_users_home_is_found(settings: ReleaseSettings, home: str) -> None:
    context = make_context(settings, data={"a.cfg": f"cache = {home}".encode()})
    assert found(context).endswith("a.cfg holds the home folder of nicola")


@pytest.mark.parametrize("text", ["nicola", "by nicola@example.org", "/home/nicolas/x", "/home/another"])
def test_the_users_name_alone_and_other_homes_are_no_finding(settings: ReleaseSettings, text: str) -> None:
    check_leaks(make_context(settings, data={"AUTHORS": text.encode()}))


def test_a_name_that_many_machines_have_tells_nothing(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "runner")
    monkeypatch.setattr(socket, "gethostname", lambda: "vm")
    context = make_context(settings, data={"a.txt": b"/home/runner/x on vm, and /Users/runner"})
    check_leaks(as_build(context))


def test_a_user_without_a_name_is_no_obstacle(settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown() -> str:
        raise OSError("no username set in the environment")

    monkeypatch.setattr(getpass, "getuser", unknown)
    check_leaks(make_context(settings))


def test_the_machines_name_is_found_as_a_word_in_what_was_made_here(settings: ReleaseSettings) -> None:
    context = as_build(make_context(settings, data={"a.txt": b"built on tortoise at noon"}))
    assert found(context).endswith("a.txt holds the machine's name, tortoise")
    check_leaks(as_build(make_context(settings, data={"a.txt": b"tortoises, and xtortoise"})))


def test_in_a_locked_distribution_the_machines_name_is_chance(settings: ReleaseSettings) -> None:
    # A file that the RECORD of an installed distribution lists.
    context = as_build(make_context(settings, data={"pytest/py.typed": b"the hare and the tortoise"}))
    check_leaks(context)


def test_the_folder_of_the_builds_python_is_stated(settings: ReleaseSettings) -> None:
    context = make_context(settings, binaries={"libpython3.13.so": b"PREFIX=/opt/pythons/3.13.1\0"})
    assert check_leaks(context) == (
        "none in 3 files and modules; the folder of the build's Python, /opt/pythons/3.13.1, stands in libpython3.13.so"
    )


def test_in_the_users_home_it_is_stated_for_a_dev_build_and_refused_for_a_version(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/home/nicola/python")
    binaries = {"libpython3.13.so": b"/home/nicola/python\0/home/nicola/python/lib\0"}
    context = make_context(settings, binaries=binaries)
    assert check_leaks(as_dev_build(context)).endswith("/home/nicola/python, stands in libpython3.13.so")
    assert found(context).endswith("libpython3.13.so holds the folder of the build's Python, /home/nicola/python")


def test_python_behind_a_link_is_stated_by_either_name(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    installed, link = tmp_path / "cpython-3.13.5", tmp_path / "cpython-3.13"
    installed.mkdir()
    link.symlink_to(installed)
    monkeypatch.setattr(sys, "base_prefix", str(link))
    context = make_context(settings, binaries={"linked.so": f"{link}\0".encode(), "real.so": f"{installed}\0".encode()})
    assert check_leaks(context).endswith(f"{link}, stands in linked.so, real.so")


def test_another_folder_of_the_home_is_refused_for_a_dev_build_too(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "base_prefix", "/home/nicola/python")
    context = make_context(settings, data={"a.txt": b"/home/nicola/python and /home/nicola/notes"})
    assert found(as_dev_build(context)).endswith("a.txt holds the home folder of nicola")


def test_the_value_of_a_secret_variable_is_found_and_not_shown(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    value = "correct horse battery"
    monkeypatch.setenv("DEPLOY_PASSWORD", value)
    text = found(make_context(settings, modules={"app": f"LOGIN = {value!r}"}))
    assert text.endswith("module app holds the value of the environment variable DEPLOY_PASSWORD")
    assert value not in text


@pytest.mark.parametrize(
    ("name", "value"), [("EDITOR", "correct horse battery"), ("API_KEY", "short"), ("KEY_FILE", str(Path.cwd()))]
)
def test_other_variables_short_values_and_paths_are_no_secrets(
    settings: ReleaseSettings, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    check_leaks(make_context(settings, data={"a.txt": value.encode()}))


@pytest.mark.parametrize(("what", "secret"), SECRETS.items(), ids=SECRETS)
def test_a_secret_is_found_in_files_and_in_code_and_not_shown(
    settings: ReleaseSettings, what: str, secret: str
) -> None:
    context = make_context(
        settings,
        data={"a.json": secret.encode(), "b.json": secret.replace("\n", "\\n").encode()},
        modules={"app": f"class Client:\n    token = {secret!r}\n"},
    )
    text = found(context)
    assert [line.removeprefix("  - ") for line in text.splitlines()[1:]] == [
        f"a.json holds {what}",
        f"b.json holds {what}",
        f"module app holds {what}",
    ]
    assert secret not in text


@pytest.mark.parametrize("text", LOOKALIKES)
def test_what_only_looks_like_a_secret_is_let_through(settings: ReleaseSettings, text: str) -> None:
    check_leaks(make_context(settings, data={"a.txt": text.encode()}, modules={"app": f"TEXT = {text!r}"}))


def test_a_key_that_is_meant_to_be_public_can_be_allowed(settings: ReleaseSettings) -> None:
    context = make_context(settings, data={"test.pem": SECRETS["a private key"].encode()})
    check_leaks(allowing(context, "test.pem holds a private key"))


def test_a_file_without_a_payload_is_found(settings: ReleaseSettings) -> None:
    context = make_context(settings)
    context.executable.write_bytes(b"nothing")
    with pytest.raises(PayloadError):
        check_leaks(context)


@pytest.mark.parametrize("secret", ["t" * 2000, "kaf\udce9-kaf\udce9-kaf\udce9", "with\na line end"])
def test_a_secret_may_be_any_text(secret: str) -> None:
    mark = secret_marks({"REQUEST_TOKEN": secret})[0]
    assert mark.is_in(b"before " + os.fsencode(secret) + b" after")
    assert not mark.is_in(b"nothing of the kind")


@pytest.mark.skipif(sys.platform == "win32", reason="paths are text there")
def test_a_project_may_lie_in_a_folder_whose_name_is_no_text(settings: ReleaseSettings) -> None:
    root = Path("/srv/kaf\udce9/project")
    context = dataclasses.replace(make_context(settings), settings=dataclasses.replace(settings, root=root))
    assert any(mark.is_in(b"/srv/kaf\xe9/project/app.py") for mark in machine_marks(context, None))
