"""A fake GitHub: releases, assets and tags in memory, with faults on demand.

`FakeRepository.answer` is GitHub's logic. `serve` serves it over HTTP on a Unix socket, where the real `gh` reaches it
under GitHub's own host names. `fake_gh` calls it without a process, for tests with thousands of requests.
"""

import contextlib
import copy
import hashlib
import http.server
import json
import re
import shutil
import socket
import socketserver
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from release_tools.processes.run import Finished

OWNER_AND_NAME = "owner/tiny"
TOKEN = "a-token-of-the-tests"  # noqa: S105

FaultKind = Literal[
    "status",  # GitHub responds with an error and changes nothing
    "drop before",  # the connection breaks before the request is processed
    "drop after",  # the connection breaks after the request was processed
    "part",  # the connection breaks during an upload, and GitHub keeps an incomplete asset
    "truncate",  # GitHub stores half of the bytes and reports success
    "corrupt",  # GitHub stores different bytes of the same size
    "stale",  # GitHub returns the list as it was before the last change
    "no digest",  # GitHub returns assets without digests
    "not json",  # a proxy returns an HTML page
]


@dataclass(kw_only=True)
class Fault:
    """A fault of requests that match the pattern `request`, such as `POST /repos/owner/tiny/releases`."""

    kind: FaultKind
    request: str
    times: int = 1
    skip: int = 0
    status: int = 502
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str = "no"


@dataclass(frozen=True, kw_only=True)
class Answer:
    status: int
    content: object = None
    headers: Mapping[str, str] = field(default_factory=dict)
    raw: bytes | None = None

    @property
    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.content is None else json.dumps(self.content).encode()


def refusal(status: int, text: str, /, **error: str) -> Answer:
    return Answer(status=status, content={"message": text, "errors": [error] if error else []})


