"""The hook is tried in an ordinary interpreter that is dressed up as a frozen one; the integration test freezes it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from release_tools.freeze.runtime import child_environment, interpreter

REPOSITORY = Path(__file__).parents[3]

pytestmark = [
    pytest.mark.programs,
    pytest.mark.skipif(sys.platform == "win32", reason="library paths are environment variables on POSIX only"),
]

PRELUDE = f"""
import json, os, shlex, signal, subprocess, sys, threading
sys._MEIPASS = "/bundle/_MEIabc"
sys.path.insert(0, {str(REPOSITORY)!r})
from release_tools.freeze.runtime import child_environment
child_environment.remember()
child_environment.install()
own = [sys.executable, "-c", "import json, os; print(json.dumps(dict(os.environ)))"]
show = ["/bin/sh", "-c", shlex.join(own)]
async def wait_for_child():
    await (await asyncio.create_subprocess_exec(*show)).wait()
def in_child(replace):
    child = os.fork()
    if child == 0:
        replace()
    os.waitpid(child, 0)
"""


def run_hooked(code: str, **variables: str) -> str:
    """What `code` prints in a program with the hook."""
    frozen = {"LD_LIBRARY_PATH": "/bundle/_MEIabc", "_PYI_ARCHIVE_FILE": "/app", "_PYI_PARENT_PROCESS_LEVEL": "1"}
    return subprocess.run(
        [sys.executable, "-c", PRELUDE + code],
        env={"PATH": os.environ["PATH"], **frozen, **variables},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout


def environment_of_child(code: str, **variables: str) -> dict[str, str]:
    """The environment that a child sees which `code` starts with the argument list `show`."""
    seen: dict[str, str] = json.loads(run_hooked(code, **variables))
    return seen


@pytest.mark.parametrize(
    "code",
    [
        "subprocess.run(show)",
        "subprocess.run(map(str, show))",
        "subprocess.run(args=iter(show))",
        "subprocess.run(show, env={**os.environ, 'MINE': '1'})",
        "subprocess.run(shlex.join(show), shell=True)",
        "import asyncio; asyncio.run(wait_for_child())",
        "print(os.popen(shlex.join(show)).read())",
        "subprocess.Popen(show, -1, None, None, None, None, None, True, False, None, dict(os.environ)).wait()",
        "subprocess.run(show, env={os.fsencode(k): os.fsencode(v) for k, v in os.environ.items()})",
        "os.system(shlex.join(show))",
        "threading.Thread(target=os.system, args=[shlex.join(show)]).start()",
        "os.execv(show[0], show)",
        "os.execve(show[0], show, os.environ)",
        "os.execve(path=show[0], argv=show, env=dict(os.environ))",
        "os.execlp(show[0], *show)",
        "os.spawnv(os.P_WAIT, show[0], show)",
        "os.spawnve(os.P_WAIT, show[0], show, os.environ)",
        "os.waitpid(os.posix_spawn(show[0], show, os.environ), 0)",
        "os.waitpid(os.posix_spawnp(show[0], show, os.environ, setsigdef=[signal.SIGPIPE]), 0)",
        "in_child(lambda: os.execvp(show[0], show))",
        "import pty; pty.spawn(show)",
    ],
)
def test_no_child_sees_what_the_bootloader_set(code: str) -> None:
    seen = environment_of_child(code)
    assert "LD_LIBRARY_PATH" not in seen
    assert not [name for name in seen if name.startswith("_PYI_")]


def test_users_library_path_is_restored() -> None:
    seen = environment_of_child("subprocess.run(show)", LD_LIBRARY_PATH_ORIG="/opt/lib")
    assert seen["LD_LIBRARY_PATH"] == "/opt/lib"
    assert "LD_LIBRARY_PATH_ORIG" not in seen


def test_app_can_set_library_path_of_child() -> None:
    seen = environment_of_child("subprocess.run(show, env={**os.environ, 'LD_LIBRARY_PATH': '/chosen'})")
    assert seen["LD_LIBRARY_PATH"] == "/chosen"


def test_c_code_sees_the_original_environment_too() -> None:
    code = "import ctypes; get = ctypes.CDLL(None).getenv; get.restype = ctypes.c_char_p\n"
    code += "print(get(b'LD_LIBRARY_PATH'), get(b'_PYI_ARCHIVE_FILE'), os.getenv('_PYI_ARCHIVE_FILE'))"
    assert run_hooked(code) == "None None None\n"


RUN = "print(subprocess.run(own, capture_output=True, text=True{options}).stdout)"
SHARING = [RUN.format(options=""), "os.execv(own[0], own)"]


@pytest.mark.parametrize("code", [*SHARING, f"os.environ.clear(); {SHARING[0]}", RUN.format(options=", env={}")])
def test_program_that_starts_itself_shares_the_folder(code: str) -> None:
    seen = environment_of_child(code)
    assert (seen["LD_LIBRARY_PATH"], seen["_PYI_PARENT_PROCESS_LEVEL"]) == ("/bundle/_MEIabc", "1")


@pytest.mark.parametrize(
    "code",
    [
        "subprocess.run(own)",
        RUN.format(options=", start_new_session=True"),
        RUN.format(options=", process_group=0"),
        "os.waitpid(os.posix_spawn(own[0], own, os.environ), 0)",
        f"child_environment.executable_status = (0,); {SHARING[0]}",
    ],
)
def test_detached_or_updated_program_unpacks_its_own_folder(code: str) -> None:
    seen = environment_of_child(code)
    assert not {"LD_LIBRARY_PATH", "_PYI_ARCHIVE_FILE"} & set(seen)


def test_library_path_outside_the_bundle_is_kept(tmp_path: Path) -> None:
    seen = environment_of_child("subprocess.run(show)", LD_LIBRARY_PATH=str(tmp_path))
    assert seen["LD_LIBRARY_PATH"] == str(tmp_path)


HOOKS = """
child_environment.remember()
os.environ["TCL_LIBRARY"] = "/bundle/_MEIabc/_tcl_data"
os.environ["GST_REGISTRY_FORK"] = "no"
child_environment.compare()
"""


@pytest.mark.parametrize("user", [{}, {"TCL_LIBRARY": "/usr/lib/tcl", "GST_REGISTRY_FORK": ""}])
def test_child_gets_users_value_of_what_hooks_changed(user: dict[str, str]) -> None:
    seen = environment_of_child(f"{HOOKS}os.system(shlex.join(show))", **user)
    assert {
        name: value
        for name, value in seen.items()
        if name.startswith(("TCL", "GST", "_RELEASE_TOOLS_WAS", "_RELEASE_TOOLS_BECAME"))
    } == user


def test_worker_knows_the_users_value_of_what_hooks_changed() -> None:
    worker = f"{PRELUDE}{HOOKS}subprocess.run(show)"
    seen = environment_of_child(f"{HOOKS}os.execv(own[0], [*own[:2], {worker!r}])", TCL_LIBRARY="/usr/lib/tcl")
    assert seen["TCL_LIBRARY"] == "/usr/lib/tcl"
    assert "GST_REGISTRY_FORK" not in seen


def test_child_inherits_what_the_app_set_after_hooks() -> None:
    code = f"{HOOKS}os.environ['TCL_LIBRARY'] = '/bundle/_MEIabc/mine'; subprocess.run(show)"
    assert environment_of_child(code)["TCL_LIBRARY"] == "/bundle/_MEIabc/mine"


@pytest.mark.parametrize("command", ["exit 0", "exit 7", "kill -9 $$", "no-such-program-xyz 2> /dev/null", ""])
def test_shell_command_returns_original_status(command: str) -> None:
    assert int(run_hooked(f"print(os.system({command!r}))")) == os.system(command)  # noqa: S605 - the original


def test_shell_command_must_be_text_or_bytes() -> None:
    assert run_hooked("os.system('echo ä'.encode())") == "ä\n"
    assert "TypeError" in run_hooked("try: os.system(1)\nexcept TypeError as error: print(repr(error))")


def test_interrupt_ends_only_the_shell_command() -> None:
    code = (
        "status = os.system('kill -INT $PPID; kill -INT $$')\nprint(status, signal.getsignal(signal.SIGINT).__name__)"
    )
    assert run_hooked(code) == "2 default_int_handler\n"


def test_shell_command_inherits_ignored_interrupt() -> None:
    code = "signal.signal(signal.SIGINT, signal.SIG_IGN)\nprint(os.system('kill -INT $$; exit 5') >> 8)"
    assert run_hooked(code) == "5\n"


def test_shell_command_returns_error_if_sigchld_is_ignored() -> None:
    code = "signal.signal(signal.SIGCHLD, signal.SIG_IGN)\nprint(os.system('exit 5'))"
    assert run_hooked(code) == "-1\n"


def test_auditing_sees_the_shell_command() -> None:
    code = "sys.addaudithook(lambda event, args: event == 'os.system' and print(args, flush=True))\nos.system('exit 0')"
    assert run_hooked(code) == "(b'exit 0',)\n"


def test_wrapped_functions_keep_name_and_fd_support() -> None:
    assert run_hooked("print(os.system.__name__, os.execv.__name__)") == "system execv\n"
    original = os.execve in os.supports_fd
    assert run_hooked("print(os.execve in os.supports_fd)") == f"{original}\n"


def test_multiprocessing_workers_keep_bootloader_variables() -> None:
    code = """
