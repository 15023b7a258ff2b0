"""The runtime hooks as the freeze gets them, in an ordinary interpreter that is dressed up as a frozen one."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from release_tools.freeze.runtime_hooks import default_authorities, write_runtime_hooks

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="the hooks do something else on Windows"),
]


def run_hooks(folder: Path, code: str, compiled_in: tuple[str, ...] = ("/",), **variables: str) -> str:
    """What `code` prints after all hooks."""
    hooks = "".join(f"exec(open({hook!r}).read())\n" for hook in write_runtime_hooks(folder, compiled_in))
    # Outside of the namespace that the hooks have run in, there is nothing of theirs.
    program = f"import sys\nsys._MEIPASS = '/tmp/_MEI0000beefabcdef'\n{hooks}{code}"
    return subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_the_hooks_leave_no_name_behind_for_the_app_to_see(tmp_path: Path) -> None:
    assert run_hooks(tmp_path, "print([name for name in globals() if name[:2] != '__'])") == "['sys']\n"


def test_the_hooks_are_ordinary_code_and_the_same_for_every_build(tmp_path: Path) -> None:
    first, second = write_runtime_hooks(tmp_path / "a"), write_runtime_hooks(tmp_path / "b")
    assert [Path(hook).name for hook in first] == [
        "parent_watch.py",
        "authorities.py",
        "time_zones.py",
        "child_environment.py",
    ]
    for one, other in zip(first, second, strict=True):
        assert Path(one).read_bytes() == Path(other).read_bytes()


def test_the_places_of_this_pythons_openssl_are_written_down(tmp_path: Path) -> None:
    hook = write_runtime_hooks(tmp_path)[1]
    assert f"COMPILED_IN = {default_authorities()!r}\n" in Path(hook).read_text(encoding="utf-8")


SHOW = "import os; print(os.environ.get('SSL_CERT_FILE', ''), os.environ.get('_RELEASE_TOOLS_AUTHORITIES', ''))"


@pytest.fixture
def bundle_of_authorities() -> str:
    known = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
    found = next(filter(os.path.isfile, known), None)
    if found is None:
        pytest.skip("this machine has no certificate authorities")
    return found


def test_authorities_are_found_where_openssl_would_find_none(tmp_path: Path, bundle_of_authorities: str) -> None:
    empty = tmp_path / "certs"
    empty.mkdir()
    shown = run_hooks(tmp_path, SHOW, (str(tmp_path / "cert.pem"), str(empty)))
    assert shown == f"{bundle_of_authorities} {bundle_of_authorities}\n"


def test_authorities_are_loaded_from_there(tmp_path: Path, bundle_of_authorities: str) -> None:
    code = "import ssl; print(ssl.create_default_context().cert_store_stats()['x509_ca'] > 0)"
    assert bundle_of_authorities
    # As on a machine whose OpenSSL was compiled for other places.
    assert run_hooks(tmp_path, code, ("/none",), SSL_CERT_DIR="") == "True\n"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_authorities_that_the_user_chose_are_left_alone(tmp_path: Path, variable: str) -> None:
    shown = run_hooks(tmp_path, SHOW, ("/none",), **{variable: "/mine"})
    assert shown.split() == (["/mine"] if variable == "SSL_CERT_FILE" else [])


@pytest.mark.parametrize("name", ["cert.pem", "certs/a.0"])
def test_authorities_that_openssl_finds_itself_are_left_to_it(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("", encoding="utf-8")
    assert run_hooks(tmp_path, SHOW, (str(tmp_path / "cert.pem"), str(tmp_path / "certs"))).split() == []


WATCHED = """
import os, sys
folder = "_MEI%08xabcdef" % ({parent})
program = os.fork()
if program == 0:
    sys._MEIPASS = "/tmp/" + folder
    exec(open({hook!r}).read())
    os.write(1, b"ready\\n")
    import threading; threading.Event().wait()
os.waitpid(program, 0)
"""


def outcome(folder: Path, parent: str) -> str:
    """How a program ends after its parent was killed: "ended" or "alive"."""
    hook = write_runtime_hooks(folder)[0]
    code = WATCHED.format(parent=parent, hook=hook)
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.kill()
        try:
            # Its output ends with the last process that has it open.
            process.communicate(timeout=3)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            return "alive"
        return "ended"


def test_a_program_whose_bootloader_is_killed_ends(tmp_path: Path) -> None:
    assert outcome(tmp_path, "os.getpid()") == "ended"


@pytest.mark.parametrize("parent", ["os.getppid()", "0"])
def test_a_worker_whose_parent_is_killed_goes_on(tmp_path: Path, parent: str) -> None:
    assert outcome(tmp_path, parent) == "alive"


@pytest.mark.parametrize("folder", ["/opt/app/_internal", "/tmp/_MEIxyz", "/tmp/_MEI1234", ""])  # noqa: S108
def test_a_program_that_is_not_one_file_is_not_watched(tmp_path: Path, folder: str) -> None:
    hook = write_runtime_hooks(tmp_path)[0]
    code = f"import sys, threading; sys._MEIPASS = {folder!r}; exec(open({hook!r}).read()); print('fine')"
    finished = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert finished.stdout == "fine\n"
