"""Runs on this machine: each in a folder of its own, with one SQLite file and a lock.

One file per run, so runs never wait for each other, and a damaged file loses one run. Plain SQLite and not DBOS, whose
import takes half as long as everything else before the first token.
"""

import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, Final

from agent_runner.errors import EnvironmentVariableError, RunnerError, UsageError
from agent_runner.stored_runs import Json, Outcome, RunInput, RunStatus, RunSummary, StateError, Step, UnknownRunError

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

STATE_VARIABLE: Final = "AGENT_RUNNER_STATE"
# A finished run is deleted once this many are newer.
KEPT_RUNS: Final = 200
_DATABASE: Final = "run.db"
_LOCK_WAIT_SECONDS: Final = 3.0
_LOCK_POLL_SECONDS: Final = 0.05
_SCHEMA: Final = """
create table run (name text primary key, value text not null);
create table steps (number integer primary key, kind text not null, value text not null);
"""


def runs_folder() -> Path:
    """Return the folder with this machine's runs.

    Raises:
        EnvironmentVariableError: if there's no home directory and `AGENT_RUNNER_STATE` isn't set.
    """
    if folder := os.environ.get(STATE_VARIABLE):
        return Path(folder).absolute()
    from platformdirs import user_state_path

    try:
        return user_state_path("agent-runner", appauthor=False) / "runs"
    except RuntimeError as error:
        raise EnvironmentVariableError("there's no home directory", f"set {STATE_VARIABLE} to a folder") from error


