"""Invalid agent files and missing environment variables: exit code 2 before anything starts."""

import pytest

from .program import Program


def test_every_problem_of_file_is_listed(program: Program) -> None:
    finished = program.run_agent("instruction: hi\nmcpServers: {git: {comand: git}, hub: {}}\n")

    assert (finished.exit_code, finished.stdout) == (2, "")
    assert finished.stderr == (
        "error: agent.yaml: 3 problems:\n"
        "  unknown key 'comand' in mcpServers.git (did you mean 'command'?)\n"
        "  mcpServers.hub: set either 'command' or 'url'\n"
        "  unknown key 'instruction' (did you mean 'instructions'?)\n"
    )


@pytest.mark.source_only
@pytest.mark.parametrize("name", ["absent.yaml", "folder.yaml", "latin1.yaml", "schema.yaml"])
def test_unusable_file_is_agent_file_error(program: Program, name: str) -> None:
    (program.folder / "folder.yaml").mkdir()
    (program.folder / "latin1.yaml").write_bytes(b"model: test\nname: \xe4\n")
    program.write("schema.yaml", "model: test\noutput_schema: {type: object, properties: {a: 1}}\n")

    finished = program.run("run", name, "hi", "--json")

    assert (finished.exit_code, finished.document["error"]["kind"]) == (2, "agent_file")
    assert name in finished.document["error"]["message"]


@pytest.mark.source_only
def test_all_missing_variables_are_listed_with_their_places(program: Program) -> None:
    finished = program.run_agent(
        """\
model: openai-chat:gpt-4o
mcpServers:
  github:
    command: npx
    args: ["${GITHUB_HOST:-github.com}", "${GITHUB_OWNER}"]
    env: {GITHUB_TOKEN: "${GITHUB_TOKEN}"}
  docs: {url: "https://${GITHUB_OWNER}.example/mcp"}
""",
        "--json",
    )

    message = (
        "missing environment variables: GITHUB_OWNER (mcpServers.github.args, mcpServers.docs.url), "
        "GITHUB_TOKEN (mcpServers.github.env), OPENAI_API_KEY (model openai-chat:gpt-4o)"
    )
    hint = "set them, for example: export GITHUB_OWNER=…"
    assert finished.exit_code == 2
    assert finished.errors == [f"error: {message}", f"hint: {hint}"]
    assert finished.document == {
        "run_id": None,
        "status": "failed",
        "output": None,
        "error": {"kind": "environment", "message": message, "hint": hint, "retryable": False},
        "usage": None,
    }
