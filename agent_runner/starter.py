"""`init`: writes an agent file to start from."""

from pathlib import Path
from typing import Final

from agent_runner.errors import UsageError
from agent_runner.output import Reporter

SCHEMA_NAME: Final = "agent-runner.schema.json"

# Each line that begins with "# " and a key is valid once the "# " is gone.
STARTER: Final = f"""\
# yaml-language-server: $schema={SCHEMA_NAME}

# PROVIDER:NAME. openai-chat: is for OpenAI-compatible servers; there are also openai:, anthropic:, ollama: and vllm:.
# `test` needs no network or API key: it calls each tool once.
model: test

instructions: |
  You are a helpful assistant. Answer briefly.

# The prompt if none is given, with variables: agent-runner run agent.yaml --var topic=owls
# prompt: What's new about {{{{topic}}}}?
# vars: {{topic: null}}

# Built-in tools: shell, read_file, write_file, list_dir.
tools: [read_file, list_dir]

# Environment variables that tools may see; API keys are kept from them.
# env: [GITHUB_TOKEN]

# What tools may do. File tools stay below the working directory anyway.
permissions:
  read_only: true
  # commands: {{allow: [git log *, git diff *]}}

# MCP servers, as in other MCP clients.
# mcpServers:
#   github: {{command: npx, args: [-y, "@modelcontextprotocol/server-github"], env: [GITHUB_TOKEN]}}

# The answer as JSON that matches a schema, instead of text.
# output_schema: {{type: object, properties: {{title: {{type: string}}}}, required: [title]}}

# When to stop a run.
limits: {{requests: 50, seconds: 600}}
"""


def create_agent_file(path: Path, reporter: Reporter) -> None:
    """Write the starter, unless the file exists, and say what to do next.

    Raises:
        UsageError: if the file exists or can't be written.
    """
    try:
        with path.open("x", encoding="utf-8", newline="\n") as file:
            file.write(STARTER)
    except FileExistsError as error:
        raise UsageError(
            f"{path} exists already", "pass another name, such as: agent-runner init other.yaml"
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(f"can't write {path}: {reason}", "pass a file in a folder that exists") from error
    reporter.note(f"wrote {path}; next:")
    reporter.note(f"  agent-runner schema > {path.with_name(SCHEMA_NAME)}   # for editors")
    reporter.note(f"  agent-runner doctor {path}")
    reporter.note(f'  agent-runner run {path} "Hello"')
