"""The agent file: reading it and checking all of it before anything starts.

Leaves behind an `AgentFile`, in which `${VAR}` is still as written: values are filled in only by the machine and the
moment that run the agent (see `environment`).
"""

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from agent_runner.errors import AgentFileError

type BuiltInTool = Literal["shell", "read_file", "write_file", "list_dir"]
type ServerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
type Text = Annotated[str, Field(min_length=1)]
type Count = Annotated[int, Field(gt=0)]
type Amount = Annotated[FiniteFloat, Field(gt=0)]

# Enough for autonomous work, yet an end to an agent that goes round in circles.
DEFAULT_REQUEST_LIMIT = 200


class _Section(BaseModel):
    """A part of the agent file: unknown keys are errors, and `"3"` is not 3."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=False)


class Limits(_Section):
    """What a run may use before it is stopped."""

    requests: Count = DEFAULT_REQUEST_LIMIT
    tool_calls: Count | None = None
    tokens: Count | None = None
    cost_usd: Amount | None = None
    seconds: Amount | None = None


class Retries(_Section):
    """How often the model may try again: after wrong arguments for a tool, after an unusable answer."""

    # pydantic-ai's own default of 1 ends a run because a model got a tool's arguments wrong twice.
    tools: Annotated[int, Field(ge=0)] = 3
    output: Annotated[int, Field(ge=0)] = 3

    @model_validator(mode="before")
    @classmethod
    def _accept_number(cls, value: object) -> object:
        return {"tools": value, "output": value} if type(value) is int else value


class McpServerSettings(_Section):
    """An MCP server, with the keys that other MCP clients use: a program (`command`) or an address (`url`)."""

    type: Literal["stdio", "http", "streamable-http", "sse"] | None = None
    command: Text | None = None
    args: list[str] = []
    env: dict[str, str] = {}
    cwd: Text | None = None
    url: Text | None = None
    headers: dict[str, str] = {}
    tools: list[Text] | None = None

    @model_validator(mode="after")
    def _check_kind(self) -> Self:
        if (self.command is None) == (self.url is None):
            raise PydanticCustomError("server_kind", "needs either 'command' or 'url'")
        if self.type is not None and (self.type == "stdio") != (self.command is not None):
            needed = "command" if self.type == "stdio" else "url"
            raise PydanticCustomError("server_kind", f"type {self.type!r} needs {needed!r}")
        unusable = {"headers"} if self.command is not None else {"args", "env", "cwd"}
        if misplaced := sorted(unusable & self.model_fields_set):
            kind = "command" if self.command is not None else "url"
            raise PydanticCustomError("server_kind", f"{misplaced[0]!r} cannot be used together with {kind!r}")
        return self


class AgentSettings(_Section):
    """The whole content of an agent file."""

    name: Text | None = None
    description: str | None = None
    model: Text | None = None
    instructions: str | None = None
    # These are checked by pydantic-ai when the agent is built, still before anything starts.
    model_settings: dict[str, Any] = {}
    output_schema: dict[str, Any] | None = None
    retries: Retries = Retries()
    tool_timeout: Amount | None = None
    capabilities: list[Any] = []
    tools: list[BuiltInTool] = []
    mcp_servers: dict[ServerName, McpServerSettings] = Field(default={}, alias="mcpServers")
    limits: Limits = Limits()


@dataclass(frozen=True, kw_only=True)
class AgentFile:
    """A checked agent file."""

    path: Path
    settings: AgentSettings

    @property
    def agent_name(self) -> str:
        """The agent's name: the file's own name where it states none."""
        return self.settings.name or self.path.stem


def load_agent_file(path: Path) -> AgentFile:
    """Read and check an agent file.

    Raises:
        AgentFileError: naming every problem of the file, not only the first.
    """
    try:
        content = yaml.load(_read_text(path), Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise AgentFileError(f"{path}{position}: not valid YAML: {error.problem or error.context}") from error
    except (yaml.YAMLError, RecursionError) as error:
        raise AgentFileError(f"{path}: not valid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        hint = "an agent file is a YAML mapping, such as 'model: ollama:qwen3' and 'instructions: …' on two lines"
        found = "nothing" if content is None else f"a {_YAML_KINDS.get(type(content), 'single value')}"
        raise AgentFileError(f"{path}: expected keys and values, found {found}", hint)
    try:
        settings = AgentSettings.model_validate(content)
    except ValidationError as error:
        raise _describe_problems(path, error.errors(include_url=False)) from error
    return AgentFile(path=path, settings=settings)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` with the known word that this one is close to, or nothing."""
    matches = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


