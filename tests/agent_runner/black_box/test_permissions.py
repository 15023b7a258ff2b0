"""What tools may do: scrubbed environment, `permissions`, and asking the user."""

import json
import os
import subprocess
import sys

import pytest

from .model_server import ModelServer, Reply, ToolCall
from .program import TIMEOUT_SECONDS, Finished, Program, program_command

posix = pytest.mark.skipif(sys.platform == "win32", reason="the commands are for /bin/sh")
SECRET = "sk-very-secret"  # noqa: S105 - of no endpoint

# Makes standard input the terminal of this session, and becomes the program.
CONTROL_TERMINAL = """\
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


def call(
    program: Program, model_server: ModelServer, settings: str, *calls: ToolCall, arguments: tuple[str, ...] = ()
) -> tuple[Finished, list[str]]:
    """Run an agent that calls these tools; return the results that its model sees."""
    model_server.will_answer(Reply(tool_calls=calls), Reply(pieces=("done",)))
    finished = program.run_agent(
        f"model: openai-chat:scripted\n{settings}", *arguments, environment={"OPENAI_API_KEY": SECRET, "EXTRA": "seen"}
    )
    assert (finished.exit_code, finished.stdout) == (0, "done\n"), finished.stderr
    return finished, model_server.requests[-1].texts("tool")


def shell(command: str) -> ToolCall:
    return ToolCall(name="shell", arguments={"command": command})


def read(path: object) -> ToolCall:
    return ToolCall(name="read_file", arguments={"path": str(path)})


@pytest.mark.parametrize(
    ("env", "is_seen"), [("", False), ("env: [EXTRA]\n", True), ("env: {EXTRA: '${EXTRA}'}\n", True)]
)
def test_shell_gets_variables_by_name_only(
    program: Program, model_server: ModelServer, env: str, is_seen: bool
) -> None:
    _, (output,) = call(program, model_server, f"tools: [shell]\n{env}", shell("set" if os.name == "nt" else "env"))

    assert output.startswith("exit status 0\n")
    assert SECRET not in output
    assert ("EXTRA=seen" in output) == is_seen


@pytest.mark.source_only
def test_file_tools_stay_below_working_directory(program: Program, model_server: ModelServer) -> None:
    outside = program.folder.parent / "outside.txt"
    outside.write_text("secret", encoding="utf-8")
    calls = [read(outside), read("../outside.txt"), read("sub/../../outside.txt")]
    if sys.platform != "win32":
        (program.folder / "link").symlink_to(outside.parent)
        calls += [read("link/outside.txt"), read("/proc/self/environ")]
    written = ToolCall(name="write_file", arguments={"path": str(outside), "content": "x"})
    listed = ToolCall(name="list_dir", arguments={"path": ".."})

    _, results = call(program, model_server, "tools: [read_file, write_file, list_dir]\n", *calls, written, listed)

    assert [("denied" in result, "permissions.root" in result) for result in results] == [(True, True)] * len(results)
    assert outside.read_text(encoding="utf-8") == "secret"


@pytest.mark.source_only
def test_root_folder_may_be_elsewhere(program: Program, model_server: ModelServer) -> None:
    outside = program.folder.parent / "outside.txt"
    outside.write_text("not secret", encoding="utf-8")
    settings = f"tools: [read_file]\npermissions: {{root: {json.dumps(str(program.folder.parent))}}}\n"

    _, (text,) = call(program, model_server, settings, read(outside))

    assert text == "not secret"


@pytest.mark.source_only
def test_path_rules_deny_files(program: Program, model_server: ModelServer) -> None:
    (program.folder / "deep").mkdir()
    for name in (".env", "deep/.env", "public.txt", "draft.md"):
        program.write(name, "text")
    settings = """\
tools: [read_file, write_file]
permissions:
  paths: {deny: [.env]}
  writes: {allow: ["*.md"]}
