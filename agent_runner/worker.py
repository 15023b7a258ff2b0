"""`worker`: runs what was submitted to a shared store, and takes over from workers that died.

Each worker holds an advisory lock in PostgreSQL for as long as it lives: the server releases it with the connection. A
worker whose lock is free is dead, and its runs go back to the queue. A worker that loses its own lock exits at once,
because its runs aren't its own any more. It doesn't work through a pooler that shares connections, such as pgbouncer in
transaction mode.
"""

import hashlib
import os
import signal
import socket
import threading
import time
import uuid
from asyncio import CancelledError, all_tasks
from datetime import UTC, datetime
from types import FrameType
from typing import TYPE_CHECKING, Any, Final, override

from agent_runner.durable import RUN_QUEUE, dbos_config, launched_dbos
from agent_runner.errors import EXIT_FAILURE, EXIT_SUCCESS, InternalError, RunnerError
from agent_runner.output import Reporter, format_traceback, write_stderr
from agent_runner.processes import ChildTrackingLoop
from agent_runner.shared_store import LostRunError, SharedRun, connect, prepare_store
from agent_runner.stored_runs import Json, Outcome, RunInput

if TYPE_CHECKING:
    from psycopg import Connection

DEFAULT_GRACE_SECONDS: Final = 30.0
_HEARTBEAT_SECONDS: Final = 1.0
_QUEUE_POLL_SECONDS: Final = 0.5
_DRAIN_POLL_SECONDS: Final = 0.05


class Worker:
    """A process that runs agents of a store."""

    def __init__(self, url: str, reporter: Reporter, *, concurrency: int | None, grace_seconds: float) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"
        self._url = url
        self._reporter = reporter
        self._concurrency = concurrency
        self._grace_seconds = grace_seconds
        self._stopping = threading.Event()
        self._running: dict[str, ChildTrackingLoop] = {}
        self._cancelled: set[str] = set()
        self._returned: set[str] = set()

    def work(self) -> int:
        """Run what's in the queue until a signal ends it, and return the exit code."""
        for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
            if hasattr(signal, name):
                signal.signal(getattr(signal, name), self._stop)
        prepare_store(self._url)
        # The one with the lock, and one for steps, which must not wait behind the other's statements.
        lease, steps = connect(self._url), connect(self._url)
        lease.execute("select pg_advisory_lock(%s)", (_lock_key(self.name),))
        self._steps = steps
        config = dbos_config(self._url, self.name)
        with launched_dbos(config, self._run):
            self._register_queue()
            self.log("ready")
            try:
                while not self._stopping.wait(_HEARTBEAT_SECONDS):
                    self._take_over(lease)
                    self._stop_cancelled_runs()
            except Exception as error:  # noqa: BLE001 - whatever it is, the lock may be gone
                self._exit(EXIT_FAILURE, f"lost the store: {' '.join(str(error).split())}")
            self._drain(lease)
        return EXIT_SUCCESS

    def log(self, message: str, run_id: str = "-") -> None:
        """Write one line: time, worker, run and message."""
        write_stderr(f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} {self.name} {run_id} {message}")

    def _register_queue(self) -> None:
        from dbos import DBOS

        DBOS.register_queue(
            RUN_QUEUE,
            worker_concurrency=self._concurrency or 1,
            polling_interval_sec=_QUEUE_POLL_SECONDS,
            on_conflict="never_update" if self._concurrency is None else "always_update",
        )

    def _take_over(self, lease: "Connection[Any]") -> None:  # Any: rows of any shape
        from dbos import DBOS

        owners = {
            status.executor_id
            for status in DBOS.list_workflows(status="PENDING", load_input=False, load_output=False)
            if status.executor_id not in (None, self.name)
        }
        # The check of the own lock, if there's no other worker.
        lease.execute("select 1")
        for owner in owners:
            key = _lock_key(str(owner))
            row = lease.execute("select pg_try_advisory_lock(%s)", (key,)).fetchone()
            if row is None or not row[0]:
                continue
            # There's no public call for this: only DBOS's commercial service recovers the runs of other executors.
            for handle in DBOS._recover_pending_workflows([str(owner)]):  # noqa: SLF001
                self.log(f"taken over from {owner}", handle.workflow_id)
            lease.execute("select pg_advisory_unlock(%s)", (key,))

    def _stop_cancelled_runs(self) -> None:
        from dbos import DBOS

        own = list(self._running)
        if not own:
            return
        for status in DBOS.list_workflows(workflow_ids=own, status="CANCELLED", load_input=False, load_output=False):
            loop = self._running.get(status.workflow_id)
            if loop is not None and status.workflow_id not in self._cancelled:
                self._cancelled.add(status.workflow_id)
                self.log("cancelled", status.workflow_id)
                loop.call_soon_threadsafe(_cancel_tasks, loop)

    def _drain(self, lease: "Connection[Any]") -> None:  # Any: rows of any shape
        from dbos import DBOS

        self.log(f"stopping: {len(self._running)} runs have {self._grace_seconds:g} seconds to end")
        # It stops taking runs at once, and then waits for those that are running.
        seconds = int(self._grace_seconds) + 3600
        threading.Thread(target=DBOS.destroy, kwargs={"workflow_completion_timeout_sec": seconds}, daemon=True).start()
        deadline = time.monotonic() + self._grace_seconds
        try:
            while (self._running or self._is_recording(lease)) and time.monotonic() < deadline:
                time.sleep(_DRAIN_POLL_SECONDS)
        except Exception:  # noqa: BLE001 - whatever it is, the lock may be gone
            self._exit(EXIT_FAILURE, "lost the store")
        # What's left stays as it is, for another worker. A clean end would cancel it.
        self._exit(EXIT_SUCCESS, f"stopped, leaving {len(self._running)} runs to others")

    def _is_recording(self, lease: "Connection[Any]") -> bool:  # Any: rows of any shape
        """Return whether DBOS has yet to record how some run ended."""
        query = "select 1 from dbos.workflow_status where workflow_uuid = any(%s) and status = 'PENDING'"
        return lease.execute(query, (list(self._returned),)).fetchone() is not None

    def _stop(self, number: int, _: FrameType | None) -> None:
        if self._stopping.is_set():
            self._exit(128 + number, "stopped by a second signal")
        self._stopping.set()

    def _exit(self, code: int, message: str) -> None:
        self.log(message)
        for loop in list(self._running.values()):
            loop.terminate_children()
        os._exit(code)

    def _run(self, stored: Json) -> Json:
        """Run one agent: the workflow, in a thread of DBOS."""
        from dbos import DBOS

        try:
            run_id = str(DBOS.workflow_id)
        finally:
            if self._stopping.is_set():
                # Taken from the queue while DBOS was being stopped. It's left to another worker when this one exits.
                threading.Event().wait()
        loop = ChildTrackingLoop()
        self._running[run_id] = loop
        self.log("begun", run_id)
        try:
            outcome = self._outcome(run_id, stored, loop)
        except LostRunError:
            self._exit(EXIT_FAILURE, "lost a run to another worker")
            raise
        finally:
            self._returned.add(run_id)
            del self._running[run_id]
            self._cancelled.discard(run_id)
        self.log(f"{outcome.status}{': ' + outcome.error['message'] if outcome.error else ''}", run_id)
        return {"status": outcome.status, "output": outcome.output, "error": outcome.error}

    def _outcome(self, run_id: str, stored: Json, loop: ChildTrackingLoop) -> Outcome:
        from psycopg import Error

        try:
            request = _request(run_id, stored, SharedRun(self._steps, run_id))
            from agent_runner.engine import run_agent

            return Outcome(status="completed", output=run_agent(request, _LogReporter(self, run_id), loop))
        except (LostRunError, CancelledError) as error:
            if isinstance(error, LostRunError):
                raise
            return Outcome.of_error(RunnerError("cancelled"))
        except RunnerError as error:
            for cause in (error.__cause__, error):
                if isinstance(cause, LostRunError):
                    raise cause from error
                if isinstance(cause, Error):
                    self._exit(EXIT_FAILURE, "lost the store")
            return Outcome.of_error(error)
        except Exception as error:  # noqa: BLE001 - one run must not end the worker
            # A stored run can't be repeated with -v to see where it failed.
            write_stderr(format_traceback(error))
            return Outcome.of_error(InternalError.wrap(error))


