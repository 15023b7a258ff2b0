"""The commands that run agents on this machine: `run`, `resume` and `runs`."""

import argparse
import json
import os
import stat
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent_runner.errors import EXIT_SUCCESS, UsageError
from agent_runner.output import Reporter, agent_prefix
from agent_runner.stored_runs import RunInput, RunSummary, UnstoredRun, new_run_id

if TYPE_CHECKING:
    from agent_runner.agent_file import AgentFile
    from agent_runner.engine import RunRequest
    from agent_runner.local_runs import LocalRun
    from agent_runner.processes import ChildTrackingLoop

# How long a pipe may stay silent beside a prompt.
_STDIN_SECONDS: Final = 3.0


def run(options: argparse.Namespace, reporter: Reporter, loop: "ChildTrackingLoop") -> int:
    """Run an agent file."""
    change_directory(options.directory)
    from agent_runner.engine import choose_models, run_agent
    from agent_runner.local_runs import LocalRun, runs_folder

    agent_file, run_input = read_run_input(options, choose_models, reporter.warn)
    run_id = new_run_id()
    store = UnstoredRun() if options.ephemeral else LocalRun(runs_folder() / run_id, run_input)
    request = _request(agent_file, run_input.model_names, run_input, options, run_id=run_id, store=store)
    reporter.completed(run_agent(request, reporter, loop))
    return EXIT_SUCCESS


def resume(options: argparse.Namespace, reporter: Reporter, loop: "ChildTrackingLoop") -> int:
    """Continue a run of this machine, or show the answer of a completed one."""
    from agent_runner.local_runs import find_run, last_run, runs_folder

    folder = runs_folder()
    stored = last_run(folder) if options.last else find_run(folder, options.run_id)
    with stored.locked():
        outcome = stored.outcome()
        if outcome is not None and outcome.status == "completed":
            reporter.note(f"run {stored.run_id} is completed already")
            is_text = isinstance(outcome.output, str)
            reporter.answer(
                str(outcome.output) if is_text else json.dumps(outcome.output, ensure_ascii=False, indent=2)
            )
            reporter.completed(outcome.output)
            return EXIT_SUCCESS
        return _continue_run(stored, options, reporter, loop)


def _continue_run(
    stored: "LocalRun", options: argparse.Namespace, reporter: Reporter, loop: "ChildTrackingLoop"
) -> int:
    from agent_runner.agent_file import load_agent_file
    from agent_runner.engine import check_environment, choose_models, run_agent
    from agent_runner.variables import fill_variables, read_stored_agent_file

    run_input = stored.stored_input()
    if options.agent_file is None:
        agent_file = read_stored_agent_file(run_input)
    else:
        agent_file = fill_variables(load_agent_file(options.agent_file), run_input.variables, with_prompt=False)
    change_directory(options.directory or Path(run_input.directory))
    # Checked again, because variables may be missing now.
    if options.model is None and options.agent_file is None:
        model_names = run_input.model_names
        check_environment(agent_file, model_names)
    else:
        model_names = choose_models(agent_file, options.model)
    request = _request(agent_file, model_names, run_input, options, run_id=stored.run_id, store=stored)
    reporter.completed(run_agent(request, reporter, loop))
    return EXIT_SUCCESS


def show_runs(options: argparse.Namespace, reporter: Reporter) -> int:
    """List this machine's runs, or show one with its steps."""
    from agent_runner.local_runs import all_runs, find_run, runs_folder

    folder = runs_folder()
    if options.run_id is not None:
        print_run(find_run(folder, options.run_id).summary(with_steps=True), options, reporter)
    else:
        print_runs([stored.summary() for stored in all_runs(folder)], options, reporter)
    return EXIT_SUCCESS


def print_runs(runs: list[RunSummary], options: argparse.Namespace, reporter: Reporter) -> None:
    """Write one line per run, or with `--json` a list."""
    if options.json:
        reporter.document([run.as_json(with_steps=False) for run in runs])
        return
    if not runs:
        reporter.note("no runs")
    for run in runs:
        begun = run.created_at[:19].replace("T", " ")
        prompt = " ".join(run.prompt.split())[:40]
        line = f"{run.run_id}  {run.status:<11}  {begun}  {run.step_count:>3} steps  {run.agent}  {prompt}"
        reporter.answer(f"{line.rstrip()}\n")


def print_run(run: RunSummary, options: argparse.Namespace, reporter: Reporter) -> None:
    """Write everything that's stored about a run."""
    if options.json:
        reporter.document(run.as_json(with_steps=True))
        return
    lines = [f"run {run.run_id}: {run.status}", f"begun    {run.created_at} by agent-runner {run.version}"]
    lines += [f"agent    {run.agent} on {run.model}", f"prompt   {' '.join(run.prompt.split())}"]
    if run.worker:
        lines.append(f"worker   {run.worker}")
    for number, step in enumerate(run.steps, 1):
        begin = f"step {number:<3} {agent_prefix(step.agent)}"
        if step.kind == "tool_result":
            value = step.value
            lines.append(f"{begin}{value['tool']}({value['arguments']}): {value['outcome']}")
        else:
            lines.append(f"{begin}response of the model")
    if run.error is not None:
        lines.append(f"error    {run.error['message']}")
    if run.output is not None:
        is_text = isinstance(run.output, str)
        lines.append(f"answer   {run.output if is_text else json.dumps(run.output, ensure_ascii=False)}")
    reporter.answer("\n".join(lines) + "\n")