"""
    writes = [
        ToolCall(name="write_file", arguments={"path": path, "content": "x"}) for path in ("draft.md", "public.txt")
    ]

    _, results = call(
        program,
        model_server,
        settings,
        read(".env"),
        read("deep/.ENV"),
        read("public.txt"),
        read("deep/../.env"),
        *writes,
    )

    assert ["denied" in result for result in results] == [True, True, False, True, False, True]


@pytest.mark.source_only
def test_read_only_agent_writes_nothing(program: Program, model_server: ModelServer) -> None:
    settings = "tools: [read_file, write_file, shell]\npermissions: {read_only: true}\n"
    write = ToolCall(name="write_file", arguments={"path": "new.txt", "content": "x"})

    _, results = call(program, model_server, settings, write, shell("echo x > new.txt"), read("agent.yaml"))

    assert ["denied" in result for result in results] == [True, True, False]
    assert not (program.folder / "new.txt").exists()


@pytest.mark.source_only
@posix
def test_allowed_commands_run_and_others_do_not(program: Program, model_server: ModelServer) -> None:
    settings = "tools: [shell]\npermissions: {commands: {allow: ['echo *', 'cat *'], deny: ['cat *.env']}}\n"
    allowed = ["echo one", "echo two | cat 2>/dev/null", "echo 'a; b' && echo c"]
    denied = [
        *("touch x", "echo a; touch x", "echo $(touch x)", "echo `touch x`", "echo a > x", "PATH=. echo a"),
        *("echo a & touch x", "echo a\ntouch x", 'echo "$(touch x)"', "./echo a", "cat a.env", "cat <(touch x)"),
    ]

    _, results = call(program, model_server, settings, *map(shell, [*allowed, *denied]))

    assert [result.split()[0] for result in results[:3]] == ["exit"] * 3
    assert ["denied: " in result for result in results[3:]] == [True] * len(denied), results
    assert not (program.folder / "x").exists()


@pytest.mark.source_only
def test_denied_tool_is_not_called(program: Program, model_server: ModelServer, stdio_server: str) -> None:
    settings = f"permissions: {{tools: {{deny: ['helper_e*']}}}}\nmcpServers: {{helper: {{{stdio_server}}}}}\n"

    _, results = call(
        program,
        model_server,
        settings,
        ToolCall(name="helper_echo", arguments={"text": "x"}),
        ToolCall(name="helper_fail"),
    )

    assert results[0].startswith('{"error":"denied: ')
    assert "denied" not in results[1]


@pytest.mark.source_only
@pytest.mark.parametrize(("arguments", "is_run"), [((), False), (("--yes",), True)])
def test_ask_without_terminal_needs_yes(
    program: Program, model_server: ModelServer, arguments: tuple[str, ...], is_run: bool
) -> None:
    settings = "tools: [shell]\npermissions: {commands: {ask: ['*']}}\n"

    _, (result,) = call(program, model_server, settings, shell("echo hello"), arguments=arguments)

    assert (result.startswith("exit status 0"), "denied: " in result) == (is_run, not is_run)
    assert ("hello" in result) == is_run


@posix
@pytest.mark.parametrize(("answer", "is_run"), [("y", True), ("n", False)])
def test_user_is_asked_on_terminal(program: Program, model_server: ModelServer, answer: str, is_run: bool) -> None:
    import pty  # noqa: PLC0415 - not on Windows

    model_server.will_answer(Reply(tool_calls=(shell("echo hel''lo"),)), Reply(pieces=("done",)))
    agent_file = program.write(
        "agent.yaml", "model: openai-chat:scripted\ntools: [shell]\npermissions: {commands: {ask: ['echo *']}}\n"
    )

    try:
        ours, terminal = pty.openpty()
    except OSError as error:
        pytest.skip(f"a chroot may have none: {error}")
    process = subprocess.Popen(
        [sys.executable, "-c", CONTROL_TERMINAL, *program_command(), "run", agent_file, "hi"],
        cwd=program.folder,
        env=program.environment,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
        start_new_session=True,
    )
    os.close(terminal)
    with os.fdopen(ours, "r+b", buffering=0) as stream:
        shown = b""
        while b"[N]o? " not in shown:
            shown += stream.read(4096)
        stream.write(f"{answer}\n".encode())
        assert process.wait(TIMEOUT_SECONDS) == 0

    assert b"run: echo hel''lo" in shown
    assert ("hello" in model_server.requests[1].texts("tool")[0]) == is_run
