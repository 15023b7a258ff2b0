"""DBOS, which stores each finished step of a run in a database so that a crashed run can be resumed."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from agent_runner import DISTRIBUTION_NAME, program_version

if TYPE_CHECKING:
    from dbos import DBOSConfig

# The first version with `unixepoch('subsec')`, which DBOS's tables use.
_SQLITE_WITH_SUBSEC: Final = (3, 42, 0)


def sqlite_url(database: Path) -> str:
    """Return the SQLAlchemy URL of an SQLite file."""
    return f"sqlite:///{database.as_posix()}"


def dbos_config(database_url: str, executor_id: str) -> "DBOSConfig":
    """Return the DBOS configuration of a process that runs agents stored in this database."""
    return {
        "name": DISTRIBUTION_NAME,
        "system_database_url": database_url,
        "executor_id": executor_id,
        # By default DBOS hashes the workflows' source, which a frozen program doesn't have.
        "application_version": program_version(),
        # ERROR prints two tracebacks for each failed run; INFO prints advertisements.
        "log_level": "CRITICAL",
        "sys_db_pool_size": 4,
        "notification_listener_polling_interval_sec": 0.2,
    }


@contextmanager
def launched_dbos(config: "DBOSConfig") -> Iterator[None]:
    """Launch DBOS for the block, then destroy it, which cancels workflows that are still running.

    Register workflows first.
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
