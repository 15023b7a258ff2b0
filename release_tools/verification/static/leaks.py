"""The check that nothing of the build machine went into the executable: its folders, its name, anybody's secrets.

Everything in the executable is searched, modules unpacked. What is found is named by its kind; no secret is shown.
"""

import dataclasses
import getpass
import io
import os
import re
import socket
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Final

from packaging.utils import canonicalize_name

from release_tools.binaries.payload import MODULES, UNPACKED, Payload
from release_tools.verification.check import CheckFailedError, VerificationContext, refuse
from release_tools.verification.static.secret_patterns import SECRET_PATTERNS, secret_variables
from release_tools.verification.static.sizes import OTHER_MODULES, SHARED_LIBRARIES, find_owners

# Names that thousands of machines share: they tell nothing about this one.
# fmt: off
_COMMON_NAMES: Final = frozenset({
    "admin", "administrator", "build", "builder", "buildkit", "builduser", "circleci", "codespace", "container",
    "debian", "default", "docker", "ec2-user", "fedora", "gitlab-runner", "home", "jenkins", "localhost", "nobody",
    "python", "root", "runner", "runneradmin", "server", "test", "travis", "ubuntu", "user", "users", "vagrant", "vm",
    "vscode", "worker", "workspace",
})
# fmt: on
_SHORTEST_NAME: Final = 4
_SHORTEST_SECRET: Final = 12
# Root, a folder, and one in it: less, such as `/app`, stands in many files.
_TELLING_DEPTH: Final = 3
# Folders that many machines have, though they look particular.
_COMMON_FOLDERS: Final = frozenset({PurePath("/usr/local"), PurePath("/usr/src"), PurePath("/opt/python")})
_SHOWN_NAMES: Final = 3
_ZIP_MAGIC: Final = b"PK\x03\x04"
# More than these in the zip files of one executable is a bomb: a small file that fills the memory.
_MOST_UNZIPPED_BYTES: Final = 1024 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What must not be found. One of `texts` stands wherever `pattern` matches, and is much faster to look for.

    With `is_of_machine` it is looked for only in what was made or chosen here: the locked files of other distributions
    are the same for everybody, and can hold the word by chance alone.
    """

    what: str
    texts: tuple[bytes, ...]
    pattern: re.Pattern[bytes] | None = None
    is_of_machine: bool = False

    def is_in(self, content: bytes) -> bool:
        return any(text in content for text in self.texts) and (
            self.pattern is None or self.pattern.search(content) is not None
        )


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of the executable. `is_locked` when it is a file of another distribution, as its wheel has it.

    `content` is None where it cannot be had, as with a password; the bytes that hold it are a part of their own.
    """

    name: str
    content: bytes | None
    is_locked: bool


def check_leaks(context: VerificationContext) -> str:
    """No file and no module names a folder or a user of the build machine, or holds a secret.

    The folder of the Python that was frozen stands in Python's own library. It is stated; it is a finding only where it
    names a person, in a version of the app.
    """
    home, prefix = home_of(_user()), Path(sys.base_prefix)
    # uv's is a link, and files name what it points to.
    python = Mark(
        what=f"the folder of the build's Python, {prefix}", texts=(*_spellings(prefix), *_spellings(prefix.resolve()))
    )
    marks = [*machine_marks(context, home), *secret_marks(os.environ)]
    is_personal = home is not None and any(text in name for name in python.texts for text in home.texts)
    named, found, packed, count = [], [], [], 0
    for part in parts_of(context):
        content = part.content
        if content is None:
            packed.append(part.name)
            continue
        count += 1
        if _is_telling(prefix) and python.is_in(content):
            named.append(part.name)
            for text in python.texts:
                content = content.replace(text, b"")
        found += [
            f"{part.name} holds {mark.what}"
            for mark in marks
            if not (mark.is_of_machine and part.is_locked) and mark.is_in(content)
        ]
    if is_personal and not context.version.is_dev:
        found += [f"{name} holds {python.what}" for name in named]
    refuse(
        context,
        found,
        what="what only the build machine may know",
        hint="take it out of the file that is named and build again; revoke a secret that was published; what is "
        "harmless goes into allowed-findings with a reason",
    )
    stated = f"; {python.what}, stands in {_few(named)}" if named else ""
    stated += f"; searched as they are packed: {_few(packed)}" if packed else ""
    return f"none in {count} files and modules{stated}"


def home_of(user: str) -> Mark | None:
    """The home folder of a user on any system, or None for a name that many machines have."""
    if not _tells_something(user):
        return None
    folders = (f"/home/{user}", f"/Users/{user}", f"\\Users\\{user}", f"\\\\Users\\\\{user}")
    texts = tuple(folder.encode() for folder in folders)
    # Another user's name may begin with this one.
    pattern = re.compile(b"(?:" + b"|".join(map(re.escape, texts)) + rb")(?![A-Za-z0-9_.-])")
    return Mark(what=f"the home folder of {user}", texts=texts, pattern=pattern)


