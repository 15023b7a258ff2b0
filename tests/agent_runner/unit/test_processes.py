"""Tracking and terminating children."""

import asyncio
import signal
import subprocess
import sys

import pytest

from agent_runner import processes
from agent_runner.processes import ChildTrackingLoop, new_group_options

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands are for /bin/sh")


def start_and_end(command: str) -> int:
    loop = ChildTrackingLoop()

    async def run() -> int:
        process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE, **new_group_options())
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        loop.terminate_children()
        return await process.wait()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(run())


def test_child_can_handle_sigterm() -> None:
    assert start_and_end("trap 'exit 5' TERM; sleep 60 & echo ready; wait") == 5


def test_child_that_ignores_sigterm_is_killed_with_group(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes, "_GRACE_SECONDS", 0.05)

    # The end of its output is awaited, so the whole group must exit.
    assert start_and_end("trap '' TERM; echo ready; sleep 60 & wait") == -signal.SIGKILL


def test_guard_kills_the_groups_that_are_left() -> None:
    guard = processes._Guard()
    with (
        subprocess.Popen(["true"], start_new_session=True) as ended,
        subprocess.Popen(["sleep", "60"], start_new_session=True) as first,
        subprocess.Popen(["sleep", "60"], start_new_session=True) as second,
    ):
        ended.wait()
        guard.watch(ended.pid)
        guard.watch(first.pid)
        assert guard._shell
        guard._shell.kill()
        guard._shell.wait()
        # Another shell takes over.
        guard.watch(second.pid)
        assert guard._groups == [first.pid, second.pid]
        guard.end()
        assert (first.wait(), second.wait()) == (-signal.SIGKILL, -signal.SIGKILL)


def test_child_is_found_by_its_stderr() -> None:
    loop = ChildTrackingLoop()

    async def run() -> None:
        with open("/dev/null", "w", encoding="utf-8") as mine, open("/dev/null", "w", encoding="utf-8") as other:  # noqa: PTH123
            process = await asyncio.create_subprocess_exec("true", stderr=mine)
            child = loop.child_with_stderr(mine)
            assert child is not None
            assert child.get_pid() == process.pid
            assert loop.child_with_stderr(other) is None
            await process.wait()

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(run())
