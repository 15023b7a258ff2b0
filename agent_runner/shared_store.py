"""The shared store of several machines, in PostgreSQL: what clients and workers do there."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent_runner import DISTRIBUTION_NAME
from agent_runner.durable import RUN_QUEUE, RUN_WORKFLOW
from agent_runner.errors import RunnerError, UsageError
from agent_runner.stored_runs import Json, Outcome, RunInput, RunStatus, RunSummary, Step, UnknownRunError

if TYPE_CHECKING:
    from dbos import DBOSClient, WorkflowStatus
    from psycopg import Connection

STORE_VARIABLE: Final = "AGENT_RUNNER_STORE"
_POLL_SECONDS: Final = 0.25
# What a list shows of a run's input, which can be read without it, and without its files. It's JSON in a text, because
# PostgreSQL's own JSON has no null characters.
_SUMMARY: Final = "summary"
_IN_SUMMARY: Final = ("agent_path", "model_names", "prompt", "program_version")
_SCHEMA: Final = """
create schema if not exists agent_runner;
create table if not exists agent_runner.steps (
    run_id text not null,
    number integer not null,
    kind text not null,
    value text not null,
    primary key (run_id, number)
);
"""
_STATUSES: Final[dict[str, RunStatus]] = {
    "DELAYED": "queued",
    "ENQUEUED": "queued",
    "PENDING": "running",
    "CANCELLED": "cancelled",
    "ERROR": "failed",
    "MAX_RECOVERY_ATTEMPTS_EXCEEDED": "failed",
}
# A power cut or a broken network must not keep a dead worker's lock for hours.
_CONNECTION_OPTIONS: Final = {
    "connect_timeout": 10,
    "keepalives_idle": 2,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 8000,
}


class StoreError(RunnerError):
    """The shared store can't be used."""

    kind = "store"


class LostRunError(Exception):
    """Another worker has taken this run over."""


def store_url(option: str | None) -> str:
    """Return the store's URL, from the command line or the environment.

    Raises:
        UsageError: if there's none, or it isn't a URL for PostgreSQL.
    """
    url = option or os.environ.get(STORE_VARIABLE)
    if not url:
        raise UsageError("no store", f"pass --store postgresql://USER@HOST/DATABASE, or set {STORE_VARIABLE}")
    if not url.startswith(("postgresql://", "postgres://")):
        raise UsageError("the store isn't a PostgreSQL URL", "use postgresql://USER@HOST/DATABASE")
    return url


def connect(url: str) -> "Connection[Any]":  # Any: rows of any shape
    """Connect to the store's database, with every statement committed at once.

    Raises:
        StoreError: if that's impossible.
    """
    import psycopg
    from psycopg.conninfo import make_conninfo

    try:
        return psycopg.connect(make_conninfo(url, **_CONNECTION_OPTIONS), autocommit=True)
    except (psycopg.Error, ValueError) as error:
        raise _unusable(url, error) from error


def prepare_store(url: str) -> None:
    """Create or update the store's tables.

    Raises:
        StoreError: if that's impossible.
    """
    from dbos import DBOS

    try:
        # First, because its error is clear if there's no such server or database.
        with connect(url) as connection:
            # Two workers may start at once.
            connection.execute("select pg_advisory_lock(hashtext('agent_runner.prepare'))")
            DBOS.migrate(url)
            connection.execute(_SCHEMA)
    except StoreError:
        raise
    except Exception as error:
        raise _unusable(url, error) from error


class SharedRun:
    """The steps of one run in the store, as the worker that owns it writes them."""

    def __init__(self, connection: "Connection[Any]", run_id: str) -> None:  # Any: rows of any shape
        self._connection = connection
        self._run_id = run_id
        self._count = 0

    def begin(self) -> None:
        """Do nothing: the run was stored when it was submitted."""

    def steps(self) -> list[Step]:
        """Return the finished steps."""
        steps = read_steps(self._connection, self._run_id)
        self._count = len(steps)
        return steps

    async def append(self, step: Step) -> None:
        """Record a finished step.

        Raises:
            LostRunError: if another worker has recorded one meanwhile.
        """
        import psycopg

        row = (self._run_id, self._count, step.kind, json.dumps(step.value, ensure_ascii=False))
        try:
            self._connection.execute("insert into agent_runner.steps values (%s, %s, %s, %s)", row)
        except psycopg.errors.UniqueViolation as error:
            raise LostRunError(self._run_id) from error
        self._count += 1

    def finish(self, outcome: Outcome) -> None:
        """Do nothing: DBOS records the outcome."""


def read_steps(connection: "Connection[Any]", run_id: str) -> list[Step]:  # Any: rows of any shape
    """Return a run's finished steps, in order."""
    query = "select kind, value from agent_runner.steps where run_id = %s order by number"
    return [Step(kind=kind, value=json.loads(value)) for kind, value in connection.execute(query, (run_id,))]


