"""Reads and validates the agent file.

`${VAR}` isn't expanded here but when the agent runs, on the machine that runs it: see `environment`.
"""

import difflib
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self, get_args

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    FiniteFloat,
    JsonValue,
    NonNegativeInt,
    PositiveInt,
    ValidationError,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from agent_runner.errors import AgentFileError, shorten

type BuiltInTool = Literal["shell", "read_file", "write_file", "list_dir"]
type ServerName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
type NonEmptyText = Annotated[str, Field(min_length=1)]
type Verdict = Literal["allow", "ask", "deny"]
type NonNegativeNumber = Annotated[FiniteFloat, Field(ge=0)]
type PositiveNumber = Annotated[FiniteFloat, Field(gt=0)]

# `$${` is a literal `${`.
REFERENCE: Final = re.compile(
    r"\$\$(?=\{)\{|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>(?:(?!\$\{)[^}])*))?\}"
)

_VARIABLE_NAME: Final = "[A-Za-z_][A-Za-z0-9_]{0,63}"
# A variable in `prompt` and, if there are `vars`, in `instructions`. `\{{name}}` is a literal `{{name}}`.
VARIABLE: Final = re.compile(rf"(?P<escape>\\)?\{{\{{[ \t]*(?P<name>{_VARIABLE_NAME})[ \t]*\}}\}}")

# High enough for autonomous work, low enough to stop an agent that loops.
DEFAULT_REQUEST_LIMIT = 200


class _Section(BaseModel):
    """A mapping in the agent file: no unknown keys, and no conversions such as `"3"` to 3."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=False)


class Price(_Section):
    """What the model costs, in US dollars per million tokens."""

    input: NonNegativeNumber
    output: NonNegativeNumber


class Limits(_Section):
    """The most that a run may use before it's stopped."""

    requests: PositiveInt = DEFAULT_REQUEST_LIMIT
    tool_calls: PositiveInt | None = None
    tokens: PositiveInt | None = None
    cost_usd: PositiveNumber | None = None
    seconds: PositiveNumber | None = None
    # Replaces the price that pydantic-ai knows, for `cost_usd`.
    price: Price | None = None


class Retries(_Section):
    """How often the model may correct a tool call's arguments and its answer, and how often a request is repeated."""

    # pydantic-ai's default is 1, so the second invalid call of a tool would end the run.
    tools: NonNegativeInt = 3
    output: NonNegativeInt = 3
    # How often a request is repeated if the endpoint limits it, fails, or hangs up.
    model: NonNegativeInt = 4

    @model_validator(mode="before")
    @classmethod
    def _accept_number(cls, value: object) -> object:
        return {"tools": value, "output": value} if type(value) is int else value


class Rules(_Section):
    """Patterns for commands, paths or tools. `deny` wins over `ask`, and `ask` over `allow`."""

    allow: list[NonEmptyText] | None = None
    ask: list[NonEmptyText] = []
    deny: list[NonEmptyText] = []
    # What happens to everything else: by default "deny" if there's an `allow`, and "allow" if not.
    otherwise: Verdict | None = None


def _check_references(text: str) -> str:
    if "\0" in text:
        raise PydanticCustomError("explained", "must not contain a NUL character")
    if malformed := re.search(r"\$\{[^}]*\}?", REFERENCE.sub("", text)):
        reason = f"invalid reference {malformed[0]!r}: use ${{VAR}} or ${{VAR:-default}}, and $${{ for a literal ${{"
        raise PydanticCustomError("explained", "{reason}", {"reason": reason})
    return text


def _check_variable(name: str) -> str:
    if not name or re.search(r"[=\0]", name):
        raise PydanticCustomError("explained", "not the name of an environment variable")
    return name


def _pass_on_names(value: object) -> object:
    """Accept a list of names: the variables of this program with these names."""
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        return {name: f"${{{name}}}" for name in value}
    return value


def _variables_in(text: str | None) -> list[str]:
    names = [match["name"] for match in VARIABLE.finditer(text or "") if not match["escape"]]
    return list(dict.fromkeys(names))


def _check_name(name: str) -> str:
    if not re.fullmatch(_VARIABLE_NAME, name):
        raise PydanticCustomError("explained", "invalid name: use up to 64 letters, digits and '_'")
    return name


