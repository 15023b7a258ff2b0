"""Checks that the executable contains no secret, and no folder or host name of the build machine.

Everything in it is searched, with modules and zip files unpacked. A finding names the kind of secret, never its value.
What a dependency's locked wheel already publishes isn't a leak.
"""

import getpass
import io
import os
import re
import socket
import sys
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePath
from typing import Final

from packaging.utils import canonicalize_name

from release_tools.binaries.payload import MODULES, UNPACKED, Payload
from release_tools.distributions import InstalledDistribution, InstalledEnvironment, RecordedFile, source_module
from release_tools.verification.check import CheckFailedError, Passed, VerificationContext, refuse
from release_tools.verification.static.secret_patterns import SECRET_PATTERNS, Mark, secret_variables
from release_tools.verification.static.sizes import OTHER_MODULES, SHARED_LIBRARIES, find_owners

# Names that thousands of machines share don't identify this one.
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
# Root and two folders: a shorter path, such as `/app`, is in many files by chance.
_TELLING_DEPTH: Final = 3
# Deep enough, but the same on many machines.
_COMMON_FOLDERS: Final = frozenset({PurePath("/usr/local"), PurePath("/usr/src"), PurePath("/opt/python")})
_SHOWN_NAMES: Final = 3
_ZIP_MAGIC: Final = b"PK\x03\x04"
# Zip files that inflate to more than this in one executable are a zip bomb.
_MOST_UNZIPPED_BYTES: Final = 1024 * 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Part:
    """A piece of the executable. `is_locked` for an unchanged file of a locked distribution.

    `content` is None if it can't be unpacked, as with a password; the zip file around it is searched anyway. `origin`
    is the path of a file in the bundle, or the name of a module after `module `.
    """

    name: str
    content: bytes | None
    is_locked: bool
    origin: str = ""


def check_leaks(context: VerificationContext) -> Passed:
    """No file and no module contains a secret, or a folder or the host name of the build machine.

    Python's own library names the folder that Python was installed in. The figure reports that; it fails the check only
    for a version of the app, and only if the folder is in the user's home.
    """
    home, prefix = home_of(_user()), Path(sys.base_prefix)
    # uv's prefix is a link, and files name its target.
    python = Mark(
        what=f"the folder of the build's Python, {prefix}", texts=(*_spellings(prefix), *_spellings(prefix.resolve()))
    )
    marks = [*machine_marks(context, home), *secret_marks(os.environ)]
    is_personal = home is not None and any(text in name for name in python.texts for text in home.texts)
    published = PublishedFiles(installed=context.evidence.installed if context.evidence else None)
    named, packed, count = [], [], 0
    found: list[str] = []
    known: list[str] = []
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
        for mark in marks:
            if not (mark.is_of_machine and part.is_locked) and mark.is_in(content):
                (known if published.have(part.origin, mark) else found).append(f"{part.name} contains {mark.what}")
    if is_personal and not context.version.is_dev:
        found += [f"{name} contains {python.what}" for name in named]
    refuse(
        context,
        found,
        what="secrets or traces of the build machine",
        hint="remove it from the file and build again; revoke a secret that was published",
    )
    stated = f"; {python.what}, is in {_few(named)}" if named else ""
    stated += f"; not unpacked: {_few(packed)}" if packed else ""
    notes = tuple(f"{finding}, which the locked wheel publishes" for finding in known)
    return Passed(figure=f"none in {count} files and modules{stated}", notes=notes)


@dataclass(frozen=True, kw_only=True)
class PublishedFiles:
    """The files of the locked wheels that the app depends on, for which everyone can look up what's in them."""

    installed: InstalledEnvironment | None

    def have(self, origin: str, mark: Mark) -> bool:
        """Whether the mark is in the file that a part of the bundle comes from, and that file matches its RECORD."""
        found = self._files.get(origin)
        if found is None:
            return False
        distribution, file = found
        try:
            content = distribution.locate(file.path).read_bytes()
        except OSError:
            return False
        return file.has_content(content) and mark.is_in(content)

    @cached_property
    def _files(self) -> Mapping[str, tuple[InstalledDistribution, RecordedFile]]:
        if self.installed is None:
            return {}
        files = [(one, file) for one in self.installed.dependencies for file in one.record]
        modules = {f"module {name}": pair for pair in files if (name := source_module(pair[1].path))}
        return {**modules, **{pair[1].path: pair for pair in files}}


def home_of(user: str) -> Mark | None:
    """The home folder of a user on any system, or None for a common user name."""
    if not _is_identifying(user):
        return None
    folders = (f"/home/{user}", f"/Users/{user}", f"\\Users\\{user}", f"\\\\Users\\\\{user}")
    texts = tuple(folder.encode() for folder in folders)
    # Not the home of a user whose name only starts with this one.
    pattern = re.compile(b"(?:" + b"|".join(map(re.escape, texts)) + rb")(?![A-Za-z0-9_.-])")
    return Mark(what=f"the home folder of {user}", texts=texts, pattern=pattern)