def host_mark(host: str) -> Mark | None:
    """The machine's name as a word, or None for a name that many machines have."""
    name = host.partition(".")[0]
    if not _tells_something(name):
        return None
    pattern = re.compile(rb"(?<![A-Za-z0-9_])" + re.escape(name.encode()) + rb"(?![A-Za-z0-9_])")
    return Mark(what=f"the machine's name, {name}", texts=(name.encode(),), pattern=pattern, is_of_machine=True)


def machine_marks(context: VerificationContext, home: Mark | None) -> list[Mark]:
    """What this machine and this checkout are called."""
    folders = {
        "the project's folder": context.settings.root,
        "the folder of the environment": Path(sys.prefix),
        "the folder of the verification": context.scratch,
    }
    marks = [
        Mark(what=f"{what}, {folder}", texts=_spellings(folder))
        for what, folder in folders.items()
        if _is_telling(folder)
    ]
    return [*marks, *(mark for mark in (home, host_mark(socket.gethostname())) if mark)]


def secret_marks(environment: Mapping[str, str]) -> list[Mark]:
    """The values of variables that hold secrets, and what secrets of well-known kinds look like."""
    values = [
        Mark(what=f"the value of the environment variable {name}", texts=(os.fsencode(value),))
        for name in secret_variables(environment)
        # Unlike that of pathlib, this look is content with a text that is too long for a path, as tokens are.
        if len(value := environment[name]) >= _SHORTEST_SECRET and not os.path.exists(value)  # noqa: PTH110
    ]
    return values + [Mark(what=it.what, texts=it.texts, pattern=it.pattern) for it in SECRET_PATTERNS]


def parts_of(context: VerificationContext) -> Iterator[Part]:
    """Everything in the executable, unpacked: its own code, the members, what is in their zip files, the modules."""
    payload = Payload(context.executable)
    unzipped = 0
    # Only the build knows which distributions are in it.
    owners = find_owners(context.evidence.installed.distributions) if context.evidence else None
    own = {canonicalize_name(context.settings.project_name), SHARED_LIBRARIES, OTHER_MODULES}

    def is_locked(owner: str) -> bool:
        return canonicalize_name(owner) not in own and owner not in own

    yield Part(name=context.executable.name, content=payload.bootloader(), is_locked=True)
    for member in payload.members:
        if member.kind in UNPACKED:
            content = payload.read(member)
            part = Part(
                name=member.name,
                content=content,
                is_locked=owners is None or is_locked(owners.of_file(member.name)),
            )
            yield part
            for name, inner in _unzipped(content, is_trusted=owners is not None):
                unzipped += len(inner or b"")
                if unzipped > _MOST_UNZIPPED_BYTES:
                    raise CheckFailedError(
                        f"the zip files in the executable hold more than {_MOST_UNZIPPED_BYTES >> 20} MiB; the first "
                        f"that cannot be searched is {part.name}",
                        "do not use it where it comes from elsewhere; else bundle the file in another form",
                    )
                yield dataclasses.replace(part, name=f"{part.name}/{name}", content=inner)
        elif member.kind != MODULES:
            yield Part(name=member.name, content=payload.read(member), is_locked=owners is None)
    for name, content in payload.read_modules():
        yield Part(
            name=f"module {name}",
            content=content,
            is_locked=owners is None or is_locked(owners.of_module(name)),
        )


def _unzipped(content: bytes, *, is_trusted: bool) -> Iterator[tuple[str, bytes | None]]:
    """The names and contents of the files in a zip file; nothing for what is none."""
    if not content.startswith(_ZIP_MAGIC):
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except Exception:  # noqa: BLE001 - the reader raises nearly every kind there is for what is no zip file after all
        return
    with archive:
        for entry in archive.infolist():
            # The other methods inflate a whole file at once, however large it becomes.
            is_bounded = entry.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
            yield entry.filename, _read_entry(archive, entry) if is_trusted or is_bounded else None


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | None:
    """Its content, up to a byte more than all of them may have; None for one with a password or a damaged one."""
    try:
        with archive.open(entry) as file:
            return file.read(_MOST_UNZIPPED_BYTES + 1)
    except MemoryError:
        raise
    except Exception:  # noqa: BLE001 - as above
        return None


def _user() -> str:
    try:
        return getpass.getuser()
    except OSError:
        # A container may run with a number that no user has.
        return ""


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more


def _is_telling(folder: PurePath) -> bool:
    """Whether a folder's name is found in a file only where the file knows this machine."""
    return len(folder.parts) >= _TELLING_DEPTH and folder not in _COMMON_FOLDERS


def _spellings(folder: PurePath) -> tuple[bytes, ...]:
    """A folder as text in files: with either slash, with backslashes doubled as in source, in Windows' UTF-16."""
    text = str(folder)
    texts = dict.fromkeys((text, folder.as_posix(), text.replace("\\", "\\\\")))
    return (*map(os.fsencode, texts), text.encode("utf-16-le", "surrogatepass"))


def _tells_something(name: str) -> bool:
    return len(name) >= _SHORTEST_NAME and name.lower() not in _COMMON_NAMES