def _check_path(path: str) -> str:
    if "\0" in path:
        raise PydanticCustomError("explained", "must not contain a NUL character")
    return path


# Text with `${VAR}`, expanded on the machine that runs the agent.
type Expandable = Annotated[str, AfterValidator(_check_references)]
type NonEmptyExpandable = Annotated[Expandable, Field(min_length=1)]
type Variables = Annotated[
    dict[Annotated[str, AfterValidator(_check_variable)], Expandable], BeforeValidator(_pass_on_names)
]


def _check_finite(value: JsonValue) -> JsonValue:
    if isinstance(value, float) and not math.isfinite(value):
        raise PydanticCustomError("explained", "must be a finite number")
    return value


type JsonText = Annotated[JsonValue, AfterValidator(_check_finite)]
type JsonObject = dict[str, JsonText]


class Permissions(_Section):
    """What tools may do."""

    # File tools stay below this folder, and rules for paths are relative to it.
    root: NonEmptyExpandable = "."
    read_only: bool = False
    commands: Rules = Rules()
    paths: Rules = Rules()
    writes: Rules = Rules()
    tools: Rules = Rules()


class McpServerSettings(_Section):
    """An MCP server, with the same keys as in other MCP clients: a program (`command`) or a URL (`url`)."""

    type: Literal["stdio", "http", "streamable-http", "sse"] | None = None
    command: NonEmptyExpandable | None = None
    args: list[Expandable] = []
    env: Variables = {}
    cwd: NonEmptyExpandable | None = None
    url: NonEmptyExpandable | None = None
    headers: dict[NonEmptyText, Expandable] = {}
    tools: list[NonEmptyText] | None = None

    @model_validator(mode="after")
    def _check_transport(self) -> Self:
        if self.command is None and self.url is None:
            raise PydanticCustomError("explained", "set either 'command' or 'url'")
        if self.command is not None and self.url is not None:
            raise PydanticCustomError("explained", "'command' and 'url' can't be combined: remove one")
        if self.type is not None and (self.type == "stdio") != (self.command is not None):
            needed = "command" if self.type == "stdio" else "url"
            raise PydanticCustomError("explained", f"type {self.type!r} requires {needed!r}")
        unusable = {"headers"} if self.command is not None else {"args", "env", "cwd"}
        if misplaced := sorted(unusable & self.model_fields_set):
            used = "command" if self.command is not None else "url"
            raise PydanticCustomError("explained", f"{misplaced[0]!r} can't be combined with {used!r}")
        return self


class AgentSettings(_Section):
    """The content of an agent file."""

    name: NonEmptyText | None = None
    description: str | None = None
    model: NonEmptyText | None = None
    # The first one, and those that take over when a request to it fails.
    models: Annotated[list[NonEmptyText], Field(min_length=1)] | None = None
    instructions: str | None = None
    # The prompt if none is given.
    prompt: NonEmptyText | None = None
    # The variables of `prompt` and `instructions` with their defaults; null if a value must be given.
    vars: dict[Annotated[str, AfterValidator(_check_name)], str | None] = {}
    # The inside of JSON values is validated when the agent is built.
    model_settings: JsonObject = {}
    output_schema: JsonObject | None = None
    retries: Retries = Retries()
    tool_timeout: PositiveNumber | None = None
    capabilities: list[JsonText] = []
    tools: list[BuiltInTool] = []
    env: Variables = {}
    permissions: Permissions = Permissions()
    mcp_servers: dict[ServerName, McpServerSettings] = Field(default={}, alias="mcpServers")
    # Files of other agents, relative to this one, which are tools of this agent.
    agents: dict[ServerName, Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(_check_path)]] = {}
    limits: Limits = Limits()

    @property
    def model_names(self) -> tuple[str, ...]:
        """The names in `model` or `models`; none if there's neither."""
        return tuple(self.models or ([] if self.model is None else [self.model]))

    @property
    def prompt_variables(self) -> list[str]:
        """The names of the variables in `prompt`."""
        return _variables_in(self.prompt)

    @property
    def instruction_variables(self) -> list[str]:
        """The names of the variables in `instructions`, which are taken literally if there are no `vars`."""
        return _variables_in(self.instructions if self.vars else None)

    @model_validator(mode="after")
    def _check_models(self) -> Self:
        if self.model is not None and self.models is not None:
            raise PydanticCustomError("transport", "set either 'model' or 'models'")
        return self

    @model_validator(mode="after")
    def _check_agents(self) -> Self:
        if taken := sorted(self.agents.keys() & set(get_args(BuiltInTool.__value__))):
            raise PydanticCustomError("explained", f"agents.{taken[0]}: a built-in tool has this name")
        return self

    @model_validator(mode="after")
    def _check_variables(self) -> Self:
        in_prompt, in_instructions = self.prompt_variables, self.instruction_variables
        for place, names in (("prompt", in_prompt), ("instructions", in_instructions)):
            if undeclared := [name for name in names if name not in self.vars]:
                name = undeclared[0]
                reason = f"{place}: {{{{{name}}}}} isn't in `vars`{did_you_mean(name, self.vars)}"
                hint = f"add vars: {{{name}: null}}, or write \\{{{{{name}}}}} if it's meant literally"
                raise PydanticCustomError("explained", "{reason}", {"reason": reason, "hint": hint})
        if unused := [name for name in self.vars if name not in (*in_prompt, *in_instructions)]:
            reason = f"vars.{unused[0]}: neither the prompt nor the instructions use {{{{{unused[0]}}}}}"
            raise PydanticCustomError("explained", "{reason}", {"reason": reason, "hint": "use it or remove it"})
        return self


