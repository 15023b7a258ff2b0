"""`doctor` with and without an agent file."""

import socket

from .program import Program, is_frozen

CHECKS = ["program", "utf-8", "sqlite", "tls", "providers", "postgres", "children", "durable-run", "queue"]


def test_doctor_passes_in_nearly_empty_environment(program: Program) -> None:
    needed = {"SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "TMPDIR", "TEMP", "TMP", "PYTHONPATH"}
    bare = {name: None for name in program.environment if name not in needed}

    finished = program.run("doctor", environment={**bare, "HOME": "/nonexistent"})

    assert finished.exit_code == 0, finished.stdout
    lines = finished.stdout.splitlines()
    assert [line.split()[:2] for line in lines] == [["ok", name] for name in CHECKS]
    assert len({line.index(line.split()[2]) for line in lines}) == 1
    assert ("frozen" if is_frozen() else "from source") in lines[0]
    assert (finished.stderr, list(program.folder.iterdir())) == ("", [])


def test_doctor_starts_each_server_of_agent_file(program: Program, stdio_server: str) -> None:
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
    good, *failed = [line for line in finished.stdout.splitlines() if line.split()[1] == "mcp"]
    assert good == "ok   mcp    good: echo, fail"
    for line, name in zip(failed, ("typo", "absent", "remote"), strict=True):
        assert line.startswith("FAIL ")
        assert name in line


def test_doctor_stops_at_missing_variable(program: Program) -> None:
    finished = program.run("doctor", program.write("agent.yaml", "model: anthropic:some\n"))

    assert finished.exit_code == 1
    assert [line.split()[:2] for line in finished.stdout.splitlines()[:2]] == [["ok", "file"], ["FAIL", "model"]]
    assert "ANTHROPIC_API_KEY" in finished.stdout
