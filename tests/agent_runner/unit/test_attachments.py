"""Attaching files to a prompt."""

import base64
import os
import sys
from pathlib import Path

import pytest
from pydantic_ai.messages import BinaryContent

from agent_runner import attachments
from agent_runner.attachments import read_attachments, user_content
from agent_runner.command_line import parse
from agent_runner.errors import UsageError
from agent_runner.local_runs import LocalRun
from agent_runner.stored_runs import RunInput


@pytest.mark.parametrize(
    ("beginning", "media_type"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBP", "image/webp"),
        (b"%PDF-1.7", "application/pdf"),
    ],
)
def test_content_decides_what_a_file_is(tmp_path: Path, beginning: bytes, media_type: str) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(beginning + b"\xff\x00")

    content = user_content("hi", read_attachments([path]))

    assert content == ["hi", f"{path}:", BinaryContent(data=path.read_bytes(), media_type=media_type)]


def test_text_follows_prompt_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("\ufeffgrüße", encoding="utf-8")
    (tmp_path / "empty").touch()

    prompt = user_content("hi", read_attachments([tmp_path / "a.png", tmp_path / "empty"]))

    assert isinstance(prompt, str)
    assert f'<file path="{tmp_path / "a.png"}">\ngrüße\n</file>' in prompt
    assert prompt.startswith("hi\n\n")


def test_unreadable_files_are_usage_errors(tmp_path: Path) -> None:
    (tmp_path / "binary").write_bytes(b"\x00\x01\xfe")
    (tmp_path / "latin").write_bytes(b"gr\xfc\xdfe")
    for path in (tmp_path, tmp_path / "absent", tmp_path / "binary", tmp_path / "latin", Path("a\0b")):
        with pytest.raises(UsageError) as caught:
            read_attachments([path])
        assert str(path) in caught.value.message
        assert caught.value.hint


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
def test_devices_and_pipes_are_never_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(UsageError):
            read_attachments([path])


def test_size_is_limited_in_total(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attachments, "MAX_ATTACHED_BYTES", 10)
    (tmp_path / "a").write_text("123456")

    read_attachments([tmp_path / "a"])
    with pytest.raises(UsageError):
        read_attachments([tmp_path / "a", tmp_path / "a"])


def test_stored_run_has_attachments_but_its_summary_does_not(tmp_path: Path) -> None:
    stored = {"name": "a.gif", "media_type": "image/gif", "content": base64.b64encode(b"GIF89a").decode()}
    run_input = RunInput(
        agent_path="/a.yaml", agent_text="", model_names=("test",), prompt="", directory="/", attachments=(stored,)
    )
    run = LocalRun(tmp_path / "aa", run_input)
    run.begin()
    run.release()

    assert list(LocalRun(tmp_path / "aa").stored_input().attachments) == [stored]
    assert "attachments" not in LocalRun(tmp_path / "aa")._values()["input"]


@pytest.mark.parametrize("command", ["run", "submit"])
def test_files_are_options(command: str) -> None:
    options = parse([command, "a.yaml", "--file", "x", "--file", "y", "hi"])

    assert (options.file, options.prompt) == ([Path("x"), Path("y")], "hi")
