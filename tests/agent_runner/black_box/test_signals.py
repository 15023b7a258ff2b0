"""SIGINT and SIGTERM end a run and its children immediately."""

import json
import shlex
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from .model_server import Hold, ModelServer, Reply, ToolCall
from .program import TIMEOUT_SECONDS, Lifeline, Program, program_command, wine_version

SHELL_CHILD = "import socket,sys; c = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); c.recv(1)"
SHELL_AGENT = "model: openai-chat:scripted\ntools: [shell]\n"
TERMINATION = ("terminate", "SIGBREAK" if sys.platform == "win32" else "SIGTERM", 143)
# What a command puts before a background process: nothing, or what gives it a session of its own.
STARTS = [
    "",
    pytest.param(
        "setsid ", marks=pytest.mark.skipif(sys.platform != "linux", reason="only Linux finds processes that escape")
    ),
]
# What a command does after it: it stays longer than any start takes.
STAYS = f"sleep {TIMEOUT_SECONDS:.0f}"
# On Windows, a program in its own process group doesn't receive Ctrl-C.
INTERRUPTION = [] if sys.platform == "win32" else [("interrupt", "SIGINT", 130)]

can_send = pytest.mark.skipif(bool(wine_version()), reason=f"Wine {wine_version()} can't send Ctrl-Break")


def connecting_call(program: Program, lifeline: Lifeline, prefix: str = "", suffix: str = "") -> ToolCall:
    """Return a call of a shell command that connects to the lifeline."""
    program.write("child.py", SHELL_CHILD)
    command = f'{prefix}"{Path(sys.executable)}" child.py {lifeline.address.partition(":")[2]}{suffix}'
    return ToolCall(name="shell", arguments={"command": command})


@can_send
@pytest.mark.parametrize("case", [*INTERRUPTION, TERMINATION])
def test_signal_ends_run_and_mcp_servers(
    program: Program, model_server: ModelServer, stdio_server: str, lifeline: Lifeline, case: tuple[str, str, int]
) -> None:
    method_name, signal_name, exit_code = case
    hold = Hold()
    model_server.will_answer(Reply(pieces=("never",), hold=hold))
    agent_file = (
        "model: openai-chat:scripted\n"
        f'mcpServers: {{helper: {{{stdio_server}, env: {{LIFELINE: "{lifeline.address}"}}}}}}\n'
    )

    with program.start_agent(agent_file, "--json") as running:
        lifeline.wait_until_alive()
        hold.wait_until_reached()
        # Twice, as the terminal and the bootloader of a binary do.
        getattr(running, method_name)()
        getattr(running, method_name)()
        finished = running.finish()
        lifeline.wait_until_gone()

    assert finished.exit_code == exit_code
    assert finished.errors == [f"error: interrupted by {signal_name}"]
    result = finished.document
    assert (result["status"], result["error"]["kind"]) == ("interrupted", "interrupted")


@can_send
def test_signal_ends_shell_commands(program: Program, model_server: ModelServer, lifeline: Lifeline) -> None:
    model_server.will_answer(Reply(pieces=("I start.",), tool_calls=(connecting_call(program, lifeline),)))

    with program.start_agent(SHELL_AGENT) as running:
        lifeline.wait_until_alive()
        running.terminate()
        finished = running.finish()
        lifeline.wait_until_gone()

    assert (finished.exit_code, finished.stdout) == (143, "")
    assert "I start." in finished.stderr.splitlines()


@can_send
@pytest.mark.parametrize("arguments", [(), ("--json",), ("--json-events",)])
def test_interrupted_run_keeps_partial_answer(
    program: Program, model_server: ModelServer, arguments: tuple[str, ...]
) -> None:
    hold = Hold()
    model_server.will_answer(Reply(pieces=("half an ", "answer"), hold_after_first_piece=hold))

    with program.start_agent(SHELL_AGENT, "--transcript", "log", *arguments) as running:
        hold.wait_until_reached()
        if arguments == ("--json-events",):
            running.wait_for_stdout("half an")
        running.terminate()
        finished = running.finish()

    end = json.loads((program.folder / "log").read_text(encoding="utf-8").splitlines()[-1])
    assert (finished.exit_code, end["type"], end["status"]) == (143, "end", "interrupted")
    if arguments == ("--json-events",):
        assert json.loads(finished.stdout.splitlines()[-1]) == end
        assert end["partial_output"] == "half an "


