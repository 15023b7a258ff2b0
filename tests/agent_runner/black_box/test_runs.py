"""Successful runs: the answer, the requests and the tools."""

import json
import re
import sys

import pytest

from .model_server import Hold, ModelServer, Reply, ToolCall
from .program import Program

LEAKS = ("LD_LIBRARY_PATH", "_PYI_", "_MEI")


def test_answer_follows_mcp_tool_calls(program: Program, model_server: ModelServer, stdio_server: str) -> None:
    call = ToolCall(name="helper_echo", arguments={"text": "grüße"})
    environment_call = ToolCall(name="helper_environment")
    model_server.will_answer(
        Reply(pieces=("Let me see.",), tool_calls=(call, environment_call)),
        Reply(pieces=("The answer ", "is 42.")),
    )
    agent_file = f"""\
name: streamer
model: openai-chat:scripted
instructions: "Be {{{{brief}}}}."
model_settings: {{temperature: 0.2}}
mcpServers:
  helper: {{{stdio_server}, tools: [echo, environment], env: {{GREETING: "${{WORD:-hello}}"}}}}
"""

    finished = program.run_agent(agent_file)

    assert (finished.exit_code, finished.stdout) == (0, "The answer is 42.\n")
    first, second = model_server.requests
    assert first.texts("system") == ["Be {{brief}}."]
    assert first.texts("user") == ["hi"]
    assert first.tool_names == ["helper_echo", "helper_environment"]
    assert first.body["temperature"] == 0.2
    echoed, environment = second.texts("tool")
    assert echoed == "echo of grüße"
    assert "GREETING" in environment.split()
    assert not any(leak in environment for leak in LEAKS)
    lines = finished.stderr.splitlines()
    assert re.fullmatch(r"run [0-9a-f]{12}: streamer on openai-chat:scripted", lines[0])
    assert "Let me see." in lines
    assert '> helper_echo({"text":"grüße"})' in lines
    assert "< echo of grüße" in lines
    assert re.fullmatch(r"usage: 2 requests, 2 tool calls, 20 input and 10 output tokens, \d+\.\d s", lines[-1])


@pytest.mark.source_only
def test_answer_streams_where_no_tool_can_be_called(program: Program, model_server: ModelServer) -> None:
    hold = Hold()
    model_server.will_answer(Reply(pieces=("The answer ", "is 42."), hold_after_first_piece=hold))

    with program.start_agent("model: openai-chat:scripted\n") as running:
        hold.wait_until_reached()
        running.wait_for_stdout("The answer ")
        hold.release()
        finished = running.finish()

    assert (finished.exit_code, finished.stdout) == (0, "The answer is 42.\n")


