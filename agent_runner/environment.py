"""Environment variables: which ones a run needs, what its children inherit, and their expansion in the agent file.

`${VAR}` and `${VAR:-default}` work in `env`, `permissions.root` and the values of an `mcpServers` entry. As in a shell,
the default also replaces an empty variable. pydantic-ai expands them too, but privately, and reports only the first one
that's missing.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from agent_runner.agent_file import REFERENCE, AgentSettings, McpServerSettings, Permissions
from agent_runner.errors import EnvironmentVariableError
from agent_runner.output import hide, hide_credentials

_EXPANDED_KEYS: Final = ("command", "args", "env", "cwd", "url", "headers")
# What programs need to work at all. Everything else may be a secret, and is passed on by name.
_INHERITED_ON_WINDOWS: Final = (
    *("APPDATA", "COMSPEC", "HOMEDRIVE", "HOMEPATH", "LOCALAPPDATA", "NUMBER_OF_PROCESSORS", "OS", "PATH", "PATHEXT"),
    *("PROCESSOR_ARCHITECTURE", "PROGRAMDATA", "PROGRAMFILES", "PROGRAMFILES(X86)", "SYSTEMDRIVE", "SYSTEMROOT"),
    *("TEMP", "TMP", "USERDOMAIN", "USERNAME", "USERPROFILE", "WINDIR"),
)
_INHERITED_ELSEWHERE: Final = ("HOME", "LANG", "LANGUAGE", "LOGNAME", "PATH", "SHELL", "TERM", "TMPDIR", "TZ", "USER")
_INHERITED: Final = _INHERITED_ON_WINDOWS if sys.platform == "win32" else _INHERITED_ELSEWHERE


@dataclass(frozen=True, kw_only=True)
class MissingVariable:
    """A variable that isn't set, and what uses it."""

    name: str
    used_by: str


def expand_variables(text: str, environ: Mapping[str, str]) -> str:
    """Expand every `${VAR}` and `${VAR:-default}`; a missing variable expands to nothing."""

    def value(match: re.Match[str]) -> str:
        if match["name"] is None:
            return "${"
        return environ.get(match["name"], "") or match["default"] or ""

    return REFERENCE.sub(value, text)


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


def inherited_variables(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that every child inherits."""
    # Values that start with `()` are functions of old versions of bash.
    return {
        name: value
        for name, value in environ.items()
        if (name.upper() in _INHERITED or name.startswith("LC_")) and not value.startswith("()")
    }


def tool_environment(settings: AgentSettings, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the shell tool: the inherited variables, and those in `env`."""
    added = {name: expand_variables(value, environ) for name, value in settings.env.items()}
    return {**inherited_variables(environ), **added}


def expand_permissions(permissions: Permissions, environ: Mapping[str, str]) -> Permissions:
    """Return the permissions with all variables expanded."""
    return permissions.model_copy(update={"root": expand_variables(permissions.root, environ) or "."})


def missing_file_variables(settings: AgentSettings, environ: Mapping[str, str]) -> list[MissingVariable]:
    """Return the variables that the agent file uses without a default and that aren't set."""
    return [
        MissingVariable(name=match["name"], used_by=place)
        for place, match in _references(settings)
        if match["default"] is None and match["name"] not in environ
    ]


def hide_secrets(settings: AgentSettings, environ: Mapping[str, str]) -> None:
    """Have messages show `${VAR}` as in the agent file, never its value."""
    for _, match in _references(settings):
        hide(environ.get(match["name"], ""), match[0])
    for server in settings.mcp_servers.values():
        expanded = expand_server(server, environ)
        hide_credentials(expanded.url or "")
        for name, value in expanded.headers.items():
            hide(value, f"<{name}>")
            # The token of `Bearer …`.
            hide(value.rpartition(" ")[2], f"<{name}>")


def exports_traces(environ: Mapping[str, str]) -> bool:
    """Return whether the `OTEL_*` variables ask for traces."""
    endpoint = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    is_disabled = environ.get("OTEL_SDK_DISABLED", "").casefold() == "true"
    return bool(endpoint) and not is_disabled and environ.get("OTEL_TRACES_EXPORTER") != "none"


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


def _references(settings: AgentSettings) -> Iterator[tuple[str, re.Match[str]]]:
    """Yield each `${VAR}` with its place."""
    values: dict[str, Any] = {
        "env": settings.env,
        "permissions.root": settings.permissions.root,
    }  # Any: of each key's type
    for server_name, server in settings.mcp_servers.items():
        values |= {f"mcpServers.{server_name}.{key}": getattr(server, key) for key in _EXPANDED_KEYS}
    for place, value in values.items():
        for text in _texts(value):
            yield from ((place, match) for match in REFERENCE.finditer(text) if match["name"])


def _texts(value: str | list[str] | dict[str, str] | None) -> Iterable[str]:
    match value:
        case None:
            return ()
        case str():
            return (value,)
        case dict():
            return value.values()
    return value
