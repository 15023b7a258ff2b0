"""A fake GitHub: releases, assets and tags in memory, with rights, settings and faults on demand.

`FakeRepository.answer` is GitHub's logic. `serve` serves it over HTTP on a Unix socket, where the real `gh` reaches it
under GitHub's own host names. `fake_gh` calls it without a process, for tests with thousands of requests.
"""

import contextlib
import copy
import dataclasses
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
from typing import Any, Final, Literal
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from release_tools.errors import CommandFailedError
from release_tools.processes.run import Finished
from tests.release_tools.releasing.fake_rights import FakeToken, right_of
from tests.release_tools.releasing.github_description import completed, description_problem
from tests.release_tools.releasing.serving import serving

OWNER_AND_NAME = "owner/tiny"
# GitHub redirects the requests for a former name here.
BY_NUMBER = "/repositories/17"
DEFAULT_BRANCH = "main"
PUBLISHED_AT = "2026-01-31T12:00:00Z"
# The number of times of a fault that doesn't end.
FOREVER = 1_000_000_000
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
    "hang",  # no response arrives until `gh` is killed; for `fake_gh` only
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


# What GitHub would never answer, found in the answers of every fake repository; a fixture checks that there is nothing.
UNDESCRIBED: Final[list[str]] = []


def refusal(status: int, text: str, /, **error: str) -> Answer:
    errors = {"errors": [{"resource": "Release", "code": "custom", **error}]} if error else {}
    return Answer(status=status, content={"message": text, **errors})


def as_described(method: str, target: str, answer: Answer | None) -> Answer | None:
    """The answer as GitHub sends it, compared with its own description. Raw bytes aren't described."""
    if answer is None or answer.raw is not None:
        return answer
    content = completed(method, target, answer.status, answer.content)
    problem = description_problem(method, target, answer.status, content)
    UNDESCRIBED.extend([problem] if problem else [])
    return dataclasses.replace(answer, content=content)


