"""Runs of a shared store: workers that die, lose the store or are stopped, and no finished step is repeated."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from .model_server import Hold, ModelServer, Reply, Request, ToolCall
from .postgres_server import PostgresServer, find_programs
from .program import Finished, Program, Running

STEPS = 3

pytestmark = [
    pytest.mark.skipif(find_programs() is None, reason="PostgreSQL's server isn't installed"),
    pytest.mark.skipif(sys.platform == "win32", reason="starts PostgreSQL as on POSIX"),
]


@pytest.fixture(scope="module")
def postgres() -> Iterator[PostgresServer]:
    programs = find_programs()
    assert programs is not None
    with PostgresServer(programs) as server:
        yield server


@pytest.fixture
def store(postgres: PostgresServer, program: Program) -> str:
    url = postgres.new_database()
    program.environment["AGENT_RUNNER_STORE"] = url
    return url


def write_agent(program: Program, model_server: ModelServer) -> str:
    servers = f"mcpServers: {{remote: {{url: '{model_server.mcp_url}'}}}}"
    return program.write("agent.yaml", f"model: openai-chat:scripted\nretries: {{model: 0}}\n{servers}\n")


def answer_by_prompt(request: Request) -> Reply:
    """Answer as the run's own conversation demands, whichever runs there are: a step for each result, then the end."""
    prompt, done = request.texts("user")[0], len(request.texts("tool"))
    if done == STEPS:
        return Reply(pieces=(f"answer of {prompt}",))
    return Reply(tool_calls=(ToolCall(name="remote_shout", arguments={"text": f"{prompt} step {done + 1}"}),))


def submit(program: Program, agent_file: str, prompt: str) -> str:
    submitted = program.run("submit", agent_file, "-", stdin=prompt)
    assert submitted.exit_code == 0, submitted.stderr
    return submitted.stdout.strip()


def listed(program: Program, store: str) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(program.run("runs", "--store", store, "--json").stdout)
    return found


def wait(program: Program, agent_file: str, run_id: str) -> Finished:
    return program.run("submit", agent_file, "the same", "--id", run_id, "--wait")


def start_worker(program: Program, *arguments: str) -> Running:
    running = program.start("worker", *arguments)
    running.wait_for_stderr(" ready")
    return running


def test_runs_survive_their_workers(
    program: Program, model_server: ModelServer, store: str, postgres: PostgresServer
) -> None:
    agent_file = write_agent(program, model_server)
    runs = {f"run {number}": submit(program, agent_file, f"run {number}") for number in range(1, 13)}
    under_way = [Hold() for _ in range(3)]
    model_server.will_answer_by(answer_by_prompt, holds_after_steps=(2, under_way))

    with ExitStack() as stack:
        killed = stack.enter_context(start_worker(program, "--concurrency", "1"))
        under_way[0].wait_until_reached()
        killed.kill()
        cut = stack.enter_context(start_worker(program))
        under_way[1].wait_until_reached()
        database = store.rpartition("/")[2]
        postgres.query(
            "select pg_terminate_backend(pid) from pg_stat_activity "
            "where datname = current_database() and pid <> pg_backend_pid()",
            database=database,
        )
        assert cut.finish().exit_code == 1
        drained = stack.enter_context(start_worker(program, "--grace", "60"))
        under_way[2].wait_until_reached()
        drained.terminate()
        drained.wait_for_stderr("stopping")
        for hold in under_way:
            hold.release()
        assert drained.finish().exit_code == 0
        last = stack.enter_context(start_worker(program, "--concurrency", "4"))
        answers = {prompt: wait(program, agent_file, run_id) for prompt, run_id in runs.items()}
        last.terminate()
        assert last.finish().exit_code == 0

    for prompt, finished in answers.items():
        assert (finished.exit_code, finished.stdout) == (0, f"answer of {prompt}\n"), finished.stderr
    calls = Counter(model_server.called_tools)
    assert calls == {("shout", f"{prompt} step {n}"): 1 for prompt in runs for n in range(1, STEPS + 1)}
    # The requests that were under way when a worker died, and no others, were sent again.
    assert len(model_server.model_requests) == len(runs) * (STEPS + 1) + 2


def test_run_is_cancelled_and_continued(program: Program, model_server: ModelServer, store: str) -> None:
    agent_file = write_agent(program, model_server)
    hold = Hold()
    model_server.will_answer_by(answer_by_prompt, holds_after_steps=(1, [hold]))
    run_id = submit(program, agent_file, "it")

    with start_worker(program) as worker:
        hold.wait_until_reached()
        cancelled = program.run("cancel", run_id)
        worker.wait_for_stderr("cancelled")
        hold.release()
        again = program.run("cancel", run_id)
        status = listed(program, store)[0]["status"]
        resumed = program.run("resume", run_id, "--store", store)
        finished = wait(program, agent_file, run_id)
        worker.terminate()
        worker.finish()

    assert (cancelled.exit_code, again.exit_code, status, resumed.exit_code) == (0, 2, "cancelled", 0)
    assert (finished.exit_code, finished.stdout) == (0, "answer of it\n")
    assert Counter(model_server.called_tools).most_common(1)[0][1] == 1


def test_failed_run_is_reported_and_continued(program: Program, model_server: ModelServer, store: str) -> None:
    agent_file = write_agent(program, model_server)
    model_server.will_answer(Reply(status=400, error="scripted reason"))
    run_id = submit(program, agent_file, "it")

    with start_worker(program) as worker:
        failed = wait(program, agent_file, run_id)
        shown = program.run("runs", run_id, "--store", store).stdout
        model_server.will_answer_by(answer_by_prompt)
        program.run("resume", run_id, "--store", store)
        finished = wait(program, agent_file, run_id)
        worker.terminate()
        worker.finish()

    assert failed.exit_code == 1
    assert "scripted reason" in failed.errors[0]
    assert "scripted reason" in shown
    assert finished.stdout == "answer of it\n"


def test_runs_are_listed_without_their_inputs(
    program: Program, model_server: ModelServer, store: str, postgres: PostgresServer
) -> None:
    run_id = submit(program, write_agent(program, model_server), "a\0b")
    database = store.rpartition("/")[2]
    query = "update dbos.workflow_input set inputs = 'not read' returning 1"
    assert postgres.query(query, database=database) == ["1"]

    (run,) = listed(program, store)
    shown = json.loads(program.run("runs", run_id, "--store", store, "--json").stdout)

    assert (run["agent"], run["model"], run["prompt"]) == ("agent", "openai-chat:scripted", "a\0b")
    assert {**shown, "steps": 0} == run
    assert program.run("cancel", run_id).exit_code == 0


def test_run_without_summary_is_listed(
    program: Program, model_server: ModelServer, store: str, postgres: PostgresServer
) -> None:
    agent_file = write_agent(program, model_server)
    submit(program, agent_file, "old")
    # As an earlier version stored it.
    postgres.query("update dbos.workflow_status set attributes = null", database=store.rpartition("/")[2])
    submit(program, agent_file, "new")

    assert [(run["agent"], run["prompt"]) for run in listed(program, store)] == [("agent", "new"), ("agent", "old")]


def test_unreachable_store_is_named_without_its_password(program: Program) -> None:
    finished = program.run("runs", "--store", "postgresql://me:secret@127.0.0.1:1/nothing")

    assert finished.exit_code == 1
    assert "nothing" in finished.errors[0]
    assert "secret" not in finished.stderr