def read_run_input(
    options: argparse.Namespace,
    find_models: "Callable[[AgentFile, str | None], tuple[str, ...]]",
    warn: Callable[[str], None],
) -> "tuple[AgentFile, RunInput]":
    """Return what the arguments of `run` and `submit` name: the agent file, and the input to store for a new run.

    Raises:
        RunnerError: if the agent file, a variable, the model, the prompt or an attached file can't be used.
    """
    from agent_runner.agent_file import load_agent_file
    from agent_runner.variables import parse_assignments, use_variables

    variables = parse_assignments(options.var)
    agent_file = use_variables(load_agent_file(options.agent_file), variables, with_prompt=options.prompt is None)
    model_names = find_models(agent_file, options.model)
    prompt = read_prompt(options.prompt, agent_file.settings.prompt, warn)
    return agent_file, new_run_input(agent_file, model_names, prompt, variables=variables, files=options.file)


def new_run_input(
    agent_file: "AgentFile",
    model_names: tuple[str, ...],
    prompt: str,
    *,
    variables: Mapping[str, str],
    files: Sequence[Path],
) -> RunInput:
    """Return the input to store for a new run.

    Raises:
        UsageError: if a file can't be attached.
    """
    from agent_runner.attachments import read_attachments

    return RunInput(
        agent_path=str(agent_file.path.absolute()),
        agent_text=agent_file.text,
        model_names=model_names,
        prompt=prompt,
        directory=str(Path.cwd()),
        variables=variables,
        attachments=read_attachments(files),
        agent_texts=agent_file.agent_texts,
    )


def change_directory(directory: Path | None) -> None:
    """Change to a directory, if one is given.

    Raises:
        UsageError: if that's impossible.
    """
    if directory is None:
        return
    try:
        os.chdir(directory)
    except OSError as error:
        raise UsageError(f"can't change to {directory}: {error.strerror}") from error


def read_prompt(argument: str | None, default: str | None, warn: Callable[[str], None]) -> str:
    """Return the prompt: the argument or the default, followed by piped text, or only standard input.

    Raises:
        UsageError: if there's none, or it isn't text.
    """
    prompt = default if argument is None else argument
    if argument == "-" or prompt is None:
        prompt = _read_stdin(is_expected=argument == "-")
    elif (piped := _piped_text(warn)).strip():
        prompt = f"{prompt}\n\n{piped}"
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise UsageError("the prompt isn't valid UTF-8") from error
    if not prompt.strip():
        raise UsageError("the prompt is empty")
    return prompt


def _read_stdin(*, is_expected: bool) -> str:
    hint = "pass it as an argument, pipe it to standard input, or add `prompt` to the agent file"
    if sys.stdin is None:
        raise UsageError("no prompt: standard input is closed", hint)
    if sys.stdin.isatty() and not is_expected:
        raise UsageError("no prompt", hint)
    try:
        return sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("the prompt on standard input isn't valid UTF-8") from error
    except OSError as error:
        raise UsageError(f"can't read standard input: {error.strerror}") from error


def _piped_text(warn: Callable[[str], None]) -> str:
    """Return what's piped to standard input; empty if it's a terminal or nothing arrives."""
    if sys.stdin is None:
        return ""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return ""
    if not stat.S_ISFIFO(mode) and not stat.S_ISREG(mode):
        return ""
    data, begun, ended = bytearray(), threading.Event(), threading.Event()

    def read() -> None:
        try:
            while chunk := os.read(sys.stdin.fileno(), 65536):
                data.extend(chunk)
                begun.set()
        except (OSError, ValueError):
            pass
        begun.set()
        ended.set()

    # A program that starts this one may leave a pipe open that it never writes to.
    threading.Thread(target=read, daemon=True).start()
    if not begun.wait(_STDIN_SECONDS):
        warn("nothing arrives on standard input, so only the prompt is used; pass - to wait, or < /dev/null")
        return ""
    ended.wait()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError("standard input isn't valid UTF-8", "redirect it: < /dev/null") from error


def _request(
    agent_file: "AgentFile",
    model_names: tuple[str, ...],
    run_input: RunInput,
    options: argparse.Namespace,
    *,
    run_id: str,
    store: "LocalRun | UnstoredRun",
) -> "RunRequest":
    from agent_runner.engine import RunRequest

    limit = options.timeout
    return RunRequest(
        agent_file=agent_file,
        model_names=model_names,
        prompt=run_input.prompt,
        attachments=run_input.attachments,
        time_limit_seconds=limit or agent_file.settings.limits.seconds,
        time_limit_name="limits.seconds" if limit is None else "--timeout",
        approves_all=options.yes,
        run_id=run_id,
        store=store,
    )
