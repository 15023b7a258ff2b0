"""Ctrl-C and termination end a run at once, and take its children along."""

import json
import sys
from pathlib import Path

import pytest

from .model_server import Hold, ModelServer, Reply, ToolCall
from .program import Lifeline, Program, wine_version

SHELL_CHILD = "import socket,sys; c = socket.create_connection(('127.0.0.1', int(sys.argv[1]))); c.recv(1)"


TERMINATION_NAME = "SIGBREAK" if sys.platform == "win32" else "SIGTERM"


# On Windows, a program in a process group of its own does not see Ctrl-C.
INTERRUPTION = [] if sys.platform == "win32" else [("interrupt", "SIGINT", 130)]


can_send = pytest.mark.skipif(
    bool(wine_version()), reason=f"Wine {wine_version()} sends no Ctrl-Break to another program"
)


@can_send
@pytest.mark.parametrize("case", [*INTERRUPTION, ("terminate", TERMINATION_NAME, 143)])
def test_a_signal_ends_the_run_and_its_mcp_servers(
    program: Program, model_server: ModelServer, stdio_server: str, lifeline: Lifeline, case: tuple[str, str, int]
) -> None:
    method_name, signal_name, exit_code = case
    hold = Hold()
    model_server.will_answer(Reply(pieces=("never",), hold=hold))
    agent_file = program.write(
        "agent.yaml",
        "model: openai-chat:scripted\n"
        f'mcpServers: {{helper: {{{stdio_server}, env: {{LIFELINE: "{lifeline.address}"}}}}}}\n',
    )

    with program.start("run", agent_file, "hi", "--json", environment={"OPENAI_BASE_URL": model_server.url}) as running:
        lifeline.wait_until_alive()
        hold.wait_until_reached()
        # Twice, as the terminal and the bootloader of a binary do.
        getattr(running, method_name)()
        getattr(running, method_name)()
        finished = running.finish()
        lifeline.wait_until_gone()

    assert finished.exit_code == exit_code
    assert finished.errors == [f"error: interrupted by {signal_name}"]
    result = json.loads(finished.stdout)
    assert (result["status"], result["error"]["kind"]) == ("interrupted", "interrupted")


@can_send
def test_a_signal_ends_the_shell_commands_of_the_run(
    program: Program, model_server: ModelServer, lifeline: Lifeline
) -> None:
    (program.folder / "child.py").write_text(SHELL_CHILD, encoding="utf-8")
    command = f'"{Path(sys.executable)}" child.py {lifeline.address.partition(":")[2]}'
    model_server.will_answer(
        Reply(pieces=("I start.",), tool_calls=(ToolCall(name="shell", arguments={"command": command}),))
    )
    agent_file = program.write("agent.yaml", "model: openai-chat:scripted\ntools: [shell]\n")

    with program.start("run", agent_file, "hi", environment={"OPENAI_BASE_URL": model_server.url}) as running:
        lifeline.wait_until_alive()
        running.terminate()
        finished = running.finish()
        lifeline.wait_until_gone()

    assert (finished.exit_code, finished.stdout) == (143, "I start.\n")


@pytest.mark.skipif(sys.platform == "win32", reason="the command is for /bin/sh")
def test_background_processes_of_shell_commands_live_until_the_run_ends(
    program: Program, model_server: ModelServer, lifeline: Lifeline
) -> None:
    (program.folder / "child.py").write_text(SHELL_CHILD, encoding="utf-8")
    command = f'"{sys.executable}" child.py {lifeline.address.partition(":")[2]} & echo started'
    hold = Hold()
    model_server.will_answer(
        Reply(tool_calls=(ToolCall(name="shell", arguments={"command": command}),)), Reply(pieces=("done",), hold=hold)
    )
    agent_file = program.write("agent.yaml", "model: openai-chat:scripted\ntools: [shell]\n")

    with program.start("run", agent_file, "hi", environment={"OPENAI_BASE_URL": model_server.url}) as running:
        lifeline.wait_until_alive()
        hold.wait_until_reached()
        hold.release()
        finished = running.finish()
        lifeline.wait_until_gone()

    assert (finished.exit_code, finished.stdout) == (0, "done\n")
    assert model_server.requests[1].texts("tool") == ["exit status 0\nstarted\n"]