@pytest.mark.skipif(sys.platform == "win32", reason="the system kills jobs there, and the harness too")
@pytest.mark.parametrize("start", STARTS)
def test_killed_program_leaves_no_command(
    program: Program, model_server: ModelServer, lifeline: Lifeline, start: str
) -> None:
    # In the background, so that only its process group or its environment leads to it.
    call = connecting_call(program, lifeline, prefix=start, suffix=f" & {STAYS}")
    model_server.will_answer(Reply(tool_calls=(call,)))

    with program.start_agent(SHELL_AGENT) as running:
        lifeline.wait_until_alive()
        running.kill()
        lifeline.wait_until_gone()

    # Removes what the killed program has unpacked.
    program.run("--version")


@pytest.mark.skipif(sys.platform == "win32", reason="fills a pipe, whose size differs")
@pytest.mark.parametrize(("way", "exit_code"), [("interrupt", 130), ("terminate", 143), ("timeout", 3)])
def test_unread_standard_error_does_not_keep_program_alive(
    program: Program, model_server: ModelServer, way: str, exit_code: int
) -> None:
    # Each call shows a line on standard error, which fills its pipe.
    calls = tuple(ToolCall(name="read_file", arguments={"path": "x" * 300}) for _ in range(400))
    model_server.will_answer(Reply(tool_calls=calls))
    agent_file = program.write("agent.yaml", "model: openai-chat:scripted\ntools: [read_file]\n")
    process = subprocess.Popen(
        [*program_command(), "run", agent_file, "hi", *(("--timeout", "5") if way == "timeout" else ())],
        cwd=program.folder,
        env=program.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    with process:
        if way != "timeout":
            wait_until_full(process)
            process.send_signal(signal.SIGINT if way == "interrupt" else signal.SIGTERM)
        assert process.wait(TIMEOUT_SECONDS) == exit_code


def wait_until_full(process: "subprocess.Popen[bytes]") -> None:
    """Wait until the pipe of a program's standard error holds nearly as much as it can."""
    import array  # noqa: PLC0415 - not on Windows
    import fcntl  # noqa: PLC0415
    import termios  # noqa: PLC0415

    assert process.stderr is not None
    pending = array.array("i", [0])
    while pending[0] < 60_000:
        assert process.poll() is None
        threading.Event().wait(0.05)
        fcntl.ioctl(process.stderr, termios.FIONREAD, pending)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux finds processes that escape")
def test_killed_program_leaves_nothing_of_programs_below(
    program: Program, model_server: ModelServer, lifeline: Lifeline
) -> None:
    inner_call = connecting_call(program, lifeline, prefix="setsid ", suffix=f" & {STAYS}")
    program.write("inner.yaml", SHELL_AGENT)
    command = f"setsid {shlex.join(program_command())} run inner.yaml hi & {STAYS}"
    model_server.will_answer(
        Reply(tool_calls=(ToolCall(name="shell", arguments={"command": command}),)), Reply(tool_calls=(inner_call,))
    )
    passed_on = f"env: {json.dumps({name: f'${{{name}}}' for name in program.environment})}\n"

    with program.start_agent(SHELL_AGENT + passed_on) as running:
        lifeline.wait_until_alive()
        running.kill()
        lifeline.wait_until_gone()

    program.run("--version")


@pytest.mark.skipif(sys.platform == "win32", reason="the command is for /bin/sh")
@pytest.mark.parametrize("start", STARTS)
def test_background_process_lives_until_run_ends(
    program: Program, model_server: ModelServer, lifeline: Lifeline, start: str
) -> None:
    hold = Hold()
    call = connecting_call(program, lifeline, prefix=start, suffix=" & echo started")
    model_server.will_answer(Reply(tool_calls=(call,)), Reply(pieces=("done",), hold=hold))

    with program.start_agent(SHELL_AGENT) as running:
        lifeline.wait_until_alive()
        hold.wait_until_reached()
        hold.release()
        finished = running.finish()
        lifeline.wait_until_gone()

    assert (finished.exit_code, finished.stdout) == (0, "done\n")
    assert model_server.requests[1].texts("tool") == ["exit status 0\nstarted\n"]
