"""The commands for a shared store: `submit` and `worker`, and `runs`, `resume` and `cancel` with `--store`."""

import argparse
import json

from agent_runner.errors import EXIT_SUCCESS, RunnerError, UsageError
from agent_runner.output import Reporter, agent_prefix
from agent_runner.run_commands import change_directory, print_run, print_runs, read_run_input
from agent_runner.stored_runs import RunSummary, new_run_id


def submit(options: argparse.Namespace, reporter: Reporter) -> int:
    """Queue a run and print its ID, or wait for its answer."""
    change_directory(options.directory)
    from agent_runner.engine import named_models
    from agent_runner.shared_store import open_store, store_url

    url = store_url(options.store)
    agent_file, run_input = read_run_input(options, named_models, reporter.warn)
    run_id = options.id or new_run_id()
    with open_store(url) as store:
        store.submit(run_id, run_input)
        if not options.wait:
            reporter.document({"run_id": run_id}) if options.json else reporter.answer(f"{run_id}\n")
            return EXIT_SUCCESS
        reporter.note(f"run {run_id}: {agent_file.agent_name} on {', '.join(run_input.model_names)}")
        ended: RunSummary | None = None
        shown = 0
        for ended in store.wait(run_id):
            for step in ended.steps[shown:]:
                if step.kind == "tool_result":
                    reporter.note(f"> {agent_prefix(step.agent)}{step.value['tool']}({step.value['arguments']})")
            shown = len(ended.steps)
    return _report_end(ended, reporter)


def work(options: argparse.Namespace, reporter: Reporter) -> int:
    """Run what's submitted, until a signal ends it."""
    from agent_runner.shared_store import store_url
    from agent_runner.worker import Worker

    worker = Worker(store_url(options.store), reporter, concurrency=options.concurrency, grace_seconds=options.grace)
    return worker.work()


def cancel(options: argparse.Namespace, reporter: Reporter) -> int:
    """Cancel a run."""
    from agent_runner.shared_store import open_store, store_url

    with open_store(store_url(options.store)) as store:
        found = store.cancel(options.run_id)
    if found.status not in ("queued", "running"):
        raise UsageError(f"run {found.run_id} has ended already: it's {found.status}")
    reporter.note(f"run {found.run_id} is cancelled")
    return EXIT_SUCCESS


def resume(options: argparse.Namespace, reporter: Reporter) -> int:
    """Queue a run again, which continues after its last step."""
    if options.run_id is None:
        raise UsageError("--last is for this machine's runs", "pass the run's ID")
    from agent_runner.shared_store import open_store, store_url

    with open_store(store_url(options.store)) as store:
        found = store.resume(options.run_id)
    if found.status not in ("failed", "cancelled"):
        raise UsageError(f"run {found.run_id} is {found.status}", "only runs that failed or were cancelled go on")
    reporter.note(f"run {found.run_id} is queued again")
    return EXIT_SUCCESS


def show_runs(options: argparse.Namespace, reporter: Reporter) -> int:
    """List the store's runs, or show one with its steps."""
    from agent_runner.shared_store import open_store, store_url

    with open_store(store_url(options.store)) as store:
        if options.run_id is not None:
            print_run(store.summary(options.run_id), options, reporter)
        else:
            print_runs(store.summaries(), options, reporter)
    return EXIT_SUCCESS


def _report_end(ended: RunSummary | None, reporter: Reporter) -> int:
    if ended is None or ended.status != "completed":
        error = (ended.error if ended else None) or {"message": "the run was cancelled", "hint": None}
        raise RunnerError(str(error["message"]), error.get("hint"))
    is_text = isinstance(ended.output, str)
    reporter.answer(str(ended.output) if is_text else json.dumps(ended.output, ensure_ascii=False, indent=2))
    reporter.completed(ended.output)
    return EXIT_SUCCESS