_UNKNOWN_KEY = ("extra_forbidden", "invalid_key")
_YAML_KINDS: Mapping[type, str] = {list: "list", str: "text"}


class _StrictLoader(yaml.SafeLoader):
    """Refuses a key that stands twice, of which YAML's usual loader silently keeps the last.

    And it says where a value stands that looks like a date or a number and is none.
    """

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # Any: as inherited
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # Any: as inherited
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"key {key.value!r} stands twice", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read_text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise AgentFileError(f"agent file not found: {path}") from None
    except IsADirectoryError:
        raise AgentFileError(f"{path} is a folder, not an agent file") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise AgentFileError(f"{path}, line {line}: not UTF-8", "save the file with the encoding UTF-8") from error
    except OSError as error:
        if path.is_dir():
            # Windows refuses to open a folder with "permission denied".
            raise AgentFileError(f"{path} is a folder, not an agent file") from None
        raise AgentFileError(f"cannot read {path}: {error.strerror}") from error


def _describe_problems(path: Path, problems: list[ErrorDetails]) -> AgentFileError:
    lines = list(dict.fromkeys(_describe_problem(problem) for problem in problems))
    unknown = next((problem for problem in problems if problem["type"] in _UNKNOWN_KEY), None)
    hint = None
    if unknown is not None and "did you mean" not in _describe_problem(unknown):
        hint = f"known keys: {', '.join(_known_keys(unknown['loc'][:-1]))}"
    if len(lines) == 1:
        return AgentFileError(f"{path}: {lines[0]}", hint)
    return AgentFileError("\n  ".join([f"{path}: {len(lines)} problems:", *lines]), hint)


def _describe_problem(problem: ErrorDetails) -> str:
    # pydantic marks a problem with a key itself by "[key]" at the end of the place.
    place = [str(part) for part in problem["loc"] if part != "[key]"]
    if problem["type"] in _UNKNOWN_KEY:
        within = f" in {'.'.join(place[:-1])}" if len(place) > 1 else ""
        return f"unknown key {place[-1]!r}{within}{did_you_mean(place[-1], _known_keys(problem['loc'][:-1]))}"
    if problem["type"] == "string_pattern_mismatch":
        return f"{place[0]}: server name {problem['input']!r} may hold only letters, digits, '_' and '-', 32 at most"
    return f"{'.'.join(place)}: {_explain(problem)}"


def _explain(problem: ErrorDetails) -> str:
    match problem["type"]:
        case "string_type":
            return "must be text" + ("" if isinstance(problem["input"], dict | list | None) else " (put it in quotes)")
        case "server_kind":
            return problem["msg"]
        case "literal_error":
            choices = str(problem.get("ctx", {}).get("expected", "")).replace("'", "")
            guess = did_you_mean(str(problem["input"]), re.split(r", | or ", choices))
            return f"{problem['input']!r} is not one of {choices}{guess}"
        case "string_too_short":
            return "must not be empty"
        case _:
            message = re.sub(r" or instance of \w+$", "", problem["msg"].removeprefix("Input "))
            return message.replace("valid dictionary", "mapping").replace("a valid integer", "a whole number")


def _known_keys(place: tuple[int | str, ...]) -> list[str]:
    section: type[BaseModel] = AgentSettings
    if place[:1] == ("limits",):
        section = Limits
    elif place[:1] == ("retries",):
        section = Retries
    elif place[:1] == ("mcpServers",):
        section = McpServerSettings
    return [field.alias or name for name, field in section.model_fields.items()]
