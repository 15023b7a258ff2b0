"""The checks of `doctor`.

Each returns the detail to show, or raises an exception; a missing module or file can raise any.
"""

import asyncio
import json
import os
import platform
import sqlite3
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from agent_runner import program_version
from agent_runner.durable import dbos_config, launched_dbos, needs_unixepoch, sqlite_url
from agent_runner.echo_server import ECHO_COMMAND
from agent_runner.errors import RunnerError
from agent_runner.providers import PROVIDERS, TEST_MODEL, build_model
from agent_runner.third_party import import_mcp, import_pydantic_ai

# Generous, because under QEMU starting the program alone has taken 45 seconds.
_RUN_TIMEOUT_SECONDS: Final = 600
_CHILD_TIMEOUT_SECONDS: Final = 300


class CheckFailedError(RunnerError):
    """A check found a problem."""

    kind = "doctor"


def check_version() -> str:
    """Return the versions of the program, Python and the operating system."""
    origin = "frozen" if is_frozen() else "from source"
    return f"agent-runner {program_version()}, Python {platform.python_version()}, {origin}, {platform.platform()}"


def check_utf8() -> str:
    """Check that file names are UTF-8, and in a frozen program everything else too."""
    if sys.getfilesystemencoding() != "utf-8":
        raise CheckFailedError(f"the file system encoding is {sys.getfilesystemencoding()}", "set PYTHONUTF8=1")
    if is_frozen() and not sys.flags.utf8_mode:
        raise CheckFailedError("this binary was built without UTF-8 mode")
    return "UTF-8 mode" if sys.flags.utf8_mode else "UTF-8 locale"


def check_sqlite() -> str:
    """Check that SQLite works."""
    with sqlite3.connect(":memory:") as connection:
        connection.execute("select 1").fetchone()
    return sqlite3.sqlite_version + (" (older than 3.42: unixepoch is emulated)" if needs_unixepoch() else "")


def check_tls() -> str:
    """Check that the HTTP client finds trusted certificate authorities."""
    import httpx2

    try:
        context = httpx2.create_ssl_context()
    except OSError as error:
        hint = "set SSL_CERT_FILE and SSL_CERT_DIR to a readable file and directory, or unset them"
        raise CheckFailedError(f"can't load certificates: {error}", hint) from error
    if platform.system() in ("Windows", "Darwin") and not _certificate_variables():
        return f"{ssl.OPENSSL_VERSION}, system certificates"
    authorities = context.cert_store_stats()["x509_ca"] or _count_hashed_certificates()
    if not authorities:
        hint = "install the package ca-certificates, or set SSL_CERT_FILE to a file with certificates"
        raise CheckFailedError("no certificate authorities found, so HTTPS connections fail", hint)
    return f"{ssl.OPENSSL_VERSION}, {authorities} certificate authorities"


def check_providers() -> str:
    """Check that a model of every provider can be built."""
    import_pydantic_ai()
    addresses = {provider.url_variable: provider.default_url or "http://localhost/v1" for provider in PROVIDERS}
    for provider in PROVIDERS:
        build_model(f"{provider.prefix}:any", addresses)
    build_model(TEST_MODEL, {})
    return ", ".join([*(provider.prefix for provider in PROVIDERS), TEST_MODEL])


def check_postgres() -> str:
    """Check that psycopg can load its bundled libpq."""
    import psycopg

    if psycopg.pq.__impl__ != "binary":
        raise CheckFailedError(f"psycopg uses its {psycopg.pq.__impl__} implementation, not the binary one")
    version = psycopg.pq.version()
    return f"psycopg {psycopg.__version__}, libpq {version // 10000}.{version % 10000}"


def check_durable_run() -> str:
    """Check a run that DBOS stores, with this program as its MCP server."""
    import_pydantic_ai()
    import_mcp()
    with tempfile.TemporaryDirectory(prefix="agent-runner-") as folder:
        answer, steps = _run_durably(Path(folder) / "state.db")
    if "self_echo" not in answer:
        raise CheckFailedError(f"the MCP server didn't echo: {answer}")
    # A frozen child belongs to the bundle itself.
    if not is_frozen():
        _require_clean(answer["self_environment"], "an MCP server")
    return f"{steps} steps stored, MCP server answered"