class LocalRun:
    """One run of this machine, which this process owns while `locked`."""

    def __init__(self, folder: Path, new_input: RunInput | None = None) -> None:
        self._folder = folder
        self._new_input = new_input
        self._lock: IO[bytes] | None = None

    @property
    def run_id(self) -> str:
        """The run's ID."""
        return self._folder.name

    def begin(self) -> None:
        """Store the input of a new run.

        Raises:
            StateError: if that's impossible.
        """
        if self._new_input is None:
            self._write("delete from run where name = 'outcome'")
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True)
            self._take_lock()
            with closing(sqlite3.connect(self._database)) as connection, connection:
                connection.executescript(_SCHEMA)
                stored = self._new_input.as_json()
                # Apart, because lists of runs don't need them.
                attachments = json.dumps(stored.pop("attachments"))
                values = {"input": json.dumps(stored, ensure_ascii=False), "attachments": attachments}
                values["created_at"] = datetime.now(UTC).isoformat(timespec="milliseconds")
                connection.executemany("insert into run values (?, ?)", values.items())
        except (OSError, sqlite3.Error) as error:
            raise _unwritable(self._folder, error) from error

    def steps(self) -> list[Step]:
        """Return the finished steps."""
        if self._new_input is not None:
            return []
        rows = self._read("select kind, value from steps order by number")
        return [Step(kind=kind, value=json.loads(value)) for kind, value in rows]

    async def append(self, step: Step) -> None:
        """Record a finished step. It takes milliseconds."""
        self._write(
            "insert into steps (kind, value) values (?, ?)", step.kind, json.dumps(step.value, ensure_ascii=False)
        )

    def finish(self, outcome: Outcome) -> None:
        """Record how the run ended."""
        self._write("insert or replace into run values ('outcome', ?)", outcome.as_text())
        delete_old_runs(self._folder.parent)

    def stored_input(self) -> RunInput:
        """Return the input that's stored.

        Raises:
            IncompatibleRunError: if another version stored it and this one can't read it.
        """
        attachments = self._read("select value from run where name = 'attachments'") or [("[]",)]
        return RunInput.from_json(
            self.run_id, {**self._values()["input"], "attachments": json.loads(attachments[0][0])}
        )

    def outcome(self) -> Outcome | None:
        """Return how the run ended; None if it's unfinished."""
        stored = self._values().get("outcome")
        return None if stored is None else Outcome(**stored)

    def summary(self, *, with_steps: bool = False) -> RunSummary:
        """Return what `runs` shows."""
        values = self._values()
        stored: Json = values["input"]
        outcome: Json = values.get("outcome") or {"status": None}
        unfinished: RunStatus = "running" if self._is_locked_elsewhere() else "interrupted"
        return RunSummary(
            run_id=self.run_id,
            status=outcome["status"] or unfinished,
            created_at=values["created_at"],
            agent=Path(stored["agent_path"]).stem,
            model=stored["model_names"][0],
            prompt=stored["prompt"],
            version=stored["program_version"],
            steps=self.steps() if with_steps else (),
            step_count=self._read("select count(*) from steps")[0][0],
            output=outcome.get("output"),
            error=outcome.get("error"),
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Own the run for the block, which ends with this process at the latest.

        Raises:
            UsageError: if another process owns it.
        """
        deadline = time.monotonic() + _LOCK_WAIT_SECONDS
        try:
            while self._lock is None:
                try:
                    self._take_lock()
                except BlockingIOError:
                    # A killed process takes a moment to end.
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(_LOCK_POLL_SECONDS)
        except BlockingIOError as error:
            raise UsageError(f"run {self.run_id} is still running", "wait until it ends, or stop it first") from error
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        try:
            yield
        finally:
            self.release()

    def release(self) -> None:
        """Release the lock."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    @property
    def _database(self) -> Path:
        return self._folder / _DATABASE

    def _values(self) -> dict[str, Any]:  # Any: JSON
        return {
            name: value if name == "created_at" else json.loads(value)
            for name, value in self._read("select name, value from run where name <> 'attachments'")
        }

    def _read(self, query: str) -> list[tuple[Any, ...]]:  # Any: SQLite's types
        try:
            with closing(sqlite3.connect(f"{self._database.as_uri()}?mode=ro", uri=True)) as connection:
                return connection.execute(query).fetchall()
        except sqlite3.Error as error:
            raise StateError(f"can't read run {self.run_id} in {self._folder}: {error}") from error

    def _write(self, statement: str, *values: str) -> None:
        try:
            with closing(sqlite3.connect(self._database)) as connection, connection:
                connection.execute(statement, values)
        except sqlite3.Error as error:
            raise _unwritable(self._folder, error) from error

    def _take_lock(self) -> None:
        self._lock = _open_locked(self._folder / "lock")

    def _is_locked_elsewhere(self) -> bool:
        if self._lock is not None:
            return False
        try:
            _open_locked(self._folder / "lock").close()
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False


def find_run(folder: Path, run_id: str) -> LocalRun:
    """Return the run with this ID, which may be shortened to what's unique.

    Raises:
        UnknownRunError: if there's none, or more than one.
    """
    matches = [run for run in _stored_folders(folder) if run.name.startswith(run_id)] if run_id else []
    if len(matches) == 1:
        return LocalRun(matches[0])
    problem = f"{len(matches)} runs begin with" if matches else "there's no run"
    raise UnknownRunError(f"{problem} {run_id!r} in {folder}", "list them with: agent-runner runs")


def last_run(folder: Path) -> LocalRun:
    """Return the run that was begun last.

    Raises:
        UnknownRunError: if there's none.
    """
    runs = all_runs(folder)
    if not runs:
        raise UnknownRunError(f"there are no runs in {folder}")
    return runs[0]


def all_runs(folder: Path) -> list[LocalRun]:
    """Return all runs, the latest first."""
    return [LocalRun(path) for path in sorted(_stored_folders(folder), key=_begun_at, reverse=True)]


def delete_old_runs(folder: Path) -> None:
    """Delete finished runs that many others are newer than."""
    for run in all_runs(folder)[KEPT_RUNS:]:
        try:
            if run.outcome() is None:
                continue
            with run.locked():
                pass
        except RunnerError:
            continue
        for file in (_DATABASE, "lock"):
            (folder / run.run_id / file).unlink(missing_ok=True)
        (folder / run.run_id).rmdir()


def _stored_folders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if (path / _DATABASE).is_file()]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise StateError(f"can't read {folder}: {error.strerror}", f"set {STATE_VARIABLE} to a folder") from error


def _begun_at(folder: Path) -> float:
    # The lock is written once, when the run begins.
    try:
        return (folder / "lock").stat().st_mtime
    except OSError:
        return 0


def _open_locked(path: Path) -> IO[bytes]:
    file = path.open("ab")
    try:
        if sys.platform == "win32":
            file.seek(0)
            try:
                msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
            except OSError as error:
                # Windows says that access is denied; others that implement its functions set no error number.
                raise BlockingIOError from error
        else:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        file.close()
        raise
    return file


def _unwritable(folder: Path, error: OSError | sqlite3.Error) -> StateError:
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return StateError(f"can't store the run in {folder}: {reason}", f"set {STATE_VARIABLE} to a writable folder")
