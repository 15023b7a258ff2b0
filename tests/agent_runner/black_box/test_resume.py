"""A run that was killed, interrupted or failed is continued, and nothing that it finished is repeated."""

import json
import sys
from collections.abc import Callable

import pytest

from .model_server import Hold, ModelServer, Reply, ToolCall
from .program import Finished, Program, Running, wine_version

STEPS = 5
SHOUTED = [("shout", f"step {number}") for number in range(1, STEPS + 1)]
ENDINGS: dict[str, Callable[[Running], None]] = {"kill": Running.kill}
if not wine_version():
    ENDINGS["terminate"] = Running.terminate
if sys.platform != "win32":
    ENDINGS["interrupt"] = Running.interrupt


def agent(model_server: ModelServer, extra: str = "") -> str:
    servers = f"mcpServers: {{remote: {{url: '{model_server.mcp_url}'}}}}"
    return f"model: openai-chat:scripted\nretries: {{model: 0}}\n{servers}\n{extra}"


def step(number: int, hold: Hold | None = None) -> Reply:
    call = ToolCall(name="remote_shout", arguments={"text": f"step {number}"})
    return Reply(pieces=(f"{number}. ",), tool_calls=(call,), hold=hold)


def resume(program: Program, *arguments: str) -> Finished:
    return program.run("resume", *(arguments or ("--last",)))


@pytest.mark.parametrize("ending", ENDINGS)
def test_ended_run_repeats_no_finished_step(program: Program, model_server: ModelServer, ending: str) -> None:
    hold = Hold()
    model_server.will_answer(step(1), step(2), step(3, hold))

    with program.start_agent(agent(model_server)) as running:
        hold.wait_until_reached()
        ENDINGS[ending](running)
        finished = running.finish()
    hold.release()

    assert finished.exit_code == {"kill": finished.exit_code, "terminate": 143, "interrupt": 130}[ending]
    assert model_server.called_tools == SHOUTED[:2]
    model_server.will_answer(step(3), step(4), step(5), Reply(pieces=("done",)))
    resumed = resume(program)
    assert (resumed.exit_code, resumed.stdout.splitlines()[-1]) == (0, "done")
    assert model_server.called_tools == SHOUTED
    # One more than without the interruption: the request that was under way.
    assert len(model_server.model_requests) == STEPS + 2
    assert model_server.requests[-1].texts("tool") == [f"STEP {n}" for n in range(1, STEPS + 1)]


def test_call_that_was_under_way_is_made_again(program: Program, model_server: ModelServer) -> None:
    hold = Hold()
    calls = (
        ToolCall(name="remote_shout", arguments={"text": "finished"}),
        ToolCall(name="remote_wait", arguments={"text": "under way"}),
    )
    model_server.will_wait_in_tool(hold)
    model_server.will_answer(Reply(tool_calls=calls))

    with program.start_agent(agent(model_server)) as running:
        hold.wait_until_reached()
        running.wait_for_stderr("FINISHED")
        running.kill()
    hold.release()

    model_server.will_answer(Reply(pieces=("done",)))
    assert resume(program).stdout == "done\n"
    assert sorted(model_server.called_tools) == [
        ("shout", "finished"),
        ("wait", "under way"),
        ("wait", "under way"),
    ]
    assert len(model_server.model_requests) == 2


def test_run_that_failed_is_continued(program: Program, model_server: ModelServer) -> None:
    failures = [Reply(status=503, error="overloaded", is_retried_by_client=True)] * 3
    model_server.will_answer(step(1), step(2), *failures)

    finished = program.run_agent(agent(model_server), "--json")

    assert (finished.exit_code, finished.document["error"]["retryable"]) == (1, True)
    run_id = finished.document["run_id"]
    assert f"agent-runner resume {run_id}" in finished.stderr
    model_server.will_answer(Reply(pieces=("done",)))
    resumed = resume(program, run_id, "--json")
    assert resumed.document["output"] == "done"
    # What the run used before counts.
    assert (resumed.document["usage"]["requests"], resumed.document["usage"]["tool_calls"]) == (3, 2)
    assert model_server.called_tools == SHOUTED[:2]
    assert len(model_server.model_requests) == 2 + 3 + 1


