"""The lock that allows one publisher per clone, and the ID by which a publisher recognizes its own drafts."""

import os
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from release_tools.releasing.errors import PublishLockedError

_ID_FILE: Final = "publisher"


@contextmanager
def publish_lock(folder: Path, environment: Mapping[str, str] = os.environ) -> Iterator[str]:
    """Hold the lock and yield the publisher's ID. Raises `PublishLockedError` while another process holds the lock.

    The operating system releases the lock however the process ends.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "publisher.lock", blocking=False)
    try:
        lock.acquire()
    except Timeout:
        raise PublishLockedError(folder / "publisher.lock") from None
    try:
        publisher_id = read_publisher_id(folder, environment)
        if publisher_id is None:
            publisher_id = f"local-{uuid.uuid4().hex}"
            (folder / _ID_FILE).write_text(publisher_id, encoding="utf-8")
        yield publisher_id
    finally:
        lock.release()


def read_publisher_id(folder: Path, environment: Mapping[str, str] = os.environ) -> str | None:
    """The workflow run and job on GitHub, else the ID that was saved in `folder`, else None."""
    # A rerun has the same IDs: https://docs.github.com/en/actions/reference/workflows-and-actions/variables
    run, job = environment.get("GITHUB_RUN_ID", ""), environment.get("GITHUB_JOB", "")
    if run:
        return re.sub(r"[^0-9A-Za-z._-]", "_", f"run-{run}-{job}")
    path = folder / _ID_FILE
    saved = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
    return saved if re.fullmatch(r"local-[0-9a-f]{32}", saved) else None
