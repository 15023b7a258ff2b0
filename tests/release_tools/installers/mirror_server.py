"""A mirror of releases on the loopback interface, with faults on request."""

import contextlib
import gzip
import hashlib
import io
import json
import ssl
import tarfile
import threading
import time
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from release_tools.installers.scripts import InstallableRelease, PublishedArchive, installer_scripts
from release_tools.platforms import PLATFORMS, find_platform
from release_tools.releasing.mirror.manifest import VERSIONS_NAME, FileKind, Manifest, MirroredFile, MirroredVersion


@dataclass
class Fault:
    """What the server does instead of sending a file: a status, or a connection cut after some bytes."""

    status: int = 200
    cut_after: int | None = None
    # How often, before it works again.
    times: int = 1_000_000
    delay_seconds: float = 0.0


class Mirror:
    """An HTTP server with files by path, or with a `certificate` an HTTPS server.

    `requests` are the paths and ranges that were asked for.
    """

    def __init__(self, certificate: Path | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, Fault] = {}
        self.requests: list[tuple[str, str]] = []
        self._sending = threading.Condition()
        self._started: set[str] = set()
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                mirror.answer(self)

            def log_message(self, *_args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"{'https' if certificate else 'http'}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def wait_for(self, path: str) -> bool:
        """Wait until the first half of a file is sent."""
        with self._sending:
            return self._sending.wait_for(lambda: path in self._started, timeout=60)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        path = handler.path
        span = handler.headers.get("Range", "")
        self.requests.append((path, span))
        fault = self.faults.get(path, Fault())
        if fault.times > 0:
            fault.times -= 1
        else:
            fault = Fault()
        content = self.files.get(path)
        if content is None and fault.status == 200:
            fault = Fault(status=404)
        if fault.status != 200 or content is None:
            handler.send_response(fault.status)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        start = int(span.removeprefix("bytes=").rstrip("-")) if span else 0
        if start >= len(content) > 0:
            handler.send_response(416)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        body = content[start:]
        handler.send_response(206 if span else 200)
        if span:
            handler.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if fault.cut_after is not None:
            body = body[: fault.cut_after]
            handler.close_connection = True
        # An installer that was interrupted no longer listens.
        with contextlib.suppress(ConnectionError):
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            with self._sending:
                self._started.add(path)
                self._sending.notify_all()
            time.sleep(fault.delay_seconds)
            handler.wfile.write(body[len(body) // 2 :])


def program_text(version: str, exit_code: int = 0) -> bytes:
    """A program that prints its version, and has some bytes to download."""
    padding = hashlib.sha256(version.encode()).hexdigest() * 40
    return f"#!/bin/sh\n# {padding}\necho 'tiny {version}'\nexit {exit_code}\n".encode()


def archive_of(program: bytes, name: str = "tiny", time: int = 0) -> bytes:
    raw = io.BytesIO()
    with (
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=0, mtime=0) as compressed,
        tarfile.open(fileobj=compressed, mode="w") as opened,
    ):
        for member, content, mode in ((name, program, 0o755), ("LICENSE", b"Free for all.\n", 0o644)):
            entry = tarfile.TarInfo(member)
            entry.size, entry.mode, entry.mtime = len(content), mode, time
            opened.addfile(entry, io.BytesIO(content))
    return raw.getvalue()


@dataclass
class PublishedVersions:
    """Puts versions of `tiny` on the mirror, and lists them in its `versions.json`."""

    mirror: Mirror
    manifest: Manifest = field(default_factory=lambda: Manifest(name="tiny", versions=()))

    def publish(self, version: str, archive: bytes | None = None) -> str:
        """Publish a version; returns its `install.sh`."""
        archive = archive_of(program_text(version)) if archive is None else archive
        files = []
        for platform in PLATFORMS:
            name = f"tiny-v{version}-{platform.name}{platform.archive_suffix}"
            self.mirror.files[f"/v{version}/{name}"] = archive
            # The checksum first, which has the archive's platform.
            files += [self._file(version, f"{name}.sha256", "checksum", platform.name, b"-")]
            files += [self._file(version, name, "archive", platform.name, archive)]
        self._replace(
            MirroredVersion(
                version=version,
                date="2026-11-26T12:00:00Z",
                channel="stable",
                yanked=False,
                yank_reason="",
                files=tuple(files),
            )
        )
        archives = [
            PublishedArchive(
                platform=find_platform(file.platform),
                name=file.name,
                url=file.url,
                size_bytes=file.size,
                sha256=file.sha256,
            )
            for file in files
            if file.kind == "archive" and file.platform
        ]
        release = InstallableRelease(
            executable="tiny",
            version=version,
            archives=archives,
            manifest_url=f"{self.mirror.url}/{VERSIONS_NAME}",
            installer_folder_url=self.mirror.url,
            glibc_floor="2.17",
            macos_minimum="11.0",
        )
        return installer_scripts(release)["install.sh"]

    def yank(self, version: str) -> None:
        self._replace(replace(self._found(version), yanked=True, yank_reason="it deletes files"))

    def remove_files(self, version: str, platform: str) -> None:
        found = self._found(version)
        self._replace(replace(found, files=tuple(file for file in found.files if file.platform != platform)))

    def write_manifest(self, indent: int | None = 1) -> None:
        content = json.loads(self.manifest.to_json())
        self.mirror.files[f"/{VERSIONS_NAME}"] = json.dumps(content, indent=indent).encode()

    def path_of(self, version: str, platform: str = "linux-amd64") -> str:
        return f"/v{version}/tiny-v{version}-{platform}.tar.gz"

    def _file(self, version: str, name: str, kind: FileKind, platform: str, content: bytes) -> MirroredFile:
        return MirroredFile(
            name=name,
            kind=kind,
            platform=platform,
            url=f"{self.mirror.url}/v{version}/{name}",
            size=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
        )

    def _found(self, version: str) -> MirroredVersion:
        found = self.manifest.find(version)
        assert found
        return found

    def _replace(self, version: MirroredVersion) -> None:
        self.manifest = self.manifest.with_version(version)
        self.write_manifest()
