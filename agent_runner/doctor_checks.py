"""The checks of `doctor`.

Each returns the detail to show, or raises an exception; a missing module or file can raise any.
"""

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
from agent_runner.agent_file import AgentFile, AgentSettings, McpServerSettings
from agent_runner.command_line import ECHO_COMMAND
from agent_runner.durable import RUN_QUEUE, Json, dbos_config, launched_dbos, needs_unixepoch, sqlite_url
from agent_runner.errors import RunnerError
from agent_runner.local_runs import LocalRun
from agent_runner.output import Reporter
from agent_runner.processes import ChildTrackingLoop
from agent_runner.providers import PROVIDERS, TEST_MODEL, build_model
from agent_runner.stored_runs import RunInput
from agent_runner.third_party import import_pydantic_ai

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
    """Check a run that's stored, with this program as its MCP server."""
    with tempfile.TemporaryDirectory(prefix="agent-runner-") as folder:
        answer, steps = _run_durably(Path(folder) / "run")
    if "self_echo" not in answer:
        raise CheckFailedError(f"the MCP server didn't echo: {answer}")
    # A frozen child belongs to the bundle itself.
    if not is_frozen():
        _require_clean(answer["self_environment"], "an MCP server")
    return f"{steps} steps stored, MCP server answered"


def check_queue() -> str:
    """Check that DBOS hands out a run, as it does in a worker."""
    from dbos import DBOS, SetWorkflowID

    def run(stored: Json) -> Json:
        return {"answer": stored["prompt"]}

    with tempfile.TemporaryDirectory(prefix="agent-runner-") as folder:
        url = sqlite_url(Path(folder) / "queue.db")
        with launched_dbos(dbos_config(url, executor_id="doctor"), run) as workflow:
            DBOS.register_queue(RUN_QUEUE, polling_interval_sec=0.1)
            with SetWorkflowID("doctor"):
                handle = DBOS.enqueue_workflow(RUN_QUEUE, workflow, {"prompt": "hello"})
            answer = handle.get_result(polling_interval_sec=0.1)
    if answer != {"answer": "hello"}:
        raise CheckFailedError(f"the run returned {answer}")
    return "DBOS ran a queued run"


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
    ("queue", check_queue),
)


def _run_durably(folder: Path) -> tuple[dict[str, Any], int]:  # Any: JSON
    from agent_runner.engine import RunRequest, run_agent

    command, *arguments = own_command(ECHO_COMMAND)
    # MCP servers don't inherit these. A frozen program unpacks itself into TMPDIR.
    passed_on = {name: os.environ[name] for name in ("TMPDIR", "PYTHONPATH") if name in os.environ}
    server = McpServerSettings(command=command, args=arguments, env=passed_on)
    settings = AgentSettings(model=TEST_MODEL, mcpServers={"self": server})
    run_input = RunInput(
        agent_path="doctor", agent_text="", model_names=(TEST_MODEL,), prompt="Use every tool.", directory=""
    )
    store = LocalRun(folder, run_input)
    request = RunRequest(
        agent_file=AgentFile(path=Path("doctor"), settings=settings),
        model_names=(TEST_MODEL,),
        prompt=run_input.prompt,
        time_limit_seconds=_RUN_TIMEOUT_SECONDS,
        time_limit_name="the limit of doctor",
        store=store,
    )
    answer = run_agent(request, Reporter(as_json=True, detail="quiet"), ChildTrackingLoop())
    store.release()
    return json.loads(str(answer)), store.summary().step_count


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