@dataclass(frozen=True, kw_only=True)
class AgentFile:
    """A valid agent file."""

    path: Path
    settings: AgentSettings
    text: str = ""
    # Those in `agents`.
    agents: "Mapping[str, AgentFile]" = field(default_factory=dict)

    @property
    def agent_name(self) -> str:
        """The agent's `name`, or the file's name without its suffix."""
        return self.settings.name or self.path.stem

    @property
    def agent_texts(self) -> dict[str, str]:
        """The texts of all files that this one names, by the path of names that leads to each."""
        texts: dict[str, str] = {}
        for name, agent in self.agents.items():
            texts[name] = agent.text
            texts |= {f"{name}/{path}": text for path, text in agent.agent_texts.items()}
        return texts


def load_agent_file(path: Path) -> AgentFile:
    """Read and validate an agent file, and those of the agents that it names.

    Raises:
        AgentFileError: listing every invalid key and value, not only the first.
    """

    def read(file: Path, _: str) -> str:
        if file.exists() and not file.is_file() and not file.is_dir():
            # Reading a device or a named pipe may never end.
            raise AgentFileError(f"{file} is not a regular file", "name an agent file")
        return _read_text(file)

    return _Loader(read).load(path, _read_text(path))


def parse_agent_file(path: Path, text: str, agent_texts: Mapping[str, str] | None = None) -> AgentFile:
    """Validate the text of an agent file, and the given ones of the agents that it names.

    Raises:
        AgentFileError: listing every invalid key and value, not only the first.
    """

    def read(file: Path, names: str) -> str:
        try:
            return (agent_texts or {})[names]
        except KeyError as error:
            raise AgentFileError(f"{file} isn't stored with the run") from error

    return _Loader(read).load(path, text)


class _Loader:
    """Loads a file and those that it names, with a function that reads one by its path and its path of names."""

    def __init__(self, read: Callable[[Path, str], str]) -> None:
        self._read = read
        self._count = 0

    def load(self, path: Path, text: str, names: tuple[str, ...] = (), above: tuple[Path, ...] = ()) -> AgentFile:
        settings = _parse_settings(path, text)
        agents: dict[str, AgentFile] = {}
        chain = (*above, path)
        for name, file in settings.agents.items():
            place, other = f"{path}: agents.{name}", path.parent / file
            if os.path.realpath(other) in map(os.path.realpath, chain):
                cycle = " -> ".join(map(str, (*chain, other)))
                raise AgentFileError(f"{place}: agents call each other in a cycle: {cycle}", "remove one of them")
            self._count += 1
            if len(chain) > _DEEPEST_AGENT or self._count > _MOST_AGENTS:
                limit = f"at most {_DEEPEST_AGENT} levels of agents, and {_MOST_AGENTS} agents in total"
                raise AgentFileError(f"{place}: too many agents: {limit}", "remove some of them")
            try:
                other_text = self._read(other, "/".join((*names, name)))
            except AgentFileError as error:
                raise AgentFileError(f"{place}: {error.message}", error.hint) from error
            agents[name] = self.load(other, other_text, (*names, name), chain)
            _require_defaults(place, agents[name])
        return AgentFile(path=path, settings=settings, text=text, agents=agents)


