"""`--file`: files that go to the model with the prompt."""

import base64
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from agent_runner.errors import UsageError

if TYPE_CHECKING:
    from pydantic_ai.messages import UserContent

# All files together. They're stored with the run and sent with every request.
MAX_ATTACHED_BYTES: Final = 10 * 1024 * 1024
_TEXT: Final = "text/plain"
_SIGNATURES: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """A file as it's stored: text as it is, everything else in base64."""

    name: str
    media_type: str
    content: str


def read_attachments(paths: Sequence[Path]) -> list[dict[str, str]]:
    """Return files as they're stored.

    Raises:
        UsageError: if a file can't be read, isn't text, an image or a PDF, or all are too large.
    """
    attachments = []
    left = MAX_ATTACHED_BYTES
    for path in paths:
        data = _read(path, left)
        left -= len(data)
        media_type = _media_type(data)
        content = base64.b64encode(data).decode("ascii") if media_type else _decode(path, data)
        name = str(path).encode(errors="replace").decode()
        attachments.append(asdict(Attachment(name=name, media_type=media_type or _TEXT, content=content)))
    return attachments


def user_content(prompt: str, attachments: Sequence[Mapping[str, Any]]) -> "str | list[UserContent]":  # Any: JSON
    """Return what the user says to the model: the prompt and text files, then each other file after its name."""
    # A later version may store more about them.
    files = [Attachment(**{name: stored[name] for name in Attachment.__dataclass_fields__}) for stored in attachments]
    texts = [f'<file path="{file.name}">\n{file.content}\n</file>' for file in files if file.media_type == _TEXT]
    prompt_with_texts = "\n\n".join([prompt, *texts])
    if len(texts) == len(files):
        return prompt_with_texts
    from pydantic_ai.messages import BinaryContent

    content: list[UserContent] = [prompt_with_texts]
    for file in files:
        if file.media_type != _TEXT:
            data = base64.b64decode(file.content)
            content += [f"{file.name}:", BinaryContent(data=data, media_type=file.media_type)]
    return content


def _read(path: Path, limit: int) -> bytes:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise UsageError(f"--file {path}: is a directory", "name each file")
        if not stat.S_ISREG(mode):
            # Reading a device or a named pipe may never end.
            raise UsageError(f"--file {path}: not a regular file", "pipe it to standard input instead")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise UsageError(
            f"--file {path}: {reason}", "check the path: it's relative to the working directory, or to -C"
        ) from error
    if len(data) > limit:
        mebibytes = MAX_ATTACHED_BYTES // 1024**2
        raise UsageError(f"--file {path}: all files together are larger than {mebibytes} MiB", "attach smaller ones")
    return data


def _media_type(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for signature, kind in _SIGNATURES.items() if data.startswith(signature)), None)


def _decode(path: Path, data: bytes) -> str:
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        kinds = "UTF-8 text, PNG, JPEG, GIF, WebP or PDF"
        raise UsageError(f"--file {path}: neither text nor an image or PDF", f"convert it to {kinds}")
    return text