class FakeRepository:
    """The state of one repository. After each request it records a violation if an incomplete release is published."""

    def __init__(self, tags: Mapping[str, str], expected: Mapping[str, str] | None = None) -> None:
        self.name = OWNER_AND_NAME
        self.former_names: set[str] = set()
        self.is_private = False
        self.is_archived = False
        self.token = FakeToken()
        self.tags = dict(tags)
        # Rulesets protect these tags from being deleted, and those from being created.
        self.undeletable_tags: set[str] = set()
        self.uncreatable_tags: set[str] = set()
        # Commits that aren't on the default branch, and commits with other workflow files than it has.
        self.side_commits: set[str] = set()
        self.commits_with_other_workflows: set[str] = set()
        self.has_digests = True
        # GitHub may return fewer entries than a page has room for.
        self.max_page_size = 100
        # The number of requests that still show what was there before a change.
        self.lag = 0
        # The digests of a complete release's assets, by name.
        self.expected = dict(expected or {})
        self.releases: dict[int, dict[str, Any]] = {}
        self.makes_immutable = False
        self.unusable_tags: set[str] = set()
        # What the last PATCH of a release said about `make_latest`, which isn't part of a release.
        self.make_latest: dict[int, str] = {}
        self.faults: list[Fault] = []
        # What others do, just before the request with this number.
        self.events: dict[int, Callable[[], object]] = {}
        self.log: list[str] = []
        self.violations: list[str] = []
        self._before: dict[int, dict[str, Any]] = {}
        self._stale_answers = 0
        self._contents: dict[int, bytes] = {}
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
            self.events.pop(len(self.log), lambda: None)()
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
        return as_described(method, target, self._answer_or_fault(method, target, token, body, fault))

    def _answer_or_fault(self, method: str, target: str, token: str, body: bytes, fault: Fault | None) -> Answer | None:
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
            if (kind == "no digest" or not self.has_digests) and answer.content is not None:
                answer = Answer(status=answer.status, content=without_digests(answer.content), headers=answer.headers)
            self._record_violations()
            return None if kind in {"drop after", "part"} else answer

    def add_release(self, *, tag: str, is_draft: bool, body: str = "", target: str = "main") -> dict[str, Any]:
        """Add a release by hand."""
        fields = {"tag_name": tag, "target_commitish": target, "body": body, "draft": is_draft, "prerelease": False}
        return self._add(fields)

    def add_asset(self, release: Mapping[str, Any], name: str, content: bytes, state: str = "uploaded") -> None:
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}" if state == "uploaded" else None
        number = self._next_id()
        url = f"https://api.github.com/repos/{OWNER_AND_NAME}/releases/assets/{number}"
        asset = {"id": number, "url": url, "name": name, "size": len(content), "digest": digest, "state": state}
        self.releases[release["id"]]["assets"].append(asset)
        self._contents[number] = content

    def _answer(self, method: str, target: str, body: bytes, *, is_stale: bool, is_whole: bool) -> Answer:
        parts = urlsplit(target)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = unquote(parts.path)
        roots = [root for root in (f"/repos/{self.name}", BY_NUMBER) if path == root or path.startswith(f"{root}/")]
        if not roots:
            return self._redirect(method, path) or refusal(404, "Not Found")
        path = path.removeprefix(roots[0])
        refused = self._refusal(method, path)
        if refused:
            return refused
        before = copy.deepcopy(self.releases)
        # Some of what is read was true before the last change.
        if method == "GET" and path.startswith("/releases") and self._stale_answers:
            self._stale_answers -= 1
            is_stale = True
        for pattern, handler in self._routes(query, body, is_stale=is_stale, is_whole=is_whole):
            match = re.fullmatch(pattern, f"{method} {path}")
            if match:
                answer = handler(match)
                if method != "GET":
                    self._before = before
                    self._stale_answers = self.lag
                return answer
        return refusal(404, "Not Found")

    def _redirect(self, method: str, path: str) -> Answer | None:
        """What GitHub answers to a request for a former name."""
        for name in self.former_names:
            root = f"/repos/{name}"
            if path == root or path.startswith(f"{root}/"):
                url = f"https://api.github.com{BY_NUMBER}{path.removeprefix(root)}"
                # A client changes a redirected POST to a GET, except for 307.
                status, text = (301, "Moved Permanently") if method == "GET" else (307, "Temporary Redirect")
                return Answer(status=status, content={"message": text, "url": url}, headers={"Location": url})
        return None

    def _refusal(self, method: str, path: str) -> Answer | None:
        """How GitHub refuses a request that this token may not make."""
        refused = self.token.refusal(right_of(method, path))
        # Anyone can read a public repository, except for its settings.
        is_public = method == "GET" and not self.is_private and path != "/immutable-releases"
        if refused and not is_public:
            status, text, headers = refused
            return Answer(status=status, content={"message": text}, headers=headers)
        if self.is_archived and method != "GET":
            return refusal(403, "Repository was archived so is read-only.")
        return None

    def _workflows_refusal(self, fields: Mapping[str, Any]) -> Answer | None:
        """A target with other workflow files than the default branch needs the right to change workflows."""
        refused = self.token.refusal("workflows:write")
        if refused is None or fields.get("target_commitish") not in self.commits_with_other_workflows:
            return None
        status, text, headers = refused
        headers |= {"X-Accepted-GitHub-Permissions": "contents=write; contents=write,workflows=write"}
        return Answer(status=status, content={"message": text}, headers=headers)

    def _routes(
        self, query: Mapping[str, str], body: bytes, *, is_stale: bool, is_whole: bool
    ) -> list[tuple[str, Callable[[re.Match[str]], Answer]]]:
        return [
            ("GET ", lambda _: self._show_repository()),
            ("GET /immutable-releases", lambda _: self._show_immutability()),
            (r"GET /compare/(.+)\.\.\.(.+)", lambda match: self._compare(match[2])),
            ("GET /commits/tags/(.+)", lambda match: self._commit(match[1])),
            ("GET /git/matching-refs/tags/(.*)", lambda match: self._matching(match[1], query)),
            ("DELETE /git/refs/tags/(.+)", lambda match: self._delete_tag(match[1])),
            ("GET /releases", lambda _: self._list(query, is_stale=is_stale)),
            ("POST /releases", lambda _: self._create(json.loads(body))),
            ("GET /releases/tags/(.+)", lambda match: self._show_published(match[1])),
            (r"GET /releases/(\d+)", lambda match: self._show(int(match[1]), is_stale=is_stale)),
            (r"GET /releases/assets/(\d+)", lambda match: self._download(int(match[1]))),
            (r"PATCH /releases/(\d+)", lambda match: self._change(int(match[1]), json.loads(body))),
            (r"DELETE /releases/(\d+)", lambda match: self._delete(int(match[1]))),
            (r"DELETE /releases/assets/(\d+)", lambda match: self._delete_asset(int(match[1]))),
            (
                r"POST /releases/(\d+)/assets",
                lambda match: self._upload(int(match[1]), query["name"], body, is_whole=is_whole),
            ),
        ]

    def _show_repository(self) -> Answer:
        content = {
            "full_name": self.name,
            "html_url": f"https://github.com/{self.name}",
            "default_branch": DEFAULT_BRANCH,
            "archived": self.is_archived,
            "private": self.is_private,
            "language": "Python",
        }
        return Answer(status=200, content=content)

    def _show_immutability(self) -> Answer:
        if not self.makes_immutable:
            return refusal(404, "Not Found")
        return Answer(status=200, content={"enabled": True, "enforced_by_owner": False})

    def _compare(self, commit: str) -> Answer:
        if commit not in {*self.tags.values(), *self.side_commits}:
            return refusal(404, "Not Found")
        content = {"status": "diverged" if commit in self.side_commits else "behind"}
        return Answer(status=200, content=content)

    def _commit(self, tag: str) -> Answer:
        if tag not in self.tags:
            return refusal(422, f"No commit found for SHA: tags/{tag}")
        return Answer(status=200, content={"sha": self.tags[tag]})

    def _matching(self, prefix: str, query: Mapping[str, str]) -> Answer:
        names = [name for name in sorted(self.tags) if name.startswith(prefix)]
        return self._page([{"ref": f"refs/tags/{name}"} for name in names], "git/matching-refs/tags/", query)

    def _delete_tag(self, tag: str) -> Answer:
        if tag in self.undeletable_tags:
            return refusal(422, "Repository rule violations found\n\nCannot delete this tag\n\n")
        if self.tags.pop(tag, None) is None:
            return refusal(422, "Reference does not exist")
        return Answer(status=204)

    def _list(self, query: Mapping[str, str], *, is_stale: bool) -> Answer:
        releases = self._before if is_stale else self.releases
        # Only tokens with write access see drafts.
        sees_drafts = "contents:write" in self.token.rights
        listed = [release for release in reversed(releases.values()) if sees_drafts or not release["draft"]]
        return self._page(listed, "releases", query)

    def _show(self, number: int, *, is_stale: bool) -> Answer:
        release = (self._before if is_stale else self.releases).get(number)
        if release is None or (release["draft"] and "contents:write" not in self.token.rights):
            return refusal(404, "Not Found")
        return Answer(status=200, content=release)

    def _show_published(self, tag: str) -> Answer:
        found = [release for release in self.published if release["tag_name"] == tag]
        return Answer(status=200, content=found[0]) if found else refusal(404, "Not Found")

    def _page(self, entries: list[Any], endpoint: str, query: Mapping[str, str]) -> Answer:
        """A page, with the link to the next one."""
        size, number = min(int(query.get("per_page", "30")), self.max_page_size), int(query.get("page", "1"))
        headers = {}
        if number * size < len(entries):
            address = (
                f"https://api.github.com{BY_NUMBER}/{endpoint}?per_page={query.get('per_page', '30')}&page={number + 1}"
            )
            headers = {"Link": f'<{address}>; rel="next"'}
        return Answer(status=200, content=entries[(number - 1) * size : number * size], headers=headers)

    def _download(self, number: int) -> Answer:
        if number not in self._contents:
            return refusal(404, "Not Found")
        return Answer(status=200, raw=self._contents[number])

    def _create(self, fields: Mapping[str, Any]) -> Answer:
        target = {"target_commitish": DEFAULT_BRANCH}
        refused = self._workflows_refusal(fields) or self._too_long(fields)
        return refused or Answer(status=201, content=self._add({**target, **fields}))

    def _add(self, fields: Mapping[str, Any]) -> dict[str, Any]:
        number = self._next_id()
        release = {
            **fields,
            "id": number,
            "html_url": f"https://github.com/{OWNER_AND_NAME}/releases/tag/{fields['tag_name']}",
            "upload_url": f"https://uploads.github.com/repos/{self.name}/releases/{number}/assets{{?name,label}}",
            "immutable": False,
            "published_at": None if fields.get("draft") else PUBLISHED_AT,
            "assets": [],
        }
        self.releases[number] = release
        return release

    def _change(self, number: int, fields: Mapping[str, Any]) -> Answer:
        release = self.releases.get(number)
        if release is None:
            return refusal(404, "Not Found")
        refused = self._change_refusal(release, {**release, **fields})
        if refused:
            return refused
        if "make_latest" in fields:
            self.make_latest[number] = fields["make_latest"]
        release.update({name: value for name, value in fields.items() if name != "make_latest"})
        if not release["draft"]:
            # GitHub creates a missing tag.
            self.tags.setdefault(release["tag_name"], str(release["target_commitish"]))
            release["immutable"] = self.makes_immutable
            release["published_at"] = PUBLISHED_AT
        return Answer(status=200, content=release)

    def _change_refusal(self, release: Mapping[str, Any], changed: Mapping[str, Any]) -> Answer | None:
        tag, problem = str(changed["tag_name"]), {}
        if release["immutable"]:
            problem = {"message": "state cannot be changed when release is immutable"}
        elif tag in self.unusable_tags:
            problem = {"message": "tag_name was used by an immutable release"}
        elif any(other["tag_name"] == tag and other is not release for other in self.published):
            problem = {"field": "tag_name", "code": "already_exists"}
        elif tag not in self.tags and tag in self.uncreatable_tags and not changed["draft"]:
            problem = {"message": "Published releases must have a valid tag"}
        if problem:
            return refusal(422, "Validation Failed", **problem)
        return self._workflows_refusal(changed) or self._too_long(changed)

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
            if release["body"].startswith("<!-- release-tools: ") and self.expected and assets != expected:
                self.violations.append(f"release {release['id']} is published with {sorted(assets)}")