def _require_defaults(place: str, agent_file: AgentFile) -> None:
    settings = agent_file.settings
    for name in settings.instruction_variables:
        if settings.vars.get(name) is None:
            message = f"{place}: {agent_file.path} needs the variable {name!r}"
            raise AgentFileError(message, "give it a default in its `vars`")


def _parse_settings(path: Path, text: str) -> AgentSettings:
    try:
        content = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader
    except RecursionError as error:
        raise AgentFileError(f"{path}: invalid YAML: nested too deeply") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        position = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise AgentFileError(f"{path}{position}: invalid YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise AgentFileError(f"{path}: invalid YAML: {str(error).splitlines()[0]}") from error
    if not isinstance(content, dict):
        found = "nothing" if content is None else f"a {_YAML_TYPES.get(type(content), 'scalar')}"
        hint = "write one 'key: value' per line, such as 'model: ollama:qwen3'"
        raise AgentFileError(f"{path}: expected a mapping, found {found}", hint)
    try:
        return AgentSettings.model_validate(content)
    except ValidationError as error:
        raise _describe_problems(path, error.errors(include_url=False)) from error


def editor_schema() -> dict[str, object]:
    """Return the JSON Schema of agent files, for editors."""
    schema = AgentSettings.model_json_schema(by_alias=True)
    # Short forms, which are expanded before validation.
    names = {"type": "array", "items": {"type": "string"}}
    for properties in (schema["properties"], schema["$defs"]["McpServerSettings"]["properties"]):
        properties["env"] = {"anyOf": [names, properties["env"]]}
    schema["properties"]["retries"] = {"anyOf": [{"type": "integer", "minimum": 0}, schema["properties"]["retries"]]}
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "agent-runner agent file"}


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return ` (did you mean 'x'?)` for the closest known word; empty if none is close."""
    matches = difflib.get_close_matches(word, list(known), n=1)
    return f" (did you mean {matches[0]!r}?)" if matches else ""


_LARGEST_FILE: Final = 1024 * 1024
_MOST_VALUES: Final = 20_000
_DEEPEST_AGENT: Final = 5
_MOST_AGENTS: Final = 50
_NUMBERS: Final = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_PLAIN_NUMBER: Final = re.compile(
    r"[-+]?(?:0x[0-9a-f]{1,16}|(?:0|[1-9][0-9_]{0,18})?(?:\.[0-9]{0,20})?(?:e[-+]?[0-9]{1,3})?|\.inf)|\.nan",
    re.IGNORECASE,
)
_EXPLANATIONS: Final = {
    "string_too_short": "must not be empty",
    "too_short": "must not be empty",
    "missing": "is missing",
    "invalid-json-value": "must be text, a number, true, false, null, a list or a mapping (put dates in quotes)",
}
_JSON_KEYS: Final = ("model_settings", "output_schema", "capabilities")
_UNKNOWN_KEY = ("extra_forbidden", "invalid_key")
_YAML_TYPES: Mapping[type, str] = {list: "list", str: "string"}


class _StrictLoader(yaml.SafeLoader):
    """A SafeLoader that rejects duplicate keys and huge documents, and gives the position of invalid values.

    Aliases count as often as they're used, because everything that walks the document expands them.
    """

    def __init__(self, stream: str) -> None:
        super().__init__(stream)
        self._sizes: dict[int, int] = {}
        self._node_count = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._node_count += 1
        is_alias = self.check_event(yaml.AliasEvent)
        node = super().compose_node(parent, index)
        if not isinstance(node, yaml.Node):
            return None
        if is_alias and id(node) not in self._sizes:
            raise yaml.MarkedYAMLError(problem="an alias refers to what contains it", problem_mark=node.start_mark)
        self._sizes[id(node)] = 1 + sum(self._sizes[id(child)] for child in _children(node))
        if max(self._node_count, self._sizes[id(node)]) > _MOST_VALUES:
            problem = f"more than {_MOST_VALUES} values, counting each use of an alias"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:  # Any: as inherited
        if node.tag in _NUMBERS and not _PLAIN_NUMBER.fullmatch(node.value):
            # YAML 1.1 reads 010 as 8 and 1:30 as 90.
            problem = f"write {shorten(node.value)!r} as a plain decimal number, or in quotes"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, str):
                value.encode()
            return value
        except UnicodeEncodeError as error:
            raise yaml.MarkedYAMLError(problem="half of a surrogate pair", problem_mark=node.start_mark) from error
        except ValueError as error:
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # Any: as inherited
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"duplicate key {key.value!r}", problem_mark=key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _children(node: yaml.Node) -> Iterator[yaml.Node]:
    match node:
        case yaml.MappingNode():
            for pair in node.value:
                yield from pair
        case yaml.SequenceNode():
            yield from node.value


def _read_text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST_FILE + 1)
        if len(data) > _LARGEST_FILE:
            raise AgentFileError(f"{path} is larger than {_LARGEST_FILE // 1024} KiB", "is it really an agent file?")
        return data.decode("utf-8-sig")
    except FileNotFoundError:
        raise AgentFileError(f"agent file not found: {path}") from None
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise AgentFileError(f"{path}, line {line}: not valid UTF-8", "save the file as UTF-8") from error
    except OSError as error:
        # Windows reports a directory as "permission denied".
        reason = "is a directory" if path.is_dir() else error.strerror
        raise AgentFileError(f"can't read {path}: {reason}") from error


def _describe_problems(path: Path, problems: list[ErrorDetails]) -> AgentFileError:
    lines = list(dict.fromkeys(_describe_problem(problem) for problem in problems))
    unknown = next((problem for problem in problems if problem["type"] in _UNKNOWN_KEY), None)
    hint = problems[0].get("ctx", {}).get("hint") if len(lines) == 1 else None
    if unknown is not None and "did you mean" not in _describe_problem(unknown):
        hint = f"known keys: {', '.join(_known_keys(unknown['loc'][:-1]))}"
    if len(lines) == 1:
        return AgentFileError(f"{path}: {lines[0]}", hint)
    return AgentFileError("\n  ".join([f"{path}: {len(lines)} problems:", *lines]), hint)


def _describe_problem(problem: ErrorDetails) -> str:
    # pydantic appends "[key]" to the place if the key itself is invalid.
    place = [str(part) for part in problem["loc"] if part != "[key]"]
    if place and place[0] in _JSON_KEYS:
        # It also names the JSON type that it tried.
        place = [part for part in place if part not in ("dict", "list")]
    if problem["type"] in _UNKNOWN_KEY:
        within = f" in {'.'.join(place[:-1])}" if len(place) > 1 else ""
        return f"unknown key {place[-1]!r}{within}{did_you_mean(place[-1], _known_keys(problem['loc'][:-1]))}"
    if problem["type"] == "string_pattern_mismatch":
        return f"{place[0]}: invalid name {problem['input']!r}: use up to 32 letters, digits, '_' and '-'"
    return ": ".join([*([".".join(place)] if place else []), _explain(problem)])


def _explain(problem: ErrorDetails) -> str:
    if explanation := _EXPLANATIONS.get(problem["type"]):
        return explanation
    match problem["type"]:
        case "string_type":
            is_scalar = not isinstance(problem["input"], dict | list | None)
            return f"must be a string{' (put it in quotes)' if is_scalar else ''}"
        case "explained":
            return problem["msg"]
        case "literal_error":
            choices = str(problem.get("ctx", {}).get("expected", "")).replace("'", "")
            guess = did_you_mean(str(problem["input"]), re.split(r", | or ", choices))
            return f"{problem['input']!r} is not one of {choices}{guess}"
        case _:
            message = re.sub(r" or instance of \w+$", "", problem["msg"]).replace("Input should", "must")
            message = message.replace("valid dictionary", "mapping").replace("a valid integer", "an integer")
            return message.replace("a valid ", "a ")


def _known_keys(place: tuple[int | str, ...]) -> list[str]:
    section: type[BaseModel] = AgentSettings
    match place:
        case ("limits", "price"):
            section = Price
        case ("permissions",):
            section = Permissions
        case ("permissions", *_):
            section = Rules
        case (name, *_):
            sections: dict[str, type[BaseModel]] = {
                "limits": Limits,
                "retries": Retries,
                "mcpServers": McpServerSettings,
            }
            section = sections.get(str(name), AgentSettings)
    return [field.alias or name for name, field in section.model_fields.items()]
