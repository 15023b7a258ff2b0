"""What can go wrong while a release is published: passing and lasting faults, rights and settings, and other people."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Final, Literal

from release_tools.releasing.publish.release_files import expected_files
from tests.release_tools.releasing.fake_github import FOREVER, FakeRepository, Fault, FaultKind
from tests.release_tools.releasing.fake_rights import TokenKind
from tests.release_tools.releasing.sample_release import COMMIT, EXECUTABLE, TAG, VERSION

Group = Literal["passing", "lasting", "rights", "storage", "others"]

REPOSITORY: Final = "/repos/owner/tiny"
# The requests of a publisher, in the order of an undisturbed run.
REQUESTS: Final = {
    "repository": f"GET {REPOSITORY}$",
    "branch": f"GET {REPOSITORY}/compare/",
    "list": f"GET {REPOSITORY}/releases\\?",
    "tag": f"GET {REPOSITORY}/commits/tags/",
    "draft": f"POST {REPOSITORY}/releases$",
    "show": f"GET {REPOSITORY}/releases/\\d+$",
    "upload": f"POST {REPOSITORY}/releases/\\d+/assets",
    "last upload": f"POST {REPOSITORY}/releases/\\d+/assets.*windows-amd64.zip.sha256$",
    "publish": f"PATCH {REPOSITORY}/releases/",
}
CHANGES: Final = ("draft", "upload", "last upload", "publish")
UNDISTURBED_REQUESTS: Final = 25


@dataclass(frozen=True, kw_only=True)
class Case:
    """One fault. `arrange` prepares the repository, and `heal` is what the hint asks for.

    `ends` says how the first run ends: published, refused within a minute with `hint`, or with any error within the
    budget; "either" where it depends on the moment. `stays` if no healing helps, only another version.
    """

    name: str
    group: Group
    arrange: Callable[[FakeRepository], object]
    ends: Literal["published", "refused", "error", "either"]
    hint: str = ""
    heal: Callable[[FakeRepository], object] = field(default=lambda repository: repository.faults.clear())
    stays: bool = False


def with_faults(*faults: Fault) -> Callable[[FakeRepository], None]:
    """Makes the repository have these faults."""

    def arrange(repository: FakeRepository) -> None:
        repository.faults = [replace(fault) for fault in faults]

    return arrange


def at_request(number: int, event: Callable[[FakeRepository], object]) -> Callable[[FakeRepository], None]:
    """Makes something happen just before a request."""

    def arrange(repository: FakeRepository) -> None:
        repository.events[number] = lambda: event(repository)

    return arrange


_PASSING: Final[dict[str, Fault]] = {
    "500": Fault(kind="status", request="", status=500),
    "502 twice": Fault(kind="status", request="", status=502, times=2),
    "503": Fault(kind="status", request="", status=503),
    "connection lost before": Fault(kind="drop before", request=""),
    "connection lost after": Fault(kind="drop after", request=""),
    "page of a proxy": Fault(kind="not json", request=""),
    "no response": Fault(kind="hang", request=""),
    "429 for 37 s": Fault(kind="status", request="", status=429, headers={"Retry-After": "37"}),
    "403, secondary rate limit": Fault(
        kind="status", request="", status=403, message="You have exceeded a secondary rate limit"
    ),
    "403, rate limit, clock an hour fast": Fault(
        kind="status",
        request="",
        status=403,
        # By its own clock GitHub resets the limit in a minute.
        headers={
            "X-RateLimit-Remaining": "0",
            "X-RateLimit-Reset": "996460",
            "Date": "Mon, 12 Jan 1970 12:46:40 GMT",
        },
    ),
}

_LASTING: Final[dict[str, Fault]] = {
    "502": Fault(kind="status", request="", times=FOREVER),
    "connection lost": Fault(kind="drop before", request="", times=FOREVER),
    "no response": Fault(kind="hang", request="", times=FOREVER),
    "page of a proxy": Fault(kind="not json", request="", times=FOREVER),
    "429 without an end": Fault(kind="status", request="", status=429, times=FOREVER),
    "rate limit for an hour": Fault(
        kind="status", request="", status=403, headers={"Retry-After": "3600"}, times=FOREVER
    ),
}

# What GitHub says, and a part of the hint.
_REFUSALS: Final[dict[str, tuple[Fault, str]]] = {
    "workflow token": (
        Fault(
            kind="status",
            request="",
            status=403,
            message="Resource not accessible by integration",
            headers={"X-Accepted-GitHub-Permissions": "contents=write"},
        ),
        "`permissions:` `contents: write`",
    ),
    "workflow token, workflows": (
        Fault(
            kind="status",
            request="",
            status=403,
            message="Resource not accessible by integration",
            headers={"X-Accepted-GitHub-Permissions": "contents=write,workflows=write"},
        ),
        "fine-grained token",
    ),
    "workflow token, alternatives": (
        Fault(
            kind="status",
            request="",
            status=403,
            message="Resource not accessible by integration",
            headers={"X-Accepted-GitHub-Permissions": "contents=write; contents=write,workflows=write"},
        ),
        "the job needs `permissions:` `contents: write` in",
    ),
    "fine-grained token": (
        Fault(
            kind="status",
            request="",
            status=403,
            message="Resource not accessible by personal access token",
            headers={"X-Accepted-GitHub-Permissions": "contents=write"},
        ),
        "`contents: write`: https://github.com/settings/personal-access-tokens",
    ),
    "token without scope": (
        Fault(
            kind="status",
            request="",
            status=404,
            message="Not Found",
            headers={"X-OAuth-Scopes": "read:org", "X-Accepted-OAuth-Scopes": "repo"},
        ),
        "gh auth refresh --scopes repo",
    ),
    "hidden": (Fault(kind="status", request="", status=404, message="Not Found"), "gh auth status"),
    "bad credentials": (Fault(kind="status", request="", status=401, message="Bad credentials"), "gh auth login"),
    "SAML": (
        Fault(
            kind="status",
            request="",
            status=403,
            message="Resource protected by organization SAML enforcement.",
            headers={"X-GitHub-SSO": "required; url=https://github.com/orgs/owner/sso?authorization_request=a"},
        ),
        "https://github.com/orgs/owner/sso?authorization_request=a",
    ),
    "IP allow list": (
        Fault(
            kind="status",
            request="",
            status=403,
            message="Although you appear to have the correct authorization credentials, the `owner` organization has "
            "an IP allow list enabled, and your IP address is not permitted to access this resource.",
        ),
        "address",
    ),
    "OAuth restrictions": (
        Fault(
            kind="status",
            request="",
            status=403,
            message="Although you appear to have the correct authorization credentials, the `owner` organization has "
            "enabled OAuth App access restrictions.",
        ),
        "approve the GitHub CLI",
    ),
    "kind of token forbidden": (
        Fault(
            kind="status",
            request="",
            status=403,
            message="`owner` forbids access via a personal access token (classic).",
        ),
        "of a kind and lifetime",
    ),
    "suspended account": (
        Fault(kind="status", request="", status=403, message="Sorry. Your account was suspended."),
        "support.github.com",
    ),
    "blocked repository": (
        Fault(kind="status", request="", status=451, message="Repository access blocked"),
        "support.github.com",
    ),
    "migration": (
        Fault(kind="status", request="", status=403, message="Repository has been locked for migration."),
        "migrated",
    ),
    "ruleset": (
        Fault(kind="status", request="", status=422, message="Repository rule violations found"),
        "gh ruleset list",
    ),
    "403 page of a proxy": (
        Fault(
            kind="status",
            request="",
            status=403,
            message="<html>blocked</html>",
            headers={"Content-Type": "text/html; charset=utf-8"},
        ),
        "uploads.github.com",
    ),
    "too large": (Fault(kind="status", request="", status=413, message="Payload too large"), "2 GiB"),
    "unknown 422": (Fault(kind="status", request="", status=422, message="Validation Failed"), "GitHub's message"),
    "conflict": (Fault(kind="status", request="", status=409, message="Conflict"), "GitHub's message"),
}


def fault_cases() -> Iterator[Case]:
    for place, request in REQUESTS.items():
        for name, fault in _PASSING.items():
            arrange = with_faults(replace(fault, request=request))
            yield Case(name=f"{name}: {place}", group="passing", arrange=arrange, ends="published")
        for name, fault in _LASTING.items():
            arrange = with_faults(replace(fault, request=request))
            yield Case(name=f"{name} for good: {place}", group="lasting", arrange=arrange, ends="error")


def refusal_cases() -> Iterator[Case]:
    for place in CHANGES:
        for name, (fault, hint) in _REFUSALS.items():
            arrange = with_faults(replace(fault, request=REQUESTS[place], times=FOREVER))
            yield Case(name=f"{name}: {place}", group="rights", arrange=arrange, ends="refused", hint=hint)


def _make_tag_impossible(repository: FakeRepository) -> None:
    repository.tags.clear()
    repository.uncreatable_tags.add(TAG)


def rights_cases() -> Iterator[Case]:
    """The rights and settings that the fake server itself models."""

    def without(right: str, kind: TokenKind, *, hides: bool) -> Callable[[FakeRepository], None]:
        def arrange(repository: FakeRepository) -> None:
            repository.token = replace(repository.token, kind=kind, hides=hides)
            repository.token.rights -= {right}

        return arrange

    def restore(repository: FakeRepository) -> None:
        repository.token.rights |= {"contents:read", "contents:write"}
        repository.is_archived = False
        repository.is_private = False

    hints = {"workflow": "`contents: write`", "fine-grained": "`contents: write`", "classic": "--scopes repo"}
    for kind in ("workflow", "fine-grained", "classic"):
        for hides in (False, True):
            name = f"{kind} token without contents: write, {'hidden' if hides else 'refused'}"
            arrange = without("contents:write", kind, hides=hides)
            yield Case(name=name, group="rights", arrange=arrange, ends="refused", hint=hints[kind], heal=restore)

            def private(repository: FakeRepository, arrange: Callable[[FakeRepository], None] = arrange) -> None:
                arrange(repository)
                repository.is_private = True
                repository.token.rights -= {"contents:read"}

            name = f"{kind} token without access to a private repository, {'hidden' if hides else 'refused'}"
            yield Case(name=name, group="rights", arrange=private, ends="refused", heal=restore)
        number = 6
        right_lost = at_request(number, without("contents:write", kind, hides=True))
        name = f"{kind} token loses contents: write"
        yield Case(name=name, group="rights", arrange=right_lost, ends="error", heal=restore)
    yield Case(
        name="archived repository",
        group="rights",
        arrange=lambda repository: setattr(repository, "is_archived", True),
        ends="refused",
        hint="/settings",
        heal=restore,
    )
    yield Case(
        name="repository is archived meanwhile",
        group="rights",
        arrange=at_request(12, lambda repository: setattr(repository, "is_archived", True)),
        ends="refused",
        hint="unarchive",
        heal=restore,
    )
    yield Case(
        name="commit with other workflow files than the default branch",
        group="rights",
        arrange=lambda repository: repository.commits_with_other_workflows.add(COMMIT),
        ends="published",
    )
    yield Case(
        name="commit that isn't on the default branch",
        group="rights",
        arrange=lambda repository: repository.side_commits.add(COMMIT),
        ends="refused",
        hint="merge the commit",
        heal=lambda repository: repository.side_commits.clear(),
    )
    yield Case(
        name="tag of an immutable release",
        group="rights",
        arrange=lambda repository: repository.unusable_tags.add(TAG),
        ends="refused",
        hint="bump the version",
        stays=True,
    )
    yield Case(
        name="tag is gone and can't be created",
        group="rights",
        arrange=at_request(23, _make_tag_impossible),
        ends="refused",
        hint=TAG,
        heal=lambda repository: repository.tags.update({TAG: COMMIT}),
    )
    yield Case(
        name="immutable releases",
        group="rights",
        arrange=lambda repository: setattr(repository, "makes_immutable", True),
        ends="published",
    )


def storage_cases() -> Iterator[Case]:
    """GitHub stores something else, shows it late, or shows less."""
    kinds: tuple[FaultKind, ...] = ("truncate", "corrupt", "part")
    for kind in kinds:
        for place in ("upload", "last upload"):
            fault = Fault(kind=kind, request=REQUESTS[place])
            name = f"{kind}: {place}"
            yield Case(name=name, group="storage", arrange=with_faults(fault), ends="published")
            fault = replace(fault, times=FOREVER)
            yield Case(name=f"{name} for good", group="storage", arrange=with_faults(fault), ends="error")
    # Each file is a step forward, so the pauses don't add up.
    names = [re.escape(name) for name in expected_files(EXECUTABLE, VERSION)]
    each_once = with_faults(*(Fault(kind="status", request=f"POST .*[?]name={name}$") for name in names))
    yield Case(name="502 once for every upload", group="storage", arrange=each_once, ends="published")
    for lag in (1, 2, 3, 5, 8):
        arrange = lambda repository, lag=lag: setattr(repository, "lag", lag)  # noqa: E731
        yield Case(name=f"{lag} stale answers after each change", group="storage", arrange=arrange, ends="published")
    for times in (1, 3, 6):
        fault = Fault(kind="stale", request=REQUESTS["list"], times=times)
        yield Case(name=f"{times} stale lists", group="storage", arrange=with_faults(fault), ends="published")
    for size in (1, 2, 7):

        def short_pages(repository: FakeRepository, size: int = size) -> None:
            for number in range(9):
                repository.add_release(tag=f"tiny-v0.{number}.0", is_draft=number % 2 == 0)
            repository.max_page_size = size

        yield Case(name=f"pages of {size}", group="storage", arrange=short_pages, ends="published")
    yield Case(
        name="server without digests",
        group="storage",
        arrange=lambda repository: setattr(repository, "has_digests", False),
        ends="published",
    )
    for number in (6, 17, 23):
        fault = Fault(kind="no digest", request=REQUESTS["show"], skip=number // 6)
        name = f"no digest at request {number}"
        yield Case(name=name, group="storage", arrange=with_faults(fault), ends="either")


def _rename(repository: FakeRepository) -> None:
    repository.former_names.add(repository.name)
    for release in repository.releases.values():
        release["upload_url"] = release["upload_url"].replace(repository.name, "someone/renamed")
    repository.name = "someone/renamed"


def _move_tag(repository: FakeRepository) -> None:
    repository.tags[TAG] = "f" * 40


def _delete_tag(repository: FakeRepository) -> None:
    repository.tags.clear()


def _delete_releases(repository: FakeRepository) -> None:
    repository.releases = {number: each for number, each in repository.releases.items() if not each["draft"]}


def _delete_asset(repository: FakeRepository) -> None:
    for release in repository.drafts:
        del release["assets"][:1]


def _draft_by_hand(repository: FakeRepository) -> None:
    repository.add_release(tag=TAG, is_draft=True, body="by hand")


def _restore_tag_and_drafts(repository: FakeRepository) -> None:
    repository.tags = {TAG: COMMIT}
    by_hand = [each["id"] for each in repository.drafts if each["body"] == "by hand"]
    for number in by_hand:
        del repository.releases[number]


def other_cases() -> Iterator[Case]:
    """What other people do at every third request."""
    events: dict[str, Callable[[FakeRepository], None]] = {
        "repository renamed": _rename,
        "tag moved": _move_tag,
        "tag deleted": _delete_tag,
        "draft deleted": _delete_releases,
        "asset deleted": _delete_asset,
        "draft by hand": _draft_by_hand,
    }
    for name, event in events.items():
        for number in range(1, UNDISTURBED_REQUESTS + 1, 3):
            yield Case(
                name=f"{name} at request {number}",
                group="others",
                arrange=at_request(number, event),
                ends="published" if event is _rename else "either",
                heal=_restore_tag_and_drafts,
            )


CASES: Final = (*fault_cases(), *refusal_cases(), *rights_cases(), *storage_cases(), *other_cases())