def test_piped_text_follows_prompt(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(Reply(pieces=("done",)))
    agent_file = program.write("agent.yaml", "model: openai-chat:scripted\n")

    finished = program.run("run", agent_file, "Summarize this:", stdin="a, b\n")

    assert (finished.exit_code, finished.stdout) == (0, "done\n")
    assert model_server.requests[0].texts("user") == ["Summarize this:\n\na, b\n"]


def test_events_tell_what_happens(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(
        Reply(pieces=("Let me see.",), tool_calls=(ToolCall(name="read_file", arguments={"path": "absent"}),)),
        Reply(pieces=("It's ", "absent.")),
    )

    finished = program.run_agent(
        "name: seer\nmodel: openai-chat:scripted\ntools: [read_file]\n", "--json-events", "--transcript", "log.jsonl"
    )

    events = [json.loads(line) for line in finished.stdout.splitlines()]
    assert [event["type"] for event in events] == [
        *("run", "step", "delta", "message", "tool_call", "tool_result"),
        *("step", "delta", "delta", "message", "usage", "end"),
    ]
    assert (events[0]["agent"], events[3]["text"], events[9]["text"]) == ("seer", "Let me see.", "It's absent.")
    assert (events[4]["tool"], events[4]["arguments"]) == ("read_file", {"path": "absent"})
    assert (events[5]["id"], events[5]["outcome"]) == (events[4]["id"], "failed")
    assert (events[-1]["status"], events[-1]["output"]) == ("completed", "It's absent.")
    logged = (program.folder / "log.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["type"] for line in logged] == [
        event["type"] for event in events if event["type"] != "delta"
    ]


def test_traces_are_exported(program: Program, model_server: ModelServer) -> None:
    finished = program.run_agent(
        "name: traced\nmodel: test\n", environment={"OTEL_EXPORTER_OTLP_ENDPOINT": model_server.root_url}
    )

    assert (finished.exit_code, "warning" in finished.stderr) == (0, False)
    assert [request.path for request in model_server.requests] == ["/v1/traces"]
    assert "invoke_agent traced" in json.dumps(model_server.requests[0].body)


def test_standard_streams_are_utf8_in_any_locale(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(Reply(pieces=("naïve — 日本",)))
    agent_file = program.write("agent.yaml", "model: openai-chat:scripted\n")

    finished = program.run("run", agent_file, "-", "-q", stdin="ÄÖÜ 🙂", environment={"LC_ALL": "C"})

    assert [request.texts("user") for request in model_server.requests] == [["ÄÖÜ 🙂"]]
    assert (finished.exit_code, finished.stdout, finished.stderr) == (0, "naïve — 日本\n", "")


def test_json_is_one_object_in_any_locale(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(Reply(pieces=("forty", "-two")))
    (program.folder / "inner").mkdir()
    program.write("inner/agent.yaml", "model: ollama:other\n")

    finished = program.run(
        *("run", "-C", "inner", "agent.yaml", "--json", "-m", "vllm:scripted", "ÄÖÜ 🙂?"),
        environment={"VLLM_BASE_URL": model_server.url, "LC_ALL": "C"},
    )

    assert model_server.requests[0].texts("user") == ["ÄÖÜ 🙂?"]
    result = finished.document
    assert result["usage"].pop("seconds") > 0
    assert result == {
        "run_id": finished.stderr.split()[1].rstrip(":"),
        "status": "completed",
        "output": "forty-two",
        "error": None,
        "usage": {"requests": 1, "tool_calls": 0, "input_tokens": 10, "output_tokens": 5, "cost_usd": None},
    }
    assert finished.exit_code == 0


def test_answer_must_match_output_schema(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(
        Reply(tool_calls=(ToolCall(name="final_result", arguments={"total": "three"}),)),
        Reply(pieces=("Thinking aloud.",), tool_calls=(ToolCall(name="final_result", arguments={"total": 3}),)),
    )
    agent_file = """\
model: openai-chat:scripted
output_schema: {type: object, properties: {total: {type: integer}}, required: [total]}
"""

    finished = program.run_agent(agent_file)

    assert (finished.exit_code, json.loads(finished.stdout)) == (0, {"total": 3})
    assert "$.total: 'three' is not of type 'integer'" in model_server.requests[1].texts("tool")[0]


@pytest.mark.skipif(sys.platform == "win32", reason="the commands are for /bin/sh")
def test_model_sees_results_of_built_in_tools(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(
        Reply(
            tool_calls=(
                ToolCall(name="write_file", arguments={"path": "notes/one.txt", "content": "eins\nzwei\n"}),
                ToolCall(name="shell", arguments={"command": "env; echo oops >&2; exit 3"}),
                ToolCall(name="read_file", arguments={"path": "missing.txt"}),
            )
        ),
        Reply(
            tool_calls=(
                ToolCall(name="read_file", arguments={"path": "notes/one.txt", "first_line": 2, "max_lines": 1}),
                ToolCall(name="list_dir"),
                ToolCall(name="shell", arguments={"command": "echo begun; sleep 60", "timeout_seconds": 2}),
            )
        ),
        Reply(pieces=("done",)),
    )

    finished = program.run_agent("model: openai-chat:scripted\ntools: [shell, read_file, write_file, list_dir]\n")

    assert (finished.exit_code, finished.stdout) == (0, "done\n")
    wrote, shell, missing, read, listed, timed_out = model_server.requests[-1].texts("tool")
    assert wrote == "wrote 10 bytes to notes/one.txt"
    assert (program.folder / "notes/one.txt").read_bytes() == b"eins\nzwei\n"
    assert shell.startswith("exit status 3\n")
    assert shell.endswith("oops\n")
    assert not any(leak in shell for leak in LEAKS)
    assert "missing.txt" in missing
    assert read == "zwei\n\n[lines 2 to 2 of 2]"
    assert listed == "agent.yaml\nnotes/"
    assert timed_out == "killed after 2 seconds\nbegun\n"