@pytest.mark.source_only
def test_temporary_failures_are_retried(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(Reply(status=503, error="overloaded"), Reply(status=429, error="slow down"))
    model_server.will_answer(Reply(pieces=("done",)))

    finished = program.run_agent("model: openai-chat:scripted\n")

    assert (finished.exit_code, finished.stdout, len(model_server.requests)) == (0, "done\n", 3)
    assert finished.stderr.count("trying again in") == 2


@pytest.mark.source_only
def test_next_model_takes_over(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(Reply(status=503, error="overloaded"), Reply(pieces=("done",)))

    finished = program.run_agent("models: [openai-chat:first, openai-chat:second]\n")

    assert (finished.exit_code, finished.stdout) == (0, "done\n")
    assert [request.body["model"] for request in model_server.requests] == ["first", "second"]


@pytest.mark.source_only
def test_limit_is_raised_by_a_changed_file(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(step(1))
    assert program.run_agent(agent(model_server, "limits: {requests: 1}\n")).exit_code == 3
    changed = program.write("changed.yaml", agent(model_server))
    model_server.will_answer(Reply(pieces=("done",)))

    assert resume(program).exit_code == 3
    resumed = resume(program, "--last", "--agent-file", changed)

    assert (resumed.exit_code, resumed.stdout) == (0, "done\n")
    assert model_server.called_tools == SHOUTED[:1]


@pytest.mark.source_only
def test_variables_are_filled_in_and_kept(program: Program, model_server: ModelServer) -> None:
    agent_file = "model: openai-chat:scripted\nprompt: About {{topic}}\ninstructions: Be {{tone}}.\n"
    path = program.write("agent.yaml", f"{agent_file}vars: {{topic: null, tone: brief}}\nretries: {{model: 0}}\n")
    model_server.will_answer(Reply(status=400, error="scripted reason"), Reply(pieces=("done",)))

    refused = program.run("run", path)
    failed = program.run("run", path, "--var", "topic=owls", "--var", "tone=kind", stdin="piped")
    assert (refused.exit_code, failed.exit_code) == (2, 1)
    assert resume(program).stdout == "done\n"

    for request in model_server.requests:
        assert request.texts("system") == ["Be kind."]
        assert request.texts("user") == ["About owls\n\npiped"]


def test_attached_files_are_kept(program: Program, model_server: ModelServer) -> None:
    path = program.write("agent.yaml", "model: openai-chat:scripted\n")
    files = ("--file", program.write("notes.txt", "grüße"), "--file", "image")
    (program.folder / "image").write_bytes(b"GIF89a...")
    model_server.will_answer(Reply(status=400, error="scripted reason"), Reply(pieces=("done",)))

    assert program.run("run", path, *files, "Compare").exit_code == 1
    (program.folder / "image").unlink()
    assert resume(program).stdout == "done\n"

    for request in model_server.requests:
        prompt, name, image = request.body["messages"][0]["content"]
        assert prompt["text"] == 'Compare\n\n<file path="notes.txt">\ngrüße\n</file>'
        assert (name["text"], image["image_url"]["url"]) == ("image:", "data:image/gif;base64,R0lGODlhLi4u")


def test_steps_of_called_agents_are_kept(program: Program, model_server: ModelServer) -> None:
    helper = program.write("helper.yaml", agent(model_server, "instructions: You help.\n"))
    task = ToolCall(name="helper", arguments={"prompt": "Shout!"})
    model_server.will_answer(Reply(tool_calls=(task,)), step(1), Reply(status=400, error="scripted reason"))
    failed = program.run_agent("model: openai-chat:scripted\nagents: {helper: helper.yaml}\n", "--json")
    assert (failed.exit_code, failed.document["usage"]["requests"]) == (1, 2)
    (program.folder / helper).unlink()

    model_server.will_answer(Reply(pieces=("shouted",)), Reply(pieces=("done",)))
    resumed = resume(program, "--last", "--json")

    assert (resumed.exit_code, resumed.document["output"]) == (0, "done")
    assert resumed.document["usage"]["requests"] == 4
    assert model_server.called_tools == SHOUTED[:1]
    assert model_server.model_requests[-2].texts("user") == ["Shout!"]
    assert model_server.model_requests[-1].texts("tool") == ["shouted"]


@pytest.mark.source_only
def test_completed_run_gives_its_answer_again(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(Reply(pieces=("forty-two",)))
    run_id = program.run_agent("model: openai-chat:scripted\n", "--json").document["run_id"]

    resumed = resume(program, run_id[:6])

    assert (resumed.exit_code, resumed.stdout, len(model_server.requests)) == (0, "forty-two\n", 1)


def test_running_run_is_not_resumed(program: Program, model_server: ModelServer) -> None:
    hold = Hold()
    model_server.will_answer(Reply(pieces=("done",), hold=hold))

    with program.start_agent("model: openai-chat:scripted\n") as running:
        hold.wait_until_reached()
        listed = program.run("runs", "--json")
        refused = resume(program)
        hold.release()
        assert running.finish().exit_code == 0

    assert [run["status"] for run in json.loads(listed.stdout)] == ["running"]
    assert (refused.exit_code, refused.stdout) == (2, "")


def test_runs_lists_runs_and_shows_one(program: Program, model_server: ModelServer) -> None:
    model_server.will_answer(step(1), Reply(status=400, error="scripted reason"), Reply(pieces=("fine",)))
    first = program.run_agent(agent(model_server), "--json").document["run_id"]
    second = program.run_agent("model: openai-chat:scripted\n", "--json").document["run_id"]

    listed = program.run("runs").stdout.splitlines()
    shown = program.run("runs", first).stdout

    assert [line.split()[:2] for line in listed] == [[second, "completed"], [first, "failed"]]
    assert 'remote_shout({"text":"step 1"}): returned' in shown
    assert "scripted reason" in shown


@pytest.mark.source_only
def test_ephemeral_run_stores_nothing(program: Program) -> None:
    assert program.run_agent("model: test\n", "--ephemeral").exit_code == 0

    assert not program.state_folder.exists()
    assert resume(program).exit_code == 2


@pytest.mark.source_only
def test_run_goes_on_if_it_cannot_be_stored(program: Program) -> None:
    program.state_folder.write_text("a file")

    finished = program.run_agent("model: test\n")

    assert finished.exit_code == 0
    assert finished.stderr.count("warning: ") == 1
