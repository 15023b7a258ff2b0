"""The run-time hook as the freeze gets it, in an ordinary interpreter that looks like a frozen one."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from release_tools.freeze.runtime.bootloader import find_bootloader
from release_tools.freeze.runtime_hooks import PACKAGE, default_authorities, write_runtime_hook

REPOSITORY = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="the hooks do something else on Windows"),
]


def run_hook(folder: Path, code: str, authorities: tuple[str, ...] = ("/",), before: str = "", **variables: str) -> str:
    """What `code` prints after the hooks ran, and `before` ran before them."""
    hook = write_runtime_hook(folder / "runtime", authorities)
    program = (
        f"{before}import sys\nsys._MEIPASS = '/tmp/_MEI0000beefabcdef'\nsys.path.insert(0, {str(hook.search_path)!r})\n"
        f"exec(open({str(hook.script)!r}).read())\nexec(open({str(hook.last_script)!r}).read())\n{code}"
    )
    return subprocess.run(
        [sys.executable, "-c", program], env=variables, capture_output=True, text=True, check=True, timeout=60
    ).stdout


def test_hook_leaves_no_name_for_the_app(tmp_path: Path) -> None:
    assert run_hook(tmp_path, "print([name for name in globals() if name[:2] != '__'])") == "['sys']\n"


def test_hook_is_the_same_for_every_build(tmp_path: Path) -> None:
    def files_of(folder: Path) -> dict[str, bytes]:
        write_runtime_hook(folder)
        paths = (path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}

    assert files_of(tmp_path / "a") == files_of(tmp_path / "b")


def test_compiled_in_authorities_reach_the_bundle(tmp_path: Path) -> None:
    write_runtime_hook(tmp_path)
    facts: dict[str, object] = {}
    exec((tmp_path / PACKAGE / "build_facts.py").read_text(encoding="utf-8"), facts)  # noqa: S102 - what was written
    assert facts["OPENSSL_AUTHORITIES"] == default_authorities()


def test_builtins_of_site_are_defined(tmp_path: Path) -> None:
    code = (
        "print(*(repr(value).splitlines()[0] for value in (exit, quit, help, copyright, credits, license)), sep='\\n')"
    )
    from_source = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    without_site = "import builtins\nfor name in ('exit', 'quit', 'help', 'copyright', 'credits', 'license'):\n"
    hidden = f"{without_site}    delattr(builtins, name)\n"
    assert run_hook(tmp_path, code, before=hidden).splitlines()[:4] == from_source.splitlines()[:4]


def test_builtin_that_exists_stays(tmp_path: Path) -> None:
    assert run_hook(tmp_path, "print(exit)", before="import builtins\nbuiltins.exit = 'mine'\n") == "mine\n"


SHOW = "import os; print(os.environ.get('SSL_CERT_FILE', ''))"


@pytest.fixture
def bundle_of_authorities() -> str:
    known = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
    found = next(filter(os.path.isfile, known), None)
    if found is None:
        pytest.skip("this machine has no certificate authorities")
    return found


def test_authorities_are_found_for_openssl(tmp_path: Path, bundle_of_authorities: str) -> None:
    empty = tmp_path / "certs"
    empty.mkdir()
    shown = run_hook(tmp_path, SHOW, (str(tmp_path / "cert.pem"), str(empty)))
    assert shown == f"{bundle_of_authorities}\n"


def test_child_does_not_get_the_found_authorities(tmp_path: Path, bundle_of_authorities: str) -> None:
    code = "import os; os.system('echo ${SSL_CERT_FILE:-none}')"
    assert bundle_of_authorities
    assert run_hook(tmp_path, code, ("/none",)) == "none\n"


def test_found_authorities_are_loaded(tmp_path: Path, bundle_of_authorities: str) -> None:
    code = "import ssl; print(ssl.create_default_context().cert_store_stats()['x509_ca'] > 0)"
    assert bundle_of_authorities
    # As on a machine whose OpenSSL was compiled for other places.
    assert run_hook(tmp_path, code, ("/none",), SSL_CERT_DIR="") == "True\n"


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_authorities_of_the_user_are_kept(tmp_path: Path, variable: str) -> None:
    shown = run_hook(tmp_path, SHOW, ("/none",), **{variable: "/mine"})
    assert shown.split() == (["/mine"] if variable == "SSL_CERT_FILE" else [])


@pytest.mark.parametrize("name", ["cert.pem", "certs/a.0"])
def test_authorities_that_openssl_finds_are_kept(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    file.write_text("", encoding="utf-8")
    assert run_hook(tmp_path, SHOW, (str(tmp_path / "cert.pem"), str(tmp_path / "certs"))).split() == []


SHOW_LOCALE = "import _locale, os; print(_locale.setlocale(_locale.LC_ALL), os.environ.get('LC_CTYPE'))"
LOCALES: tuple[dict[str, str], ...] = (
    {},
    {"LANG": "C"},
    {"LANG": "xx_XX"},
    {"LC_CTYPE": "POSIX"},
    {"LC_CTYPE": "C", "LANG": "C.UTF-8"},
    {"LANG": "C.UTF-8"},
    {"LC_ALL": "C"},
    {"LC_ALL": "POSIX"},
    {"LC_ALL": "", "LANG": "C"},
    {"LC_ALL": "C.UTF-8"},
    {"LC_ALL": "en_US.ISO-8859-1"},
    {"LANG": "en_US.ISO-8859-1"},
    {"LC_NUMERIC": "en_US.ISO-8859-1"},
    {"PYTHONCOERCECLOCALE": "0"},
)


@pytest.mark.parametrize("variables", LOCALES, ids=lambda it: " ".join("=".join(pair) for pair in it.items()) or "none")
def test_locale_is_coerced_as_python_does(tmp_path: Path, variables: dict[str, str]) -> None:
    localedef = shutil.which("localedef")
    if localedef:
        command = [localedef, "--inputfile=en_US", "--charmap=ISO-8859-1", str(tmp_path / "en_US.ISO-8859-1")]
        subprocess.run(command, check=True, timeout=60)
        variables = {**variables, "LOCPATH": str(tmp_path)}
    command = [sys.executable, "-c", SHOW_LOCALE]
    source = subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=60).stdout
    # Isolated, Python ignores the variable, so that only the hook can obey it. Its own coercion is undone.
    undo = "import _locale, os\nos.environ.pop('LC_CTYPE', 0)\n"
    undo += f"os.environ |= {variables!r}\n_locale.setlocale(_locale.LC_ALL, 'C')\n"
    undo += "try: _locale.setlocale(_locale.LC_CTYPE, '')\nexcept _locale.Error: pass\n"
    hook = write_runtime_hook(tmp_path / "runtime", ("/",))
    code = f"{undo}import sys; sys.path.insert(0, {str(hook.search_path)!r})\nexec(open({str(hook.script)!r}).read())\n"
    command = [sys.executable, "-IXutf8", "-c", code + SHOW_LOCALE]
    frozen = subprocess.run(command, env=variables, capture_output=True, text=True, check=True, timeout=60).stdout
    assert frozen == source


def test_child_gets_the_coerced_locale(tmp_path: Path) -> None:
    assert run_hook(tmp_path, "import os; os.system('echo $LC_CTYPE')", LANG="C").startswith(("C.", "UTF-8"))


WATCHED = """
import os, sys
folder = "_MEI%08xabcdef" % ({parent})
program = os.fork()
if program == 0:
    sys._MEIPASS = "/tmp/" + folder
    sys.path.insert(0, {repository!r})
    from release_tools.freeze.runtime import bootloader
    bootloader.install()
    os.write(1, b"ready\\n")
    import threading; threading.Event().wait()