def without_digests(content: object) -> object:
    copied = copy.deepcopy(content)
    for release in copied if isinstance(copied, list) else [copied]:
        for asset in release.get("assets", []) if isinstance(release, dict) else []:
            asset["digest"] = None
    return copied


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
    try:
        with serving(server):
            yield folder
    finally:
        shutil.rmtree(folder)


def fake_gh(repository: FakeRepository, sleep: Callable[[float], None] = lambda _: None) -> Callable[..., Finished]:
    """A stand-in for `observe` that answers `gh api --include` and `gh release download` without starting them.

    A request that hangs sleeps until its timeout.
    """

    def send(method: str, target: str, body: bytes, timeout_seconds: float = 0.0) -> Answer | None:
        fault = repository.take_fault(method, target)
        if fault and fault.kind == "hang":
            sleep(timeout_seconds)
            raise CommandFailedError(["gh"], "was still running and was killed")
        return repository.answer(method, target, f"token {TOKEN}", body, fault)

    def download(args: Sequence[str]) -> Finished:
        tag, name, folder = args[3], args[args.index("--pattern") + 1], Path(args[args.index("--dir") + 1])
        release = next(release for release in repository.published if release["tag_name"] == tag)
        asset = next(asset for asset in release["assets"] if asset["name"] == name)
        answer = send("GET", target_of(asset["url"]), b"")
        if answer is None or answer.status >= 400:
            return finished(args, 1, "", f"HTTP {answer.status}\n" if answer else "EOF\n")
        (folder / name).write_bytes(answer.body)
        return finished(args, 0, "", "")

    def start(args: Sequence[str], **options: Any) -> Finished:
        if args[1:3] == ["release", "download"]:
            return download(args)
        method, endpoint = args[args.index("--method") + 1], args[args.index("--method") + 2]
        name = options.get("environment", {}).get("GH_REPO") or OWNER_AND_NAME
        target = target_of(endpoint.replace("{owner}/{repo}", "/".join(name.split("/")[-2:])))
        body = Path(args[args.index("--input") + 1]).read_bytes() if "--input" in args else b""
        timeout_seconds = options.get("timeout_seconds", 0.0)
        answer = send(method, target, body, timeout_seconds)
        while answer and answer.status in {301, 307} and not body:
            answer = send(method, target_of(answer.headers["Location"]), body)
        if answer is None:
            return finished(args, 1, "", f'{method.title()} "https://api.github.com{target}": EOF\n')
        status = HTTPStatus(answer.status)
        headers = "".join(f"{name}: {value}\n" for name, value in answer.headers.items())
        stdout = f"HTTP/1.1 {status.value} {status.phrase}\n{headers}\n{answer.body.decode()}"
        return finished(args, 0 if answer.status < 300 else 1, stdout, "")

    return start


def fake_fetch(repository: FakeRepository) -> Callable[..., bool]:
    """A stand-in for `fetch_file` that writes what `gh api` would."""

    def fetch(args: Sequence[str], *, file: Path, **_options: object) -> bool:
        target = target_of(args[2].replace("{owner}/{repo}", repository.name))
        answer = repository.answer("GET", target, f"token {TOKEN}", b"", repository.take_fault("GET", target))
        if answer is None or answer.status != 200:
            return False
        file.write_bytes(answer.body)
        return True

    return fetch


def target_of(endpoint: str) -> str:
    """The path with the query, which is what a server sees of an address."""
    parts = urlsplit(endpoint)
    return f"/{parts.path.lstrip('/')}" + (f"?{parts.query}" if parts.query else "")


def finished(args: Sequence[str], code: int, stdout: str, stderr: str) -> Finished:
    return Finished(args=tuple(args), code=code, stdout=stdout, stderr=stderr, seconds=0.0)
