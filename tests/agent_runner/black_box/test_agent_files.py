"""What is wrong with an agent file or its variables is said before anything is started: exit code 2."""

import json

import pytest

from .program import Program

UNKNOWN_KEYS = """\
error: agent.yaml: 3 problems:
  unknown key 'comand' in mcpServers.git (did you mean 'command'?)
  mcpServers.hub: needs either 'command' or 'url'
  unknown key 'instruction' (did you mean 'instructions'?)
"""


# The beginnings of what is said about other files.
WORDS = [
    ("instruction: hi\n", "error: agent.yaml: unknown key 'instruction' (did you mean 'instructions'?)\n"),
    ("model: [test\n", "error: agent.yaml, line 2, column 1: not valid YAML: expected ',' or ']'"),
    ("- model\n", "error: agent.yaml: expected keys and values, found a list\nhint: an agent file is a YAML mapping"),
    ("name: x\n", "error: agent.yaml: no model\nhint: add 'model: PROVIDER:NAME' to it, or use -m\n"),
    ("model: gpt-4o\n", "error: agent.yaml: model 'gpt-4o' names no provider\nhint: a model is named PROVIDER:NAME"),
]


@pytest.mark.parametrize(
    ("content", "stderr"),
    [
        ("instruction: hi\nmcpServers: {git: {comand: git}, hub: {}}\n", UNKNOWN_KEYS),
        *(pytest.param(*row, marks=pytest.mark.wording) for row in WORDS),
    ],
)
def test_a_bad_agent_file_is_one_error_that_says_where(program: Program, content: str, stderr: str) -> None:
    finished = program.run("run", program.write("agent.yaml", content), "hi")

    assert (finished.exit_code, finished.stdout) == (2, "")
    assert finished.stderr.startswith(stderr)


def test_an_agent_file_that_cannot_be_read_is_one_error(program: Program) -> None:
    (program.folder / "folder.yaml").mkdir()
    (program.folder / "latin.yaml").write_bytes(b"model: test\nname: \xe4\n")

    absent = program.run("run", "absent.yaml", "hi")
    folder = program.run("run", "folder.yaml", "hi")
    latin = program.run("run", "latin.yaml", "hi")

    assert absent.errors == ["error: agent file not found: absent.yaml"]
    assert folder.errors == ["error: folder.yaml is a folder, not an agent file"]
    assert latin.errors == ["error: latin.yaml, line 2: not UTF-8", "hint: save the file with the encoding UTF-8"]
    assert [absent.exit_code, folder.exit_code, latin.exit_code] == [2, 2, 2]


def test_a_schema_that_is_none_is_an_error_of_the_agent_file(program: Program) -> None:
    agent_file = program.write("agent.yaml", "model: test\noutput_schema: {type: object, properties: {a: 1}}\n")

    finished = program.run("run", agent_file, "hi")

    assert finished.exit_code == 2
    assert finished.errors[0].startswith("error: agent.yaml: output_schema.properties.a: not a JSON Schema: ")


def test_all_missing_variables_are_listed_at_once_with_their_places(program: Program) -> None:
    agent_file = program.write(
        "agent.yaml",
        """\
model: openai-chat:gpt-4o
mcpServers:
  github:
    command: npx
    args: ["${GITHUB_HOST:-github.com}", "${GITHUB_OWNER}"]
    env: {GITHUB_TOKEN: "${GITHUB_TOKEN}"}
  docs: {url: "https://${GITHUB_OWNER}.example/mcp"}
""",
    )

    finished = program.run("run", agent_file, "hi", "--json", environment={"PRESENT": "yes"})

    message = (
        "missing environment variables: GITHUB_OWNER (mcpServers.github.args, mcpServers.docs.url), "
        "GITHUB_TOKEN (mcpServers.github.env), OPENAI_API_KEY (model openai-chat:gpt-4o)"
    )
    hint = "set them, for example: export GITHUB_OWNER=…"
    assert finished.exit_code == 2
    assert finished.errors == [f"error: {message}", f"hint: {hint}"]
    assert json.loads(finished.stdout) == {
        "run_id": None,
        "status": "failed",
        "output": None,
        "error": {"kind": "environment", "message": message, "hint": hint, "retryable": False},
        "usage": None,
    }


@pytest.mark.wording
@pytest.mark.parametrize(
    ("variables", "error"),
    [
        ({"VLLM_BASE_URL": "localhost:8000"}, "VLLM_BASE_URL is not an http:// or https:// address: 'localhost:8000'"),
        (
            {"VLLM_BASE_URL": "http://localhost", "AGENT_RUNNER_LOG": "loud"},
            "AGENT_RUNNER_LOG=LOUD is not one of DEBUG",
        ),
    ],
)
def test_an_unusable_variable_is_an_error_before_the_run(
    program: Program, variables: dict[str, str], error: str
) -> None:
    finished = program.run("run", program.write("agent.yaml", "model: vllm:any\n"), "hi", environment=variables)

    assert finished.exit_code == 2
    assert finished.errors[0].startswith(f"error: {error}")


@pytest.mark.parametrize(
    ("stdin", "error"),
    [
        pytest.param("  \n", "the prompt is empty", marks=pytest.mark.wording),
        (b"\xff\xfe", "the prompt on standard input is not UTF-8"),
    ],
)
def test_an_unusable_prompt_is_an_error(program: Program, stdin: str | bytes, error: str) -> None:
    finished = program.run("run", program.write("agent.yaml", "model: test\n"), stdin=stdin)

    assert (finished.exit_code, finished.errors) == (2, [f"error: {error}"])