class SharedStore:
    """The store, for everything but running."""

    def __init__(self, url: str, client: "DBOSClient") -> None:
        self._url = url
        self._client = client

    def submit(self, run_id: str, run_input: RunInput) -> None:
        """Queue a run, unless there's one with this ID already."""
        stored = run_input.as_json()
        self._client.enqueue(
            {
                "queue_name": RUN_QUEUE,
                "workflow_name": RUN_WORKFLOW,
                "workflow_id": run_id,
                "attributes": {_SUMMARY: json.dumps({name: stored[name] for name in _IN_SUMMARY})},
            },
            stored,
        )

    def summaries(self) -> list[RunSummary]:
        """Return all runs, the latest first."""
        found = self._client.list_workflows(name=RUN_WORKFLOW, sort_desc=True, load_input=False)
        self._load_missing_inputs(found)
        query = "select run_id, count(*) from agent_runner.steps group by run_id"
        with connect(self._url) as connection:
            counts = dict(connection.execute(query).fetchall())
        return [_summary(status, step_count=counts.get(status.workflow_id, 0)) for status in found]

    def summary(self, run_id: str) -> RunSummary:
        """Return one run with its steps; the ID may be shortened to what's unique.

        Raises:
            UnknownRunError: if there's none, or more than one.
        """
        status = self._find(run_id)
        self._load_missing_inputs([status])
        return self._with_steps(status)

    def cancel(self, run_id: str) -> RunSummary:
        """Cancel a run, and return what it was before."""
        found = _summary(self._find(run_id))
        if found.status in ("queued", "running"):
            self._client.cancel_workflow(found.run_id)
        return found

    def resume(self, run_id: str) -> RunSummary:
        """Queue a run that failed or was cancelled again, and return what it was before."""
        found = _summary(self._find(run_id))
        if found.status in ("failed", "cancelled"):
            self._client.rewind_workflow(found.run_id, queue_name=RUN_QUEUE)
        return found

    def wait(self, run_id: str) -> Iterator[RunSummary]:
        """Yield a run, with its steps, each time something happened, until it's ended."""
        shown: tuple[object, ...] | None = None
        while True:
            summary = self._with_steps(self._find(run_id))
            if shown != (summary.status, len(summary.steps), summary.worker):
                shown = (summary.status, len(summary.steps), summary.worker)
                yield summary
            if summary.status not in ("queued", "running"):
                return
            time.sleep(_POLL_SECONDS)

    def _find(self, run_id: str) -> "WorkflowStatus":
        found = (
            self._client.list_workflows(name=RUN_WORKFLOW, workflow_id_prefix=run_id, load_input=False)
            if run_id
            else []
        )
        exact = [status for status in found if status.workflow_id == run_id] or found
        if len(exact) == 1:
            return exact[0]
        problem = f"{len(found)} runs begin with" if found else "there's no run"
        raise UnknownRunError(f"{problem} {run_id!r} in the store", "list them with: agent-runner runs --store URL")

    def _load_missing_inputs(self, found: "list[WorkflowStatus]") -> None:
        """Load the inputs of runs that an earlier version submitted, without their summaries."""
        missing = [status.workflow_id for status in found if _stored_summary(status) is None]
        if missing:
            loaded = self._client.list_workflows(workflow_ids=missing, load_output=False)
            inputs = {status.workflow_id: status.input for status in loaded}
            for status in found:
                status.input = inputs.get(status.workflow_id)

    def _with_steps(self, status: "WorkflowStatus") -> RunSummary:
        with connect(self._url) as connection:
            return _summary(status, steps=read_steps(connection, status.workflow_id))


@contextmanager
def open_store(url: str) -> Iterator[SharedStore]:
    """Open the store for the block, creating its tables if necessary.

    Raises:
        StoreError: if that's impossible.
    """
    prepare_store(url)
    from dbos import DBOSClient, DBOSPortableJSONSerializer

    try:
        client = DBOSClient(
            system_database_url=url,
            application_name=DISTRIBUTION_NAME,
            serializer=DBOSPortableJSONSerializer(),
            retry_connection_errors=False,
        )
    except Exception as error:
        raise _unusable(url, error) from error
    try:
        yield SharedStore(url, client)
    finally:
        client.destroy()


def _stored_summary(status: "WorkflowStatus") -> str | None:
    return (status.attributes or {}).get(_SUMMARY)


def _summary(status: "WorkflowStatus", *, steps: list[Step] | None = None, step_count: int = 0) -> RunSummary:
    summary = _stored_summary(status)
    stored: Json = {}
    if summary is not None:
        stored = json.loads(summary)
    elif status.input:
        stored = status.input["args"][0]
    outcome: Json = status.output if isinstance(status.output, dict) else {}
    error = outcome.get("error")
    if status.status == "MAX_RECOVERY_ATTEMPTS_EXCEEDED":
        error = {"kind": "worker", "message": "too many workers ended while they had this run"}
    elif status.status == "ERROR" and error is None:
        error = {"kind": "internal", "message": str(status.error)}
    return RunSummary(
        run_id=status.workflow_id,
        status=_STATUSES.get(status.status) or outcome.get("status", "completed"),
        created_at=datetime.fromtimestamp((status.created_at or 0) / 1000, UTC).isoformat(timespec="milliseconds"),
        agent=Path(str(stored.get("agent_path", "?"))).stem,
        model=next(iter(stored.get("model_names", ())), "?"),
        prompt=str(stored.get("prompt", "")),
        version=str(stored.get("program_version", "?")),
        steps=steps or (),
        step_count=len(steps) if steps is not None else step_count,
        worker=status.executor_id if status.status != "ENQUEUED" else None,
        output=outcome.get("output"),
        error=error,
    )


def _unusable(url: str, error: Exception) -> StoreError:
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(url)
        where = f"the store {parts.get('dbname', '')!r} on {parts.get('host', 'the local socket')}"
        secret = str(parts.get("password") or "")
    except Exception:  # noqa: BLE001 - the URL itself is what's wrong
        return StoreError("the store's URL can't be read", "use postgresql://USER:PASSWORD@HOST:PORT/DATABASE")
    reason = " ".join(str(error).split())
    if secret:
        reason = reason.replace(secret, "***")
    return StoreError(f"can't use {where}: {reason}", "check that PostgreSQL is running, and the URL")
