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
_SIGNATURES: Final = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
    b"%PDF-": "application/pdf",
}


@dataclass(frozen=True, kw_only=True)
class Attachment:
    """An image or PDF, as it's stored."""

    name: str
    media_type: str
    base64: str

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "Attachment":  # Any: JSON
        """Return a stored attachment."""
        return cls(name=stored["name"], media_type=stored["media_type"], base64=stored["base64"])


def attach(prompt: str, paths: Sequence[Path]) -> tuple[str, list[dict[str, str]]]:
    """Return the prompt followed by text files with their names, and the other files as they're stored.

    Raises:
        UsageError: if a file can't be read, isn't text, an image or a PDF, or all are too large.
    """
    parts, attachments = [prompt], []
    left = MAX_ATTACHED_BYTES
    for path in paths:
        data = _read(path, left)
        left -= len(data)
        name = str(path).encode(errors="replace").decode()
        if media_type := _media_type(data):
            encoded = base64.b64encode(data).decode("ascii")
            attachments.append(asdict(Attachment(name=name, media_type=media_type, base64=encoded)))
        else:
            parts.append(f'<file path="{name}">\n{_decode(path, data)}\n</file>')
    return "\n\n".join(parts), attachments


def user_content(prompt: str, attachments: Sequence[Mapping[str, Any]]) -> "str | list[UserContent]":  # Any: JSON
    """Return what the user says to the model: the prompt, then each file after its name."""
    if not attachments:
        return prompt
    from pydantic_ai.messages import BinaryContent

    content: list[UserContent] = [prompt]
    for attachment in map(Attachment.from_json, attachments):
        data = base64.b64decode(attachment.base64)
        content += [f"{attachment.name}:", BinaryContent(data=data, media_type=attachment.media_type)]
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
        raise UsageError(f"--file {path}: {reason}", "check the path, which is relative to -C") from error
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