def _request(run_id: str, stored: Json, store: SharedRun) -> Any:  # Any: imported late
    from agent_runner.engine import RunRequest, check_environment
    from agent_runner.variables import read_stored_agent_file

    run_input = RunInput.from_json(run_id, stored)
    agent_file = read_stored_agent_file(run_input)
    # Checked here, because the environment is the worker's.
    check_environment(agent_file, run_input.model_names)
    return RunRequest(
        agent_file=agent_file,
        model_names=run_input.model_names,
        prompt=run_input.prompt,
        attachments=run_input.attachments,
        time_limit_seconds=agent_file.settings.limits.seconds,
        time_limit_name="limits.seconds",
        run_id=run_id,
        store=store,
    )


class _LogReporter(Reporter):
    """Writes the progress of one of several runs to the worker's log, and no answer."""

    def __init__(self, worker: Worker, run_id: str) -> None:
        super().__init__(as_json=True)
        self._worker = worker
        self._run_id = run_id

    @override
    def note(self, text: str) -> None:
        line = " ".join(text.split())
        self._worker.log(line if len(line) <= 200 else line[:199] + "…", self._run_id)  # noqa: PLR2004 - one line

    @override
    def warn(self, text: str) -> None:
        self.note(f"warning: {text}")


def _cancel_tasks(loop: ChildTrackingLoop) -> None:
    for task in all_tasks(loop):
        task.cancel()


def _lock_key(worker_name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"agent-runner worker {worker_name}".encode()).digest()[:8], signed=True)