class FakeRepository:
    """The state of one repository. After each request it records a violation if an incomplete release is published."""

    def __init__(self, tags: Mapping[str, str], expected: Mapping[str, str] | None = None) -> None:
        self.tags = dict(tags)
        # The digests of a complete release's assets, by name.
        self.expected = dict(expected or {})
        self.releases: dict[int, dict[str, Any]] = {}
        self.makes_immutable = False
        self.unusable_tags: set[str] = set()
        self.faults: list[Fault] = []
        self.log: list[str] = []
        self.violations: list[str] = []
        self._before: dict[int, dict[str, Any]] = {}
        self._lock = threading.RLock()
        self._last_id = 100

    @property
    def published(self) -> list[dict[str, Any]]:
        return [release for release in self.releases.values() if not release["draft"]]

    @property
    def drafts(self) -> list[dict[str, Any]]:
        return [release for release in self.releases.values() if release["draft"]]

    @property
    def changes(self) -> list[str]:
        """The requests that can change something."""
        return [line for line in self.log if not line.startswith("GET ")]

    def take_fault(self, method: str, target: str) -> Fault | None:
        """The fault of this request, which is used up."""
        with self._lock:
            self.log.append(f"{method} {target}")
            for fault in self.faults:
                if re.match(fault.request, f"{method} {target}") is None or fault.times == 0:
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                return fault
            return None

    def answer(self, method: str, target: str, token: str, body: bytes, fault: Fault | None) -> Answer | None:
        """GitHub's response, or None when the connection breaks. `target` is the path with the query."""
        with self._lock:
            if token != f"token {TOKEN}":
                return refusal(401, "Bad credentials")
            kind = fault.kind if fault else ""
            if fault and kind == "status":
                return Answer(status=fault.status, content={"message": fault.message}, headers=fault.headers)
            if kind == "drop before":
                return None
            if kind == "not json":
                return Answer(status=200, raw=b"<html>please sign in to the hotel's network</html>")
            if "/assets?" in target and kind in {"truncate", "part"}:
                body = body[: len(body) // 2]
            if "/assets?" in target and kind == "corrupt":
                body = bytes(255 - byte for byte in body)
            answer = self._answer(method, target, body, is_stale=kind == "stale", is_whole=kind != "part")
            if kind == "no digest" and answer.content is not None:
                answer = Answer(status=answer.status, content=without_digests(answer.content))
            self._record_violations()
            return None if kind in {"drop after", "part"} else answer

    def add_release(self, *, tag: str, is_draft: bool, body: str = "", target: str = "main") -> dict[str, Any]:
        """Add a release by hand."""
        fields = {"tag_name": tag, "target_commitish": target, "body": body, "draft": is_draft, "prerelease": False}
        return self._add(fields)

    def add_asset(self, release: Mapping[str, Any], name: str, content: bytes, state: str = "uploaded") -> None:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}" if state == "uploaded" else None
        asset = {"id": self._next_id(), "name": name, "size": len(content), "digest": digest, "state": state}
        self.releases[release["id"]]["assets"].append(asset)

    def _answer(self, method: str, target: str, body: bytes, *, is_stale: bool, is_whole: bool) -> Answer:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = unquote(parts.path).removeprefix(f"/repos/{OWNER_AND_NAME}")
        if path == parts.path:
            return refusal(404, "Not Found")
        before = copy.deepcopy(self.releases)
        for pattern, handler in self._routes(query, body, is_stale=is_stale, is_whole=is_whole):
            match = re.fullmatch(pattern, f"{method} {path}")
            if match:
                answer = handler(match)
                if method != "GET":
                    self._before = before
                return answer
        return refusal(404, "Not Found")

    def _routes(
        self, query: Mapping[str, str], body: bytes, *, is_stale: bool, is_whole: bool
    ) -> list[tuple[str, Callable[[re.Match[str]], Answer]]]:
        return [
            ("GET ", lambda _: Answer(status=200, content={"full_name": OWNER_AND_NAME})),
            ("GET /commits/tags/(.+)", lambda match: self._commit(match[1])),
            ("GET /git/matching-refs/tags/(.*)", lambda match: self._matching(match[1], query)),
            ("DELETE /git/refs/tags/(.+)", lambda match: self._delete_tag(match[1])),
            ("GET /releases", lambda _: self._list(query, is_stale=is_stale)),
            ("POST /releases", lambda _: self._create(json.loads(body))),
            (r"GET /releases/(\d+)", lambda match: self._show(int(match[1]))),
            (r"PATCH /releases/(\d+)", lambda match: self._change(int(match[1]), json.loads(body))),
            (r"DELETE /releases/(\d+)", lambda match: self._delete(int(match[1]))),
            (r"DELETE /releases/assets/(\d+)", lambda match: self._delete_asset(int(match[1]))),
            (
                r"POST /releases/(\d+)/assets",
                lambda match: self._upload(int(match[1]), query["name"], body, is_whole=is_whole),
            ),
        ]

    def _commit(self, tag: str) -> Answer:
        if tag not in self.tags:
            return refusal(422, f"No commit found for SHA: tags/{tag}")
        return Answer(status=200, content={"sha": self.tags[tag]})

    def _matching(self, prefix: str, query: Mapping[str, str]) -> Answer:
        names = [name for name in sorted(self.tags) if name.startswith(prefix)]
        return Answer(status=200, content=page_of([{"ref": f"refs/tags/{name}"} for name in names], query))

    def _delete_tag(self, tag: str) -> Answer:
        if self.tags.pop(tag, None) is None:
            return refusal(422, "Reference does not exist")
        return Answer(status=204)

    def _list(self, query: Mapping[str, str], *, is_stale: bool) -> Answer:
        releases = self._before if is_stale else self.releases
        return Answer(status=200, content=page_of(list(reversed(releases.values())), query))

    def _show(self, number: int) -> Answer:
        return (
            Answer(status=200, content=self.releases[number]) if number in self.releases else refusal(404, "Not Found")
        )

    def _create(self, fields: Mapping[str, Any]) -> Answer:
        return self._too_long(fields) or Answer(status=201, content=self._add(fields))

    def _add(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        number = self._next_id()
        release = {
            **fields,
            "id": number,
            "html_url": f"https://github.com/{OWNER_AND_NAME}/releases/tag/{fields['tag_name']}",
            "upload_url": f"https://uploads.github.com/repos/{OWNER_AND_NAME}/releases/{number}/assets{{?name,label}}",
            "immutable": False,
            "assets": [],
        }
        self.releases[number] = release
        return release

    def _change(self, number: int, fields: Mapping[str, Any]) -> Answer:
        release = self.releases.get(number)
        if release is None:
            return refusal(404, "Not Found")
        tag = str(fields.get("tag_name", release["tag_name"]))
        if release["immutable"]:
            return refusal(422, "Validation Failed", message="state cannot be changed when release is immutable")
        if tag in self.unusable_tags:
            return refusal(422, "Validation Failed", message="tag_name was used by an immutable release")
        if any(other["tag_name"] == tag and other is not release for other in self.published):
            return refusal(422, "Validation Failed", field="tag_name", code="already_exists")
        too_long = self._too_long(fields)
        if too_long:
            return too_long
        release.update(fields)
        if not release["draft"]:
            # GitHub creates a missing tag.
            self.tags.setdefault(tag, str(release["target_commitish"]))
            release["immutable"] = self.makes_immutable
        return Answer(status=200, content=release)

    def _too_long(self, fields: Mapping[str, Any]) -> Answer | None:
        if len(str(fields.get("body", ""))) < 125_000:
            return None
        return refusal(422, "Validation Failed", message="body is too long (maximum is 125000 characters)")

    def _delete(self, number: int) -> Answer:
        release = self.releases.pop(number, None)
        if release is None:
            return refusal(404, "Not Found")
        self.unusable_tags |= {release["tag_name"]} if release["immutable"] else set()
        return Answer(status=204)

    def _delete_asset(self, number: int) -> Answer:
        for release in self.releases.values():
            for asset in release["assets"]:
                if asset["id"] == number and release["immutable"]:
                    return refusal(422, "Cannot delete asset from an immutable release")
                if asset["id"] == number:
                    release["assets"].remove(asset)
                    return Answer(status=204)
        return refusal(404, "Not Found")

    def _upload(self, number: int, name: str, content: bytes, *, is_whole: bool) -> Answer:
        release = self.releases.get(number)
        if release is None:
            return refusal(404, "Not Found")
        if release["immutable"]:
            return refusal(422, "Cannot upload assets to an immutable release")
        if name in {asset["name"] for asset in release["assets"]}:
            return refusal(422, "Validation Failed", field="name", code="already_exists")
        self.add_asset(release, name, content, state="uploaded" if is_whole else "starter")
        return Answer(status=201, content=release["assets"][-1])

    def _next_id(self) -> int:
        self._last_id += 1
        return self._last_id

    def _record_violations(self) -> None:
        tags = [release["tag_name"] for release in self.published]
        self.violations += [f"{tag} is published twice" for tag in set(tags) if tags.count(tag) > 1]
        for release in self.published:
            assets = {asset["name"]: (asset["digest"], asset["state"]) for asset in release["assets"]}
            expected = {name: (f"sha256:{digest}", "uploaded") for name, digest in self.expected.items()}
            if release["target_commitish"] != "main" and assets != expected:
                self.violations.append(f"release {release['id']} is published with {sorted(assets)}")


def without_digests(content: object) -> object:
    copied = copy.deepcopy(content)
    for release in copied if isinstance(copied, list) else [copied]:
        for asset in release.get("assets", []) if isinstance(release, dict) else []:
            asset["digest"] = None
    return copied


def page_of(entries: list[Any], query: Mapping[str, str]) -> list[Any]:
    size, number = int(query.get("per_page", "30")), int(query.get("page", "1"))
    return entries[(number - 1) * size : number * size]


@contextlib.contextmanager
def served_to_gh(repository: FakeRepository, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every `gh` that runs inside the block talks to this repository."""
    if not hasattr(socket, "AF_UNIX"):
        pytest.skip("gh reaches the fake GitHub by a Unix socket, which Python lacks on Windows")
    with serve(repository) as folder:
        monkeypatch.setenv("GH_CONFIG_DIR", str(folder))
        monkeypatch.setenv("GH_TOKEN", TOKEN)
        monkeypatch.setenv("GH_REPO", OWNER_AND_NAME)
        monkeypatch.delenv("GH_HOST", raising=False)
        yield


@contextlib.contextmanager
def serve(repository: FakeRepository) -> Iterator[Path]:
    """Serve the repository on a Unix socket; gives the GH_CONFIG_DIR that sends `gh` there."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _handle(self) -> None:
            fault = repository.take_fault(self.command, self.path)
            length = int(self.headers.get("Content-Length", "0"))
            # Read only half of the body before the connection breaks.
            body = self.rfile.read(length // 2 if fault and fault.kind == "part" else length)
            body = body * 2 if fault and fault.kind == "part" else body
            answer = repository.answer(self.command, self.path, self.headers.get("Authorization", ""), body, fault)
            self.close_connection = True
            if answer is None:
                with contextlib.suppress(OSError):
                    self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(answer.status)
            for name, value in {**answer.headers, "Content-Length": str(len(answer.body))}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(answer.body)

        do_GET = do_POST = do_PATCH = do_DELETE = _handle  # noqa: N815

        def log_message(self, *_args: object) -> None:
            """Log nothing: tests read `FakeRepository.log`."""

    # tmp_path is too long for the path of a Unix socket.
    folder = Path(tempfile.mkdtemp(prefix="gh-", dir="/tmp"))
    (folder / "config.yml").write_text(f"http_unix_socket: {folder / 'socket'}\n", encoding="utf-8")
    server = socketserver.ThreadingUnixStreamServer(str(folder / "socket"), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield folder
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        shutil.rmtree(folder)


def fake_gh(repository: FakeRepository) -> Callable[..., Finished]:
    """A stand-in for `observe` that answers `gh api --include` without starting it."""

    def start(args: Sequence[str], **_options: object) -> Finished:
        method, endpoint = args[args.index("--method") + 1], args[args.index("--method") + 2]
        parts = urlsplit(endpoint.replace("{owner}/{repo}", OWNER_AND_NAME))
        target = f"/{parts.path.lstrip('/')}" + (f"?{parts.query}" if parts.query else "")
        body = Path(args[args.index("--input") + 1]).read_bytes() if "--input" in args else b""
        fault = repository.take_fault(method, target)
        answer = repository.answer(method, target, f"token {TOKEN}", body, fault)
        if answer is None:
            return finished(args, 1, "", f'{method.title()} "https://api.github.com{target}": EOF\n')
        status = HTTPStatus(answer.status)
        headers = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
        stdout = f"HTTP/1.1 {status.value} {status.phrase}\n{headers}\n{answer.body.decode()}"
        return finished(args, 0 if answer.status < 400 else 1, stdout, "")

    return start


def finished(args: Sequence[str], code: int, stdout: str, stderr: str) -> Finished:
    return Finished(args=tuple(args), code=code, stdout=stdout, stderr=stderr, seconds=0.0)
