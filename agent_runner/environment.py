"""Environment variables: which ones a run needs, and their expansion in the agent file.

`${VAR}` and `${VAR:-default}` work in the values of an `mcpServers` entry. As in a shell, the default also replaces an
empty variable.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_runner.agent_file import AgentSettings, McpServerSettings
from agent_runner.errors import EnvironmentVariableError

_EXPANDED_KEYS: Final = ("command", "args", "env", "cwd", "url", "headers")
_REFERENCE: Final = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


@dataclass(frozen=True, kw_only=True)
class MissingVariable:
    """A variable that isn't set, and what uses it."""

    name: str
    used_by: str


def expand_variables(text: str, environ: Mapping[str, str]) -> str:
    """Expand every `${VAR}` and `${VAR:-default}`; a missing variable expands to nothing."""

    def value(match: re.Match[str]) -> str:
        return environ.get(match["name"], "") or match["default"] or ""

    return _REFERENCE.sub(value, text)


def expand_server(server: McpServerSettings, environ: Mapping[str, str]) -> McpServerSettings:
    """Return a server's settings with all variables expanded."""

    def expanded(value: Any) -> Any:  # Any: of the key's type
        match value:
            case str():
                return expand_variables(value, environ)
            case list():
                return [expand_variables(item, environ) for item in value]
            case dict():
                return {name: expand_variables(item, environ) for name, item in value.items()}
        return value

    return server.model_copy(update={key: expanded(getattr(server, key)) for key in _EXPANDED_KEYS})


def missing_server_variables(settings: AgentSettings, environ: Mapping[str, str]) -> list[MissingVariable]:
    """Return the variables that MCP servers use without a default and that aren't set."""
    return [
        MissingVariable(name=match["name"], used_by=f"mcpServers.{server_name}.{key}")
        for server_name, server in settings.mcp_servers.items()
        for key in _EXPANDED_KEYS
        for text in _texts(getattr(server, key))
        for match in _REFERENCE.finditer(text)
        if match["default"] is None and match["name"] not in environ
    ]


def require_variables(missing: list[MissingVariable]) -> None:
    """Raise one error for all missing variables.

    Raises:
        EnvironmentVariableError: if there are any.
    """
    if not missing:
        return
    places: dict[str, list[str]] = {}
    for variable in missing:
        if variable.used_by not in places.setdefault(variable.name, []):
            places[variable.name].append(variable.used_by)
    listed = ", ".join(f"{name} ({', '.join(used_by)})" for name, used_by in places.items())
    noun, pronoun = ("variable", "it") if len(places) == 1 else ("variables", "them")
    hint = f"set {pronoun}, for example: export {next(iter(places))}=…"
    raise EnvironmentVariableError(f"missing environment {noun}: {listed}", hint)


def _texts(value: str | list[str] | dict[str, str] | None) -> Iterable[str]:
    match value:
        case None:
            return ()
        case str():
            return (value,)
        case dict():
            return value.values()
    return value
