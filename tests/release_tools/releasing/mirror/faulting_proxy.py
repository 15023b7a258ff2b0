"""A proxy in front of the S3 server that injects faults, and records every write that breaks a promise of the mirror.

All writes of a test go through it, so it sees each at the moment at which it happens.
"""

import contextlib
import hashlib
import http.client
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from packaging.version import Version

from tests.release_tools.releasing.mirror.s3_server import BUCKET, S3Server
from tests.release_tools.releasing.serving import serving

FaultKind = Literal[
    "unavailable",  # the store answers 503 and does nothing
    "conflict",  # the store answers 409 because of another write at the same time, and does nothing
    "drop before",  # the connection breaks before the store gets the request
    "drop after",  # the connection breaks after the store has carried it out
    "cut",  # the connection breaks in the middle of the response's body
    "stale",  # the store answers with what the object was before the last write
    "damaged",  # other bytes arrive at the store
    "lie",  # the store reports another checksum than it has
    "wrong secret",  # the store refuses the signature
]
KINDS: Final[dict[str, tuple[FaultKind, ...]]] = {
    "GET": ("unavailable", "drop before", "drop after", "cut", "stale", "wrong secret"),
    "HEAD": ("unavailable", "drop before", "drop after", "lie", "wrong secret"),
    "PUT": ("unavailable", "conflict", "drop before", "drop after", "damaged", "wrong secret"),
}
_REFUSALS: Final = {"unavailable": (503, "ServiceUnavailable"), "conflict": (409, "ConditionalRequestConflict")}
_CHECKSUM: Final = "x-amz-checksum-sha256"
_OTHER_DIGEST: Final = "A" * 43 + "="


# Status, headers and body.
Answer = tuple[int, list[tuple[str, str]], bytes]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request, numbered from 0 in the order of their arrival."""

    number: int
    method: str
    key: str


@dataclass
class FaultingProxy:
    """The proxy's state. `choose_fault` is asked for each request; `injected` counts the faults by their kind."""

    server: S3Server
    port: int = 0
    choose_fault: Callable[[Request], FaultKind | None] = lambda _: None
    requests: list[Request] = field(default_factory=list)
    injected: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    # The versions that a test yanks: the latest version may move back from them.
    yanked: set[str] = field(default_factory=set)
    _before: dict[str, Answer] = field(default_factory=dict)
    _digests: dict[str, str] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def take(self, method: str, key: str) -> FaultKind | None:
        with self._lock:
            request = Request(number=len(self.requests), method=method, key=key)
            self.requests.append(request)
            fault = self.choose_fault(request)
            if fault is not None:
                self.injected[fault] = self.injected.get(fault, 0) + 1
            return fault

    def forward(self, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """The server's answer."""
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=60)
        with contextlib.closing(connection):
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()

    def write(self, path: str, headers: dict[str, str], body: bytes) -> Answer:
        """Forward a write, and check what it does. One at a time, so that the order of the records is the store's."""
        key = key_of(path)
        with self._lock:
            before = self.forward("GET", path, {"Host": headers["Host"]}, b"")
            answer = self.forward("PUT", path, headers, body)
            if answer[0] == 200:
                self._before[path] = before
                self._check_write(key, before, body)
            return answer

    def stale(self, path: str) -> Answer | None:
        with self._lock:
            return self._before.get(path)

    def _check_write(self, key: str, before: Answer, body: bytes) -> None:
        prefix, _, rest = key.partition("/")
        old = json.loads(before[2]) if before[0] == 200 and rest.endswith(".json") else None
        if rest == "versions.json":
            self._check_versions(prefix, old, json.loads(body))
        elif rest == "latest.json":
            self._check_latest(prefix, old, json.loads(body))
        elif "/" in rest:
            self.violations += [f"{key} was overwritten"] if before[0] == 200 else []
            self._digests[key] = hashlib.sha256(body).hexdigest()

    # The manifests are JSON of any shape.
    def _check_versions(self, prefix: str, old: Any, new: Any) -> None:
        listed = {entry["version"]: entry for entry in new["versions"]}
        for entry in old["versions"] if old else []:
            files = listed.get(entry["version"], {}).get("files", [])
            if files[: len(entry["files"])] != entry["files"]:
                self.violations.append(f"versions.json lost or changed {entry['version']}")
        for entry in listed.values():
            self._check_files(prefix, "versions.json", entry)

    def _check_latest(self, prefix: str, old: Any, new: Any) -> None:
        before: Any = old["latest"] if old else None
        after: Any = new["latest"]
        if after is None:
            return
        self._check_files(prefix, "latest.json", after)
        if Version(after["version"]).is_prerelease or after["yanked"]:
            self.violations.append(f"latest.json names {after['version']}")
        is_back = before and Version(after["version"]) < Version(before["version"])
        if is_back and before["version"] not in self.yanked:
            self.violations.append(f"latest.json went back from {before['version']} to {after['version']}")

    def _check_files(self, prefix: str, manifest: str, entry: Any) -> None:
        for file in entry["files"]:
            if self._digests.get(f"{prefix}/{entry['version']}/{file['name']}") != file["sha256"]:
                self.violations.append(f"{manifest} names {entry['version']}/{file['name']}, which isn't there")


