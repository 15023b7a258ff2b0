"""Tracking and terminating children."""

import asyncio
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from io import FileIO
from pathlib import Path

import pytest

from agent_runner import processes
from agent_runner.processes import ChildTrackingLoop, kill_child, new_group_options

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the commands are for /bin/sh")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="reads environments in /proc")


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


class Escapees:
    """Starts commands that leave a process in a session of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = ExitStack()
        self.outputs: list[FileIO] = []

    async def start(self) -> None:
        """Start one, and wait until it has its own session and the command has ended."""
        pipe = self._folder / f"pipe{len(self.outputs)}"
        os.mkfifo(pipe)
        process = await asyncio.create_subprocess_shell(
            f"setsid sh -c 'echo escaped; sleep 60' > {pipe} &", env={"PATH": os.defpath}, **new_group_options()
        )
        self.outputs.append(self._files.enter_context(pipe.open("rb", buffering=0)))
        assert self.outputs[-1].readline() == b"escaped\n"
        await process.wait()

    def are_alive(self) -> list[bool]:
        """Return which of them are alive: the others' output has ended."""
        ended = select.select(self.outputs, [], [], 0)[0]
        return [output not in ended for output in self.outputs]

    def close(self) -> None:
        self._files.close()


@pytest.fixture
def escapees(tmp_path: Path) -> Iterator[Escapees]:
    started = Escapees(tmp_path)
    yield started
    started.close()


@on_linux
@pytest.mark.parametrize("has_pidfd", [True, False])
def test_escaped_process_ends_with_its_command(
    escapees: Escapees, monkeypatch: pytest.MonkeyPatch, *, has_pidfd: bool
) -> None:
    loop = ChildTrackingLoop()

    async def run() -> None:
        await escapees.start()
        await escapees.start()
        if not has_pidfd:
            monkeypatch.delattr(os, "pidfd_open")
        kill_child(loop._children[0][0])
        assert escapees.are_alive() == [False, True]

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(run())


@on_linux
def test_escaped_processes_end_with_their_run(escapees: Escapees) -> None:
    with asyncio.Runner(loop_factory=ChildTrackingLoop) as another:
        another.run(escapees.start())
        with asyncio.Runner(loop_factory=ChildTrackingLoop) as runner:
            runner.run(escapees.start())
            runner.run(escapees.start())
        assert escapees.are_alive() == [True, False, False]


@on_linux
def test_escaped_process_is_terminated_with_children(escapees: Escapees) -> None:
    loop = ChildTrackingLoop()

    async def run() -> None:
        await escapees.start()
        loop.terminate_children()
        assert escapees.are_alive() == [False]

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(run())


@on_linux
def test_guard_kills_escaped_processes() -> None:
    guard = processes._Guard()
    marked = {"AGENT_RUNNER_ANCESTORS": f"outer.1.2.{processes._MARK}3.4."}
    others = {"AGENT_RUNNER_ANCESTORS": "outer.1.2."}
    with (
        subprocess.Popen(["true"], start_new_session=True) as child,
        subprocess.Popen(["sleep", "60"], env=marked) as escaped,
        subprocess.Popen(["sleep", "60"], env=others) as other,
    ):
        guard.watch(child.pid)
        guard.end()
        assert escaped.wait() == -signal.SIGKILL
        assert other.poll() is None
        other.kill()


@on_linux
@pytest.mark.parametrize("given", [None, {"PATH": os.defpath, "AGENT_RUNNER_ANCESTORS": "from the agent file"}])
def test_child_has_marks_of_all_programs_above(given: dict[str, str] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_RUNNER_ANCESTORS", "outer.1.2.")
    loop = ChildTrackingLoop()

    async def run() -> bytes:
        command = 'echo "$AGENT_RUNNER_ANCESTORS"'
        process = await asyncio.create_subprocess_shell(command, stdout=asyncio.subprocess.PIPE, env=given)
        return (await process.communicate())[0]

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        assert runner.run(run()).decode().startswith(f"outer.1.2.{loop._mark}")


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
