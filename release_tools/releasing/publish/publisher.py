"""Who publishes: a name that marks the drafts of one publisher, and a lock that keeps it the only one of that name."""

import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from release_tools.releasing.errors import PublisherRunningError

_NAME_FILE: Final = "publisher"


@contextmanager
def only_publisher(folder: Path, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """The publisher's name, for as long as no other process publishes from `folder`.

    A run on GitHub keeps its name when it is started again, and nothing else runs then under it; elsewhere the name is
    kept in `folder`. The operating system gives the lock back whichever way a process ends.

    Raises `PublisherRunningError`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "publisher.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise PublisherRunningError(folder / "publisher.lock") from None
    try:
        name = known_publisher(folder, environment)
        if name is None:
            name = f"local-{uuid.uuid4().hex}"
            (folder / _NAME_FILE).write_text(name, encoding="utf-8")
        yield name
    finally:
        lock.release()


def known_publisher(folder: Path, environment: Mapping[str, str] = os.environ) -> str | None:
    """The name of the job on GitHub, else the one that is kept in `folder`, else None."""
    # Both stay when a run is started again: https://docs.github.com/en/actions/reference/workflows-and-actions/variables
    run, job = environment.get("GITHUB_RUN_ID", ""), environment.get("GITHUB_JOB", "")
    if run:
        return re.sub(r"[^0-9A-Za-z._-]", "_", f"run-{run}-{job}")
    path = folder / _NAME_FILE
    kept = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return kept if re.fullmatch(r"local-[0-9a-f]{32}", kept) else None
