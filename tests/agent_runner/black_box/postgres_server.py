"""A private PostgreSQL server on loopback, if its programs are installed."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self

from .program import TIMEOUT_SECONDS

# PostgreSQL refuses to run as root. Debian's package adds this user.
_UNPRIVILEGED_USER = "postgres"


def find_programs() -> Path | None:
    """Return the folder with `initdb` and `postgres`; None if they aren't installed."""
    # Debian doesn't put them on the PATH.
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    on_path = shutil.which("initdb")
    folders = [*([Path(on_path).resolve().parent] if on_path else []), *reversed(debian)]
    return next((folder for folder in folders if (folder / "postgres").exists()), None)


class PostgresServer:
    """The server, with one database per test."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._folder = Path(tempfile.mkdtemp(prefix="agent-runner-postgres-"))
        self._user = _UNPRIVILEGED_USER if sys.platform != "win32" and os.geteuid() == 0 else None
        if self._user:
            shutil.chown(self._folder, self._user)
        with socket.create_server(("127.0.0.1", 0)) as closed_soon:
            self._port = closed_soon.getsockname()[1]
        self._databases = 0
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        data = self._folder / "data"
        self._run("initdb", "-D", str(data), "-U", "tester", "-A", "trust", "-E", "UTF8", "--no-locale", "-N")
        log = (self._folder / "log").open("wb")
        options = ["-h", "127.0.0.1", "-p", str(self._port), "-k", "", "-F", "-c", "max_connections=200"]
        self._process = subprocess.Popen(
            [self._programs / "postgres", "-D", data, *options],
            stdout=log,
            stderr=log,
            cwd=self._folder,
            user=self._user,
        )
        log.close()
        self._run("pg_isready", "-h", "127.0.0.1", "-p", str(self._port), retried=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(TIMEOUT_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
        shutil.rmtree(self._folder, ignore_errors=True)

    def new_database(self) -> str:
        """Create a database and return its URL."""
        self._databases += 1
        name = f"runs{self._databases}"
        self.query(f"create database {name}", database="postgres")
        return f"postgresql://tester@127.0.0.1:{self._port}/{name}"

    def query(self, statement: str, *, database: str) -> list[str]:
        """Run a statement and return its rows."""
        address = ["-h", "127.0.0.1", "-p", str(self._port), "-U", "tester", "-d", database]
        return self._run("psql", *address, "-X", "-A", "-t", "-q", "-c", statement).splitlines()

    def _run(self, program: str, *arguments: str, retried: bool = False) -> str:
        while True:
            finished = subprocess.run(
                [self._programs / program, *arguments],
                cwd=self._folder,
                user=self._user,
                capture_output=True,
                text=True,
                check=False,
                timeout=TIMEOUT_SECONDS,
            )
            if finished.returncode == 0:
                return finished.stdout
            assert retried, finished.stderr
            assert self._process is None or self._process.poll() is None, (self._folder / "log").read_text()
