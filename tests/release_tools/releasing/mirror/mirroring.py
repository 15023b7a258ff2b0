"""A publisher under test: what it mirrors, and how it reaches the store."""

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from release_tools.installers.scripts import SHELL_SCRIPT
from release_tools.releasing.mirror.configuration import Credentials
from release_tools.releasing.mirror.manifest import Latest, Manifest, MirroredVersion
from release_tools.releasing.mirror.mirror_release import mirror_files, mirrored_version, with_installers
from release_tools.releasing.mirror.published_files import PublishedFiles
from release_tools.releasing.mirror.store import ObjectStore, S3Client, make_client
from release_tools.releasing.mirror.yank import yank
from release_tools.releasing.publish.release_files import gather_release_files
from tests.release_tools.releasing.fake_github import PUBLISHED_AT
from tests.release_tools.releasing.mirror.s3_server import BUCKET, CREDENTIALS, S3Server
from tests.release_tools.releasing.publishers import FakeClock
from tests.release_tools.releasing.sample_release import EXECUTABLE, make_release_files


class Killed(BaseException):
    """The process ends here. Nothing handles it, as nothing handles SIGKILL."""


@dataclass
class ObservedClient:
    """A client that calls `before` and `after` with the number of each request, from 0."""

    client: S3Client
    before: Callable[[int], None] = lambda _: None
    after: Callable[[int], None] = lambda _: None
    sent: int = 0

    def head_object(self, **parameters: object) -> dict[str, Any]:
        return self._send(self.client.head_object, parameters)

    def get_object(self, **parameters: object) -> dict[str, Any]:
        return self._send(self.client.get_object, parameters)

    def put_object(self, **parameters: object) -> dict[str, Any]:
        return self._send(self.client.put_object, parameters)

    def _send(self, method: Callable[..., dict[str, Any]], parameters: dict[str, object]) -> dict[str, Any]:
        number = self.sent
        self.sent += 1
        self.before(number)
        try:
            return method(**parameters)
        finally:
            self.after(number)


@functools.cache
def client_for(server: S3Server, port: int | None, credentials: Credentials) -> S3Client:
    """A client, made once: it takes longer than many requests."""
    return make_client(server.mirror("unused", port=port), credentials)


@dataclass(kw_only=True)
class Mirrorer:
    """Mirrors to one prefix, directly or through a proxy."""

    server: S3Server
    folder: Path
    prefix: str
    port: int | None = None
    credentials: Credentials = CREDENTIALS
    client: S3Client | None = None
    said: list[str] = field(default_factory=list)

    # How many of a version's files there are.
    size: int = 10

    @property
    def store(self) -> ObjectStore:
        client = self.client or client_for(self.server, self.port, self.credentials)
        mirror = self.server.mirror(self.prefix, port=self.port)
        return ObjectStore(mirror, self.credentials, clock=FakeClock(), say=self.said.append, client=client)

    def mirror(self, version: str, folder: Path | None = None) -> MirroredVersion | None:
        """Mirror a version whose files are made in a folder of the test; returns the latest version."""
        dist = folder or self.make_files(version)
        entry = self.entry(version, dist)
        paths = {file.name: dist / file.name for file in entry.files}
        installer = self.folder / f"installer of {version}" / SHELL_SCRIPT
        installer.parent.mkdir(exist_ok=True)
        installer.write_text(f"# installs {version}\n", encoding="utf-8")
        paths[SHELL_SCRIPT] = installer
        return mirror_files(self.store, with_installers(self.store, entry, paths), paths, self.said.append)

    def make_files(self, version: str) -> Path:
        folder = self.folder / version
        return folder if folder.is_dir() else make_release_files(folder, version)

    def entry(self, version: str, dist: Path) -> MirroredVersion:
        files = gather_release_files(EXECUTABLE, version, dist)
        published = PublishedFiles(
            tag=f"{EXECUTABLE}-v{version}", version=version, date=PUBLISHED_AT, folder=dist, files=files
        )
        entry = mirrored_version(self.server.mirror(self.prefix), published)
        return replace(entry, files=entry.files[: self.size])

    def yank(self, version: str, *, is_undone: bool = False) -> None:
        tag = f"{EXECUTABLE}-v{version}"
        yank(self.store, tag, reason="loses data", say=self.said.append, is_undone=is_undone)

    def observed(
        self, *, before: Callable[[int], None] = lambda _: None, after: Callable[[int], None] = lambda _: None
    ) -> "Mirrorer":
        """The same publisher, with something that happens before or after its requests."""
        client = client_for(self.server, self.port, self.credentials)
        return replace(self, client=ObservedClient(client, before, after))


@dataclass(frozen=True)
class MirrorState:
    """What is in the store, read without the code under test."""

    files: dict[str, bytes]
    headers: dict[str, str]

    @property
    def manifest(self) -> Manifest:
        return Manifest.from_json(self.files["versions.json"].decode())

    @property
    def latest(self) -> str | None:
        if "latest.json" not in self.files:
            return None
        latest = Latest.from_json(self.files["latest.json"].decode()).latest
        return latest.version if latest else None


def read_state(server: S3Server, prefix: str) -> MirrorState:
    client: Any = client_for(server, None, CREDENTIALS)
    files, headers = {}, {}
    for entry in client.list_objects_v2(Bucket=BUCKET, Prefix=f"{prefix}/").get("Contents", []):
        answer = client.get_object(Bucket=BUCKET, Key=entry["Key"])
        name = entry["Key"].removeprefix(f"{prefix}/")
        files[name], headers[name] = answer["Body"].read(), answer.get("CacheControl", "")
    return MirrorState(files=files, headers=headers)


def is_complete(mirrorer: Mirrorer, versions: list[str], latest: str | None) -> bool:
    """Whether the store has exactly these versions, with the bytes that were made, and names the right latest one."""
    state = read_state(mirrorer.server, mirrorer.prefix)
    expected = {
        f"{version}/{file.name}": (mirrorer.folder / version / file.name).read_bytes()
        for version in versions
        for file in mirrorer.entry(version, mirrorer.folder / version).files
    }
    expected |= {f"{version}/{SHELL_SCRIPT}": f"# installs {version}\n".encode() for version in versions}
    found = {name: content for name, content in state.files.items() if "/" in name}
    newest_installer = state.files.get(SHELL_SCRIPT, b"").decode()
    listed = {f"{one.version}/{file.name}": file.sha256 for one in state.manifest.versions for file in one.files}
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in expected.items()}
    is_current = newest_installer == (f"# installs {latest}\n" if latest else "")
    return found == expected and listed == digests and state.latest == latest and is_current