def check_children() -> str:
    """Check that children don't inherit variables of the bundle."""
    command = ["cmd.exe", "/d", "/c", "set"] if sys.platform == "win32" else ["/bin/sh", "-c", "env"]
    listed = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_CHILD_TIMEOUT_SECONDS,
        check=True,
        encoding="utf-8",
        errors="replace",
    ).stdout
    pairs = (line.partition("=") for line in listed.splitlines())
    _require_clean({name: value for name, _, value in pairs}, "a shell command")
    return "no bundle variables inherited"


CHECKS: Final[tuple[tuple[str, Callable[[], str]], ...]] = (
    ("program", check_version),
    ("utf-8", check_utf8),
    ("sqlite", check_sqlite),
    ("tls", check_tls),
    ("providers", check_providers),
    ("postgres", check_postgres),
    ("children", check_children),
    ("durable-run", check_durable_run),
)


def _run_durably(database: Path) -> tuple[dict[str, Any], int]:  # Any: JSON
    from dbos import DBOS
    from fastmcp.client.transports import StdioTransport
    from pydantic_ai import Agent
    from pydantic_ai.durable_exec.dbos import DBOSDurability
    from pydantic_ai.mcp import MCPToolset
    from pydantic_ai.models.test import TestModel

    command, *arguments = own_command(ECHO_COMMAND)
    # MCP servers don't inherit these. A frozen program unpacks itself into TMPDIR.
    passed_on = {name: os.environ[name] for name in ("TMPDIR", "PYTHONPATH") if name in os.environ}
    transport = StdioTransport(command, arguments, env=passed_on, keep_alive=False)
    toolset: MCPToolset[None] = MCPToolset(transport, id="self", init_timeout=_RUN_TIMEOUT_SECONDS)
    agent = Agent(TestModel(), name="doctor", toolsets=[toolset.prefixed("self")], capabilities=[DBOSDurability()])

    @DBOS.workflow(name="doctor")
    async def run() -> str:
        return (await agent.run("Use every tool.", timeout=_RUN_TIMEOUT_SECONDS)).output

    async def run_in_workflow() -> tuple[str, int]:
        handle = await DBOS.start_workflow_async(run)
        answer = await handle.get_result()
        return answer, len(await DBOS.list_workflow_steps_async(handle.workflow_id))

    with launched_dbos(dbos_config(sqlite_url(database), executor_id="doctor")):
        answer, step_count = asyncio.run(run_in_workflow())
    return json.loads(answer), step_count


def is_frozen() -> bool:
    """Return whether this is a PyInstaller executable."""
    return bool(getattr(sys, "frozen", False))


def bundle_directory() -> Path | None:
    """Return the directory that the executable is unpacked to; None from source."""
    folder = getattr(sys, "_MEIPASS", None)
    return Path(folder) if is_frozen() and folder else None


def own_command(*args: str) -> list[str]:
    """Return the command that starts this program with these arguments."""
    return [sys.executable, *([] if is_frozen() else ["-m", "agent_runner"]), *args]


def _require_clean(environment: Mapping[str, str], whose: str) -> None:
    bundle = bundle_directory()
    leaked = [
        name
        for name, value in environment.items()
        if name.startswith(("_PYI_", "_MEI")) or (bundle is not None and str(bundle) in value)
    ]
    if leaked:
        raise CheckFailedError(f"{whose} inherits {', '.join(sorted(leaked))}")


def _certificate_variables() -> list[str]:
    return [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]


def _count_hashed_certificates() -> int:
    # OpenSSL reads a certificate directory only when it connects, so the context doesn't count these.
    if os.environ.get("SSL_CERT_FILE"):
        return 0
    folder = Path(os.environ.get("SSL_CERT_DIR") or ssl.get_default_verify_paths().openssl_capath)
    try:
        return sum(1 for entry in folder.iterdir() if entry.suffix.removeprefix(".").isdigit())
    except OSError:
        return 0