os.waitpid(program, 0)
"""


def outcome(parent: str) -> str:
    """How a program ends after its parent was killed: "ended" or "alive"."""
    code = WATCHED.format(parent=parent, repository=str(REPOSITORY))
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


def test_program_ends_with_its_killed_bootloader() -> None:
    assert outcome("os.getpid()") == "ended"


@pytest.mark.parametrize("parent", ["os.getppid()", "0"])
def test_worker_survives_its_killed_parent(parent: str) -> None:
    assert outcome(parent) == "alive"


@pytest.mark.parametrize("folder", ["/opt/app/_internal", "/tmp/_MEIxyz", "/tmp/_MEI1234", ""])  # noqa: S108
def test_program_in_a_folder_is_not_watched(folder: str) -> None:
    assert find_bootloader(folder) == 0


SHOW_WORKER_PATH = "sys.path.insert(0, ''); print(multiprocessing.spawn.get_preparation_data('worker')['sys_path'][0])"
# As PyInstaller's own hook for multiprocessing does.
LIKE_PYINSTALLER = "import multiprocessing.spawn\nmultiprocessing.process.ORIGINAL_DIR = None\n"


def test_spawned_worker_imports_from_the_working_folder(tmp_path: Path) -> None:
    assert run_hook(tmp_path, SHOW_WORKER_PATH, before=LIKE_PYINSTALLER) == f"{Path.cwd()}\n"
