"""The built-in tools and their limits."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
from pydantic_ai.exceptions import ToolFailed

from agent_runner import tools
from agent_runner.processes import ChildTrackingLoop
from agent_runner.tools import BuiltInTools

posix = pytest.mark.skipif(sys.platform == "win32", reason="the commands are for /bin/sh")
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="setsid is a program of Linux")


@pytest.fixture(autouse=True)
def _empty_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(coroutine: Callable[[BuiltInTools], Coroutine[None, None, str]], tools: BuiltInTools | None = None) -> str:
    async def use() -> str:
        built_in = tools or BuiltInTools()
        try:
            return await coroutine(built_in)
        finally:
            built_in.kill_background_processes()

    with asyncio.Runner(loop_factory=ChildTrackingLoop) as runner:
        return runner.run(use())


def test_small_file_is_returned_whole() -> None:
    Path("a.txt").write_text("eins\nzwei", encoding="utf-8")

    assert run(lambda built_in: built_in.read_file("a.txt")) == "eins\nzwei"


def test_part_of_file_names_its_lines() -> None:
    Path("a.txt").write_text("".join(f"{number}\n" for number in range(1, 11)), encoding="utf-8")

    assert (
        run(lambda built_in: built_in.read_file("a.txt", first_line=4, max_lines=2)) == "4\n5\n\n[lines 4 to 5 of 10]"
    )


def test_returned_text_is_limited() -> None:
    Path("a.txt").write_text("ä" * tools.MAX_RETURNED_BYTES, encoding="utf-8")

    text = run(lambda built_in: built_in.read_file("a.txt"))

    assert text == "ä" * (tools.MAX_RETURNED_BYTES // 2) + "\n[lines 1 to 1 of 1]"


@pytest.mark.parametrize("path", ["absent", "folder", "binary", "large", "nul\0"])
def test_unreadable_file_is_tool_failure(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("folder").mkdir()
    Path("binary").write_bytes(b"\xff\x00")
    monkeypatch.setattr(tools, "MAX_FILE_BYTES", 3)
    Path("large").write_bytes(b"four")

    with pytest.raises(ToolFailed):
        run(lambda built_in: built_in.read_file(path))


def test_file_is_written_with_its_directory() -> None:
    assert run(lambda built_in: built_in.write_file("new/a.txt", "grün\n")) == "wrote 6 bytes to new/a.txt"
    assert Path("new/a.txt").read_bytes() == "grün\n".encode()
    with pytest.raises(ToolFailed):
        run(lambda built_in: built_in.write_file("new", "x"))


def test_long_listing_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(lambda built_in: built_in.list_dir()) == "[empty]"
    for name in ("c", "b", "a"):
        Path(name).touch()
    Path("d").mkdir()
    assert run(lambda built_in: built_in.list_dir()) == "a\nb\nc\nd/"
    monkeypatch.setattr(tools, "MAX_ENTRIES", 2)
    assert run(lambda built_in: built_in.list_dir()) == "a\nb\n[2 more]"
    with pytest.raises(ToolFailed):
        run(lambda built_in: built_in.list_dir("a"))


@posix
def test_shell_returns_status_and_both_streams() -> None:
    assert run(lambda built_in: built_in.shell("echo out; echo err >&2; exit 3")) == "exit status 3\nout\nerr\n"


@posix
def test_shell_has_no_standard_input() -> None:
    assert run(lambda built_in: built_in.shell("cat")) == "exit status 0\n"


@posix
def test_slow_command_is_killed_with_its_children() -> None:
    result = run(lambda built_in: built_in.shell("echo begun; sleep 60 | cat", timeout_seconds=0.1))

    assert result == "killed after 0.1 seconds\nbegun\n"


@posix
def test_long_output_keeps_beginning_and_end() -> None:
    result = run(lambda built_in: built_in.shell("echo first; yes x | head -n 100000; echo last"))

    assert len(result) < tools.MAX_RETURNED_BYTES + 100
    assert result.startswith("exit status 0\nfirst\nx\n")
    assert result.endswith("x\nlast\n")
    assert f"[{6 + 200_000 + 5 - tools.MAX_RETURNED_BYTES} bytes omitted]" in result


@posix
def test_background_process_does_not_block_command() -> None:
    assert run(lambda built_in: built_in.shell("sleep 60 & echo started")) == "exit status 0\nstarted\n"


@posix
@pytest.mark.parametrize("start", ["", pytest.param("setsid ", marks=on_linux)])
def test_background_process_can_write_until_the_end(start: str) -> None:
    os.mkfifo("go")
    os.mkfifo("status")
    background = 'trap "" PIPE; read line < go; echo "$line"; echo $? > status'

    async def use(built_in: BuiltInTools) -> str:
        assert await built_in.shell(f"{start}sh -c '{background}' & echo started") == "exit status 0\nstarted\n"
        Path("go").write_text("line\n", encoding="utf-8")
        return Path("status").read_text(encoding="utf-8")

    assert run(use) == "0\n"


@on_linux
def test_given_up_command_is_killed_with_escaped_process() -> None:
    os.mkfifo("pipe")

    async def use(built_in: BuiltInTools) -> str:
        command = asyncio.create_task(built_in.shell("setsid sh -c 'echo escaped; sleep 60' > pipe & sleep 60"))
        with await asyncio.to_thread(open, "pipe", encoding="utf-8") as output:
            assert await asyncio.to_thread(output.readline) == "escaped\n"
            command.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await command
            # Its end, long before the process would end by itself.
            return await asyncio.wait_for(asyncio.to_thread(output.read), 30)

    assert run(use) == ""
