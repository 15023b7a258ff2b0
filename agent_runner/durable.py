"""DBOS, which records every finished step of a run in a database so that the run can go on after a crash."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent_runner import program_version

if TYPE_CHECKING:
    from dbos import DBOSConfig

APPLICATION_NAME: Final = "agent-runner"
# The first SQLite with `unixepoch('subsec')`, which DBOS's tables use.
_SQLITE_WITH_SUBSECONDS: Final = (3, 42, 0)


def sqlite_url(database: Path) -> str:
    """Return the address of an SQLite file."""
    return f"sqlite:///{database.as_posix()}"


def dbos_config(database_url: str, executor_id: str) -> "DBOSConfig":
    """Return the settings for a process that runs agents out of this database."""
    return {
        "name": APPLICATION_NAME,
        "system_database_url": database_url,
        "executor_id": executor_id,
        # DBOS would hash the source of the workflows, which a frozen program does not have.
        "application_version": program_version(),
        # At ERROR, every failed run is printed as two tracebacks; at INFO, there are advertisements.
        "log_level": "CRITICAL",
        "sys_db_pool_size": 4,
        "notification_listener_polling_interval_sec": 0.2,
    }


@contextmanager
def launched_dbos(config: "DBOSConfig") -> Iterator[None]:
    """Launch DBOS and destroy it at the end.

    Workflows must be registered before. What still runs at the end is cancelled.
    """
    from dbos import DBOS

    _add_unixepoch()
    DBOS(config=config)
    DBOS.launch()
    try:
        yield
    finally:
        DBOS.destroy()


def needs_unixepoch() -> bool:
    """Tell whether this SQLite is older than 3.42, as in Debian 12 and Ubuntu 22.04, so that DBOS misses a function."""
    return sqlite3.sqlite_version_info < _SQLITE_WITH_SUBSECONDS


@cache
def _add_unixepoch() -> None:
    if not needs_unixepoch():
        return
    from sqlalchemy import Engine, event

    def add_function(connection: object, _: object) -> None:
        if isinstance(connection, sqlite3.Connection):
            connection.create_function("unixepoch", -1, unixepoch)

    event.listen(Engine, "connect", add_function)


def unixepoch(*_: object) -> float:
    """Stand in for `unixepoch('subsec')`: seconds since 1970, exact to the millisecond."""
    return round(time.time(), 3)