def key_of(path: str) -> str:
    return path.partition("?")[0].removeprefix(f"/{BUCKET}/")


class _ProxyServer(http.server.ThreadingHTTPServer):
    def __init__(self, proxy: FaultingProxy) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.proxy = proxy


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _ProxyServer

    def _handle(self) -> None:
        body = self._read_body()
        fault = self.server.proxy.take(self.command, key_of(self.path))
        # One request per connection, so that breaking it affects no other.
        self.close_connection = True
        answer = self._answer(fault, body)
        if answer is not None:
            self._send(*answer, is_cut=fault == "cut")

    def _answer(self, fault: FaultKind | None, body: bytes) -> Answer | None:
        """The response to a request with a fault; None if the connection breaks."""
        if fault in _REFUSALS:
            status, code = _REFUSALS[fault]
            return status, [], error_body(code)
        if fault == "drop before":
            return None
        stale = self.server.proxy.stale(self.path) if fault == "stale" else None
        status, headers, content = stale or self._forward(fault, body)
        if fault == "lie":
            headers = [(name, _OTHER_DIGEST if name.lower() == _CHECKSUM else value) for name, value in headers]
        return None if fault == "drop after" else (status, headers, content)

    def _read_body(self) -> bytes:
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
        return self.rfile.read(int(self.headers.get("Content-Length", "0")))

    def _forward(self, fault: FaultKind | None, body: bytes) -> Answer:
        headers = {name: value for name, value in self.headers.items() if name.lower() not in {"expect", "connection"}}
        if fault == "damaged":
            body = bytes(255 - byte for byte in body)
        if fault == "wrong secret":
            headers["Authorization"] = headers["Authorization"][:-8] + "00000000"
        if self.command == "PUT":
            return self.server.proxy.write(self.path, headers, body)
        return self.server.proxy.forward(self.command, self.path, headers, body)

    def _send(self, status: int, headers: list[tuple[str, str]], content: bytes, *, is_cut: bool) -> None:
        self.send_response_only(status)
        lengths = [value for name, value in headers if name.lower() == "content-length"]
        for name, value in headers:
            if name.lower() not in {"content-length", "connection", "transfer-encoding"}:
                self.send_header(name, value)
        # The length of a HEAD response is that of the object.
        self.send_header("Content-Length", lengths[0] if lengths and self.command == "HEAD" else str(len(content)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if is_cut else content)

    do_GET = do_HEAD = do_PUT = _handle  # noqa: N815

    def log_message(self, *_args: object) -> None:
        """Log nothing: tests read `FaultingProxy.requests`."""


@contextlib.contextmanager
def faulting_proxy(server: S3Server) -> Iterator[FaultingProxy]:
    """Run a proxy without faults at first."""
    proxy = FaultingProxy(server)
    httpd = _ProxyServer(proxy)
    proxy.port = httpd.server_address[1]
    with serving(httpd):
        yield proxy


def error_body(code: str) -> bytes:
    return f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>injected</Message></Error>".encode()
