"""`doctor`: the examination of the program itself, and of an agent file."""

import socket

import pytest

from .program import Program, is_frozen


def test_doctor_passes_with_hardly_an_environment_and_no_home_folder(program: Program) -> None:
    needed = {"SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "TMPDIR", "TEMP", "TMP", "PYTHONPATH"}
    bare = {name: None for name in program.environment if name not in needed}

    finished = program.run("doctor", environment={**bare, "HOME": "/nonexistent"})

    assert finished.exit_code == 0, finished.stdout
    lines = [line.split() for line in finished.stdout.splitlines()]
    assert {line[0] for line in lines} == {"ok"}
    assert [line[1] for line in lines] == [
        "program",
        "utf-8",
        "sqlite",
        "tls",
        "providers",
        "postgres",
        "children",
        "durable-run",
    ]
    assert len({line.index(text[2]) for line, text in zip(finished.stdout.splitlines(), lines, strict=True)}) == 1
    assert ("frozen" if is_frozen() else "from source") in finished.stdout
    assert (finished.stderr, list(program.folder.iterdir())) == ("", [])


def test_doctor_starts_the_servers_of_an_agent_file_and_lists_their_tools(program: Program, stdio_server: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed_soon:
        address = f"http://127.0.0.1:{closed_soon.getsockname()[1]}/mcp"
    agent_file = program.write(
        "agent.yaml",
        f"""\
name: examined
model: test
tools: [shell]
mcpServers:
  good: {{{stdio_server}, tools: [echo, fail]}}
  typo: {{{stdio_server}, tools: [ecko]}}
  absent: {{command: no-such-program}}
  remote: {{url: "{address}"}}
""",
    )

    finished = program.run("doctor", agent_file)

    assert finished.exit_code == 1
    assert "ok   file   agent.yaml: examined\n" in finished.stdout
    assert "ok   model  test\n" in finished.stdout
    assert "ok   agent  built-in tools: shell\n" in finished.stdout
    assert "ok   mcp    good: echo, fail\n" in finished.stdout
    assert "mcpServers.typo.tools: the server has no tool 'ecko' (did you mean 'echo'?)" in finished.stdout
    assert "FAIL mcp    cannot start MCP server 'absent': no-such-program: " in finished.stdout
    assert f"FAIL mcp    cannot reach MCP server 'remote' at {address}: " in finished.stdout


@pytest.mark.wording
def test_doctor_says_what_is_missing_for_an_agent_file(program: Program) -> None:
    agent_file = program.write("agent.yaml", "model: anthropic:some\n")

    finished = program.run("doctor", agent_file)

    assert finished.exit_code == 1
    assert "FAIL model  missing environment variable: ANTHROPIC_API_KEY (model anthropic:some)" in finished.stdout