import multiprocessing
for method in ("spawn", "forkserver", "fork"):
    with multiprocessing.get_context(method).Pool(1) as pool:
        print(pool.apply(os.getenv, ["_PYI_ARCHIVE_FILE"]))
"""
    # The first two are started, and take the variables out of their environment by the runtime, which isn't here.
    assert run_hooked(code).split() == ["/app", "/app", "None"]


def test_path_keeps_bundled_folders_of_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    libraries, programs, alike = (tmp_path / name for name in ("_MEI1/libraries", "_MEI1/programs", "_MEI12"))
    for folder in (libraries, programs, alike):
        folder.mkdir(parents=True)
    (libraries / "a.dll").touch()
    (programs / "A.EXE").touch()
    folders = [str(folder) for folder in (libraries, tmp_path / "_MEI1", programs, tmp_path / "_MEI1/gone", alike)]
    monkeypatch.setattr(child_environment, "BUNDLE", str(tmp_path / "_MEI1"))
    kept = child_environment.without_library_folders(os.pathsep.join(folders))
    assert kept == os.pathsep.join([str(programs), str(alike)])


@pytest.mark.parametrize("code", ["subprocess.run(own)", "os.execv(own[0], own)", "os.spawnv(os.P_WAIT, own[0], own)"])
def test_program_that_starts_itself_learns_how_often(code: str) -> None:
    assert environment_of_child(code)[interpreter.DEPTH_VARIABLE] == "1"
    assert environment_of_child(f"child_environment.interpreter.depth = 4; {code}")[interpreter.DEPTH_VARIABLE] == "5"


def test_other_programs_do_not() -> None:
    assert interpreter.DEPTH_VARIABLE not in environment_of_child("subprocess.run(shlex.join(show), shell=True)")
