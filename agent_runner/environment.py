"""Environment variables: which ones a run needs, and their values in the agent file.

`${VAR}` and `${VAR:-default}` may stand in every text of an `mcpServers` entry. As in a shell, the default is taken
for a variable that is unset or empty.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent_runner.agent_file import AgentSettings, McpServerSettings
from agent_runner.errors import EnvironmentVariableError

_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


@dataclass(frozen=True, kw_only=True)
class MissingVariable:
    """A variable that is not set, and where it is used."""

    name: str
    used_by: str


def expand_variables(text: str, environ: Mapping[str, str]) -> str:
    """Replace every `${VAR}` and `${VAR:-default}`; a variable that is missing becomes nothing."""

    def value(match: re.Match[str]) -> str:
        return environ.get(match["name"], "") or match["default"] or ""

    return _REFERENCE.sub(value, text)


def expand_server(server: McpServerSettings, environ: Mapping[str, str]) -> McpServerSettings:
    """Return the server's settings with all their variables replaced."""
    return server.model_copy(
        update={
            "command": server.command and expand_variables(server.command, environ),
            "args": [expand_variables(argument, environ) for argument in server.args],
            "env": {name: expand_variables(value, environ) for name, value in server.env.items()},
            "cwd": server.cwd and expand_variables(server.cwd, environ),
            "url": server.url and expand_variables(server.url, environ),
            "headers": {name: expand_variables(value, environ) for name, value in server.headers.items()},
        }
    )


def missing_server_variables(settings: AgentSettings, environ: Mapping[str, str]) -> list[MissingVariable]:
    """Return the variables without a default that the servers name and that are not set."""
    return [
        MissingVariable(name=match["name"], used_by=f"mcpServers.{server_name}.{key}")
        for server_name, server in settings.mcp_servers.items()
        for key, text in _texts(server)
        for match in _REFERENCE.finditer(text)
        if match["default"] is None and match["name"] not in environ
    ]


def require_no_missing(missing: list[MissingVariable]) -> None:
    """Raise one error that names all missing variables.

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
    noun = "variable" if len(places) == 1 else "variables"
    hint = f"set {'it' if len(places) == 1 else 'them'}, for example: export {next(iter(places))}=…"
    raise EnvironmentVariableError(f"missing environment {noun}: {listed}", hint)


def _texts(server: McpServerSettings) -> Iterator[tuple[str, str]]:
    for key, value in (("command", server.command), ("cwd", server.cwd), ("url", server.url)):
        if value is not None:
            yield key, value
    for argument in server.args:
        yield "args", argument
    for key, values in (("env", server.env), ("headers", server.headers)):
        for value in values.values():
            yield key, value
