"""Filling `{{name}}` in an agent file."""

from pathlib import Path

import pytest

from agent_runner.agent_file import AgentFile, parse_agent_file
from agent_runner.errors import AgentFileError, RunnerError, UsageError
from agent_runner.run_commands import read_prompt
from agent_runner.variables import fill_variables, parse_assignments, use_variables


def parse(text: str) -> AgentFile:
    return parse_agent_file(Path("agent.yaml"), f"model: test\n{text}")


def test_values_and_defaults_are_filled_in() -> None:
    agent_file = parse(
        "prompt: Write about {{topic}} {{ tone }}.\ninstructions: Be {{tone}}.\nvars: {topic: null, tone: brief}"
    )

    settings = use_variables(agent_file, {"topic": "owls"}, with_prompt=True).settings

    assert (settings.prompt, settings.instructions) == ("Write about owls brief.", "Be brief.")


def test_values_are_never_expanded_again() -> None:
    agent_file = parse("prompt: '{{a}} {{b}}'\nvars: {a: '{{b}}', b: null}")

    assert use_variables(agent_file, {"b": r"{{a}} \1 ${HOME}"}, with_prompt=True).settings.prompt == (
        r"{{b}} {{a}} \1 ${HOME}"
    )


def test_other_braces_are_literal() -> None:
    text = r"{{ .Values.x }} {{#if a}} { {a} } \{{a}}"
    agent_file = parse(f"prompt: '{text} {{{{a}}}}'\nvars: {{a: x}}")

    settings = use_variables(agent_file, {}, with_prompt=True).settings

    assert settings.prompt == "{{ .Values.x }} {{#if a}} { {a} } {{a}} x"


def test_instructions_without_vars_are_literal() -> None:
    agent_file = parse(r"instructions: '{{a}} \{{b}}'")

    assert fill_variables(agent_file, {}, with_prompt=True).settings.instructions == r"{{a}} \{{b}}"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("prompt: '{{topic}}'", "prompt: {{topic}}"),
        ("prompt: '{{tpic}}'\nvars: {topic: a}", "did you mean 'topic'?"),
        ("instructions: '{{b}} {{a}}'\nvars: {a: x}", "instructions: {{b}}"),
        ("prompt: hi\nvars: {a: x}", "vars.a"),
        (r"prompt: \{{a}}" + "\nvars: {a: x}", "vars.a"),
        ("prompt: '{{a}}'\nvars: {a: 3}", "vars.a: must be a string"),
        ("vars: {a-b: x}", "vars.a-b: invalid name"),
        ("prompt: '{{a}}'\nvars: [a]", "vars: "),
        ("prompt: ''", "prompt: must not be empty"),
    ],
)
def test_invalid_variables_are_agent_file_errors(text: str, place: str) -> None:
    with pytest.raises(AgentFileError) as caught:
        parse(text)

    assert place in caught.value.message


@pytest.mark.parametrize(
    ("assignments", "with_prompt", "named"),
    [
        (["topic"], True, "NAME=VALUE"),
        (["=x"], True, "NAME=VALUE"),
        (["topic=a", "topic=b"], True, "twice"),
        (["topic=\udcff"], True, "UTF-8"),
        (["tpic=a"], True, "'topic'"),
        ([], True, "topic"),
        (["topic=a"], False, "PROMPT"),
    ],
)
def test_unknown_missing_and_unused_variables_are_refused(
    assignments: list[str], with_prompt: bool, named: str
) -> None:
    agent_file = parse("prompt: '{{topic}} {{tone}}'\ninstructions: '{{tone}}'\nvars: {topic: null, tone: brief}")

    with pytest.raises(UsageError) as caught:
        use_variables(agent_file, parse_assignments(assignments), with_prompt=with_prompt)

    assert named in caught.value.message
    assert caught.value.hint or "UTF-8" in named


def test_argument_replaces_prompt_and_its_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    agent_file = parse("prompt: '{{topic}}'\nvars: {topic: null}")

    settings = use_variables(agent_file, {}, with_prompt=False).settings

    assert read_prompt("owls", settings.prompt, print) == "owls"


@pytest.mark.parametrize("prompt", [None, "-"])
def test_missing_prompt_is_usage_error(monkeypatch: pytest.MonkeyPatch, prompt: str | None) -> None:
    monkeypatch.setattr("sys.stdin", None)

    with pytest.raises(RunnerError) as caught:
        read_prompt(prompt, None, print)

    assert caught.value.exit_code == 2


def test_stored_values_fill_instructions_again() -> None:
    agent_file = parse("instructions: Be {{tone}}.\nvars: {tone: null}")

    # A changed agent file may not have every variable any more.
    settings = fill_variables(agent_file, {"tone": "brief", "topic": "owls"}, with_prompt=False).settings

    assert settings.instructions == "Be brief."