def host_mark(host: str) -> Mark | None:
    """The host name as a word, or None for a common one."""
    name = host.partition(".")[0]
    if not _is_identifying(name):
        return None
    pattern = re.compile(rb"(?<![A-Za-z0-9_])" + re.escape(name.encode()) + rb"(?![A-Za-z0-9_])")
    return Mark(what=f"the host name {name}", texts=(name.encode(),), pattern=pattern, is_of_machine=True)


def machine_marks(context: VerificationContext, home: Mark | None) -> list[Mark]:
    """The folders of this build, the user's home and the host name."""
    folders = {
        "the project folder": context.settings.root,
        "the environment folder": context.evidence.python.parents[1] if context.evidence else Path(sys.prefix),
        "the verification folder": context.scratch,
    }
    marks = [
        Mark(what=f"{what} {folder}", texts=_spellings(folder))
        for what, folder in folders.items()
        if _is_telling(folder)
    ]
    return [*marks, *(mark for mark in (home, host_mark(socket.gethostname())) if mark)]


def secret_marks(environment: Mapping[str, str]) -> list[Mark]:
    """The values of environment variables that hold secrets, and the patterns of well-known kinds of secrets."""
    values = [
        Mark(what=f"the value of the environment variable {name}", texts=(os.fsencode(value),))
        for name in secret_variables(environment)
        # Unlike Path.exists, this doesn't fail on a value too long for a path.
        if len(value := environment[name]) >= _SHORTEST_SECRET and not os.path.exists(value)  # noqa: PTH110
    ]
    return [*values, *SECRET_PATTERNS]


def parts_of(context: VerificationContext) -> Iterator[Part]:
    """Everything in the executable, unpacked: bootloader, members, the contents of zip files, and modules."""
    payload = Payload(context.executable)
    unzipped = 0
    # Only the build itself knows which distributions are bundled.
    owners = find_owners(context.evidence.installed.distributions) if context.evidence else None
    own = {canonicalize_name(context.settings.project_name), SHARED_LIBRARIES, OTHER_MODULES}

    def is_locked(owner: str) -> bool:
        return canonicalize_name(owner) not in own and owner not in own

    yield Part(name=context.executable.name, content=payload.bootloader(), is_locked=True)
    for member in payload.members:
        if member.kind in UNPACKED:
            content = payload.read(member)
            owned = owners is None or is_locked(owners.of_file(member.name))
            yield Part(name=member.name, content=content, is_locked=owned, origin=member.name)
            for name, inner in _unzipped(content, is_trusted=owners is not None):
                unzipped += len(inner or b"")
                if unzipped > _MOST_UNZIPPED_BYTES:
                    raise CheckFailedError(
                        f"zip files in the executable inflate to more than {_MOST_UNZIPPED_BYTES >> 20} MiB, at",
                        "don't run a downloaded executable like this; in your own, bundle the file uncompressed",
                        [member.name],
                        is_final=owners is None,
                    )
                yield Part(name=f"{member.name}/{name}", content=inner, is_locked=owned, origin=member.name)
        elif member.kind != MODULES:
            yield Part(name=member.name, content=payload.read(member), is_locked=owners is None)
    for name, content in payload.read_modules():
        owned = owners is None or is_locked(owners.of_module(name))
        yield Part(name=f"module {name}", content=content, is_locked=owned, origin=f"module {name}")


def _unzipped(content: bytes, *, is_trusted: bool) -> Iterator[tuple[str, bytes | None]]:
    """The names and contents of the files in a zip file; nothing for any other file."""
    if not content.startswith(_ZIP_MAGIC):
        return
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
    except Exception:  # noqa: BLE001 - zipfile raises nearly any exception on a damaged file
        return
    with archive:
        for entry in archive.infolist():
            # zipfile reads these in pieces; the other methods inflate a file of any size at once.
            is_bounded = entry.compress_type in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
            yield entry.filename, _read_entry(archive, entry) if is_trusted or is_bounded else None


def _read_entry(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes | None:
    """Its content, cut one byte above the limit; None if it is damaged or has a password."""
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
        # A container may run with a user id that has no name.
        return ""


def _few(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(names[:_SHOWN_NAMES]) + more


def _is_telling(folder: PurePath) -> bool:
    """Whether a file that contains this path can only have it from this machine."""
    return len(folder.parts) >= _TELLING_DEPTH and folder not in _COMMON_FOLDERS


def _spellings(folder: PurePath) -> tuple[bytes, ...]:
    """A folder as files spell it: with either slash, with backslashes escaped as in source, and in UTF-16."""
    text = str(folder)
    texts = dict.fromkeys((text, folder.as_posix(), text.replace("\\", "\\\\")))
    return (*map(os.fsencode, texts), text.encode("utf-16-le", "surrogatepass"))


def _is_identifying(name: str) -> bool:
    return len(name) >= _SHORTEST_NAME and name.lower() not in _COMMON_NAMES
