"""The variables of an agent file: `{{name}}` in its `prompt` and `instructions`, with values from `vars` and `--var`.

It's plain substitution. There are no expressions, and a value is never expanded again.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from agent_runner.agent_file import VARIABLE, AgentFile, did_you_mean, parse_agent_file
from agent_runner.errors import UsageError
from agent_runner.stored_runs import RunInput


def parse_assignments(assignments: Sequence[str]) -> dict[str, str]:
    """Return the values given by `--var NAME=VALUE`.

    Raises:
        UsageError: if one has another form, or a name is given twice.
    """
    values: dict[str, str] = {}
    for assignment in assignments:
        name, separator, value = assignment.partition("=")
        if not separator or not name:
            raise UsageError(f"--var {assignment}: not NAME=VALUE", "for example: --var topic=birds")
        if name in values:
            raise UsageError(f"--var {name} is given twice", "remove one of them")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise UsageError(f"--var {name}: the value isn't valid UTF-8") from error
        values[name] = value
    return values


def use_variables(agent_file: AgentFile, given: Mapping[str, str], *, with_prompt: bool) -> AgentFile:
    """Return the agent file with its variables filled in, after checking that each given one has an effect.

    Without the prompt, because another one replaces it, variables that only the prompt uses have none.

    Raises:
        UsageError: if a variable is unknown, unused or missing.
    """
    declared = agent_file.settings.vars
    for name in given:
        if name not in declared:
            hint = (
                f"its variables are: {_listed(declared)}" if declared else f"declare it there: vars: {{{name}: null}}"
            )
            raise UsageError(
                f"--var {name}: {agent_file.path} has no such variable{did_you_mean(name, declared)}", hint
            )
    used = _used(agent_file, with_prompt=with_prompt)
    if unused := [name for name in given if name not in used]:
        message = f"--var {_listed(unused)}: only the file's prompt uses it, which PROMPT replaces"
        raise UsageError(message, f"leave out PROMPT or --var {unused[0]}")
    return fill_variables(agent_file, given, with_prompt=with_prompt)


def fill_variables(agent_file: AgentFile, given: Mapping[str, str], *, with_prompt: bool) -> AgentFile:
    """Return the agent file with its variables filled in.

    Raises:
        UsageError: if one has neither a value nor a default.
    """
    settings = agent_file.settings
    values = {name: given.get(name, default) for name, default in settings.vars.items()}
    used = _used(agent_file, with_prompt=with_prompt)
    if missing := [name for name, value in values.items() if value is None and name in used]:
        noun = "variable" if len(missing) == 1 else "variables"
        hint = f"pass --var {missing[0]}=…, or give it a default in `vars`"
        raise UsageError(f"{agent_file.path}: missing {noun}: {_listed(missing)}", hint)

    def value(match: re.Match[str]) -> str:
        return match[0][1:] if match["escape"] else values.get(match["name"]) or ""

    filled: dict[str, str] = {}
    if settings.prompt is not None and with_prompt:
        filled["prompt"] = VARIABLE.sub(value, settings.prompt)
    if settings.instructions is not None and settings.vars:
        filled["instructions"] = VARIABLE.sub(value, settings.instructions)
    return replace(agent_file, settings=settings.model_copy(update=filled))


def read_stored_agent_file(run_input: RunInput) -> AgentFile:
    """Return the agent file of a stored run, with its variables filled in.

    Raises:
        RunnerError: if this version can't use it.
    """
    agent_file = parse_agent_file(Path(run_input.agent_path), run_input.agent_text, run_input.agent_texts)
    return fill_variables(agent_file, run_input.variables, with_prompt=False)


def _used(agent_file: AgentFile, *, with_prompt: bool) -> set[str]:
    settings = agent_file.settings
    return {*settings.instruction_variables, *(settings.prompt_variables if with_prompt else ())}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
