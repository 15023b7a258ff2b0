"""DBOS, which hands out the runs of a shared store: the queue, who owns a run, and its outcome.

A run is one DBOS workflow without steps of its own. Its finished steps are in a table beside DBOS's, in the form that
local runs have too, so a worker of any version continues a run the same way as `resume` does.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent_runner import DISTRIBUTION_NAME

if TYPE_CHECKING:
    from dbos import DBOSConfig

RUN_WORKFLOW: Final = "agent_run"
RUN_QUEUE: Final = "agent-runs"
# A run that takes its worker down with it is given up in the end.
MAX_ATTEMPTS: Final = 20
# DBOS recovers only runs of its own version. Any version may take over any run here: see `RunInput.from_json`.
_APPLICATION_VERSION: Final = "any"
# The first version with `unixepoch('subsec')`, which DBOS's tables use.
_SQLITE_WITH_SUBSEC: Final = (3, 42, 0)

type Json = Mapping[str, Any]  # Any: JSON
type RunFunction = Callable[[Json], Json]


def sqlite_url(database: Path) -> str:
    """Return the SQLAlchemy URL of an SQLite file."""
    return f"sqlite:///{database.as_posix()}"


def dbos_config(database_url: str, executor_id: str) -> "DBOSConfig":
    """Return the DBOS configuration of a process that runs agents stored in this database."""
    from dbos import DBOSPortableJSONSerializer

    return {
        "name": DISTRIBUTION_NAME,
        "system_database_url": database_url,
        "executor_id": executor_id,
        "application_version": _APPLICATION_VERSION,
        # Pickle, the default, would let anyone who can write to the store run code in the workers.
        "serializer": DBOSPortableJSONSerializer(),
        # ERROR prints two tracebacks for each failed run; INFO prints advertisements.
        "log_level": "CRITICAL",
        "sys_db_pool_size": 4,
        "notification_listener_polling_interval_sec": 0.2,
    }


@contextmanager
def launched_dbos(config: "DBOSConfig", run: RunFunction) -> Iterator[RunFunction]:
    """Launch DBOS for the block, with this function as the workflow of every run.

    Destroying it cancels workflows that are still running.
    """
    from dbos import DBOS

    _add_unixepoch()
    DBOS(config=config)

    # DBOS sets attributes of the function.
    @DBOS.workflow(name=RUN_WORKFLOW, max_recovery_attempts=MAX_ATTEMPTS)
    def workflow(stored: Json) -> Json:
        return run(stored)

    DBOS.listen_queues([RUN_QUEUE])
    DBOS.launch()
    try:
        yield workflow
    finally:
        DBOS.destroy()


def needs_unixepoch() -> bool:
    """Return whether SQLite is too old for DBOS, as on Debian 12 and Ubuntu 22.04."""
    return sqlite3.sqlite_version_info < _SQLITE_WITH_SUBSEC


def unixepoch(*_: object) -> float:
    """Return what SQLite's `unixepoch('subsec')` does: seconds since 1970, rounded to milliseconds."""
    return round(time.time(), 3)


@cache
def _add_unixepoch() -> None:
    if not needs_unixepoch():
        return
    from sqlalchemy import Engine, event

    def add_function(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.create_function("unixepoch", -1, unixepoch)

    event.listen(Engine, "connect", add_function)
