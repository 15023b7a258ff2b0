"""What `doctor` checks of the program itself.

Every check returns the detail to show, or raises: a missing piece of the program shows as whatever exception it
causes.
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
from agent_runner.errors import RunnerError
from agent_runner.frozen import ECHO_COMMAND, bundle_folder, is_frozen, self_command
from agent_runner.providers import PROVIDERS, TEST_MODEL, build_model
from agent_runner.third_party import import_mcp, import_pydantic_ai

# Only for what is stuck: where an emulator runs the program, its start alone has taken 45 seconds.
_RUN_TIMEOUT_SECONDS: Final = 600
_CHILD_TIMEOUT_SECONDS: Final = 300


class CheckFailedError(RunnerError):
    """Something is not as it must be for this program to work."""

    kind = "doctor"


def check_version() -> str:
    """Show what this is."""
    origin = "frozen" if is_frozen() else "from source"
    return f"agent-runner {program_version()}, Python {platform.python_version()}, {origin}, {platform.platform()}"


def check_utf8() -> str:
    """Check that text is UTF-8 everywhere, whatever the locale says."""
    if sys.getfilesystemencoding() != "utf-8":
        raise CheckFailedError(f"file names are {sys.getfilesystemencoding()}", "set PYTHONUTF8=1")
    if is_frozen() and not sys.flags.utf8_mode:
        raise CheckFailedError("this program was built without Python's UTF-8 mode")
    return "UTF-8 mode" if sys.flags.utf8_mode else "by the locale"


def check_sqlite() -> str:
    """Check that SQLite works, and show its version."""
    with sqlite3.connect(":memory:") as connection:
        connection.execute("select 1").fetchone()
    return sqlite3.sqlite_version + (" (older than 3.42: one function is supplied)" if needs_unixepoch() else "")


def check_tls() -> str:
    """Check that there are certificate authorities to trust, as the HTTP client sees them."""
    import httpx2

    try:
        context = httpx2.create_ssl_context()
    except OSError as error:
        hint = "SSL_CERT_FILE or SSL_CERT_DIR names nothing that can be read"
        raise CheckFailedError(f"cannot load certificates: {error}", hint) from error
    if platform.system() in ("Windows", "Darwin") and not _certificate_variables():
        return f"{ssl.OPENSSL_VERSION}, authorities of the operating system"
    authorities = context.cert_store_stats()["x509_ca"] or _hashed_certificates()
    if not authorities:
        hint = "install the package ca-certificates, or set SSL_CERT_FILE to a file with certificate authorities"
        raise CheckFailedError("no certificate authorities found, so no https:// address can be reached", hint)
    return f"{ssl.OPENSSL_VERSION}, {authorities} authorities"


def check_providers() -> str:
    """Check that the model class of every provider can be built."""
    import_pydantic_ai()
    addresses = {row.url: row.default_url or "http://localhost/v1" for row in PROVIDERS}
    for row in PROVIDERS:
        build_model(f"{row.prefix}:any", addresses)
    build_model(TEST_MODEL, {})
    return ", ".join([*(row.prefix for row in PROVIDERS), TEST_MODEL])


def check_postgres() -> str:
    """Check that the PostgreSQL client and its bundled library can be loaded."""
    import psycopg

    if psycopg.pq.__impl__ != "binary":
        raise CheckFailedError(f"psycopg uses its {psycopg.pq.__impl__} implementation instead of the binary one")
    version = psycopg.pq.version()
    return f"psycopg {psycopg.__version__}, libpq {version // 10000}.{version % 10000}"


def check_durable_run() -> str:
    """Check one agent run recorded by DBOS, with an MCP server that is this program itself."""
    import_pydantic_ai()
    import_mcp()
    with tempfile.TemporaryDirectory(prefix="agent-runner-") as folder:
        answer, steps = _run_durably(Path(folder) / "state.db")
    if "self_echo" not in answer:
        raise CheckFailedError(f"the MCP server did not echo: {answer}")
    _require_clean(answer["self_environment"], "an MCP server", is_frozen_itself=is_frozen())
    return f"{steps} steps recorded, MCP server answered"


def check_children() -> str:
    """Check that what this program starts does not inherit the insides of its bundle."""
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
    return "environment clean"


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

    command, *arguments = self_command(ECHO_COMMAND)
    # A frozen program unpacks itself into TMPDIR; MCP servers do not get either variable by themselves.
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


def _require_clean(environment: Mapping[str, str], whose: str, *, is_frozen_itself: bool = False) -> None:
    folder = bundle_folder()
    leaked = [
        name
        for name, value in environment.items()
        # A frozen program has such variables from its own bootloader. Had it inherited ours, it would use our bundle.
        if (name.startswith(("_PYI_", "_MEI")) and not is_frozen_itself)
        or (folder is not None and str(folder) in value)
    ]
    if leaked:
        raise CheckFailedError(f"{whose} inherits {', '.join(sorted(leaked))}")


def _certificate_variables() -> list[str]:
    return [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]


def _hashed_certificates() -> int:
    # OpenSSL reads a folder of certificates only while connecting, so the context does not count them.
    if os.environ.get("SSL_CERT_FILE"):
        return 0
    folder = Path(os.environ.get("SSL_CERT_DIR") or ssl.get_default_verify_paths().openssl_capath)
    try:
        return sum(1 for entry in folder.iterdir() if entry.suffix.removeprefix(".").isdigit())
    except OSError:
        return 0
