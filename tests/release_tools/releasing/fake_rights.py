"""What a token may do at the fake GitHub, and how GitHub refuses the rest.

GitHub refuses a request with 403 and names the permission in a header, or hides from the token that the thing exists:
404. Which of the two depends on the endpoint and the kind of token.
"""

from dataclasses import dataclass, field
from typing import Final, Literal

TokenKind = Literal["workflow", "fine-grained", "classic"]

# A maintainer's token. A workflow's token can never have the right to change workflows, and lacks `administration`.
ALL_RIGHTS: Final = frozenset(
    {
        "actions:read",
        "actions:write",
        "administration:read",
        "attestations:read",
        "contents:read",
        "contents:write",
        "workflows:write",
    }
)
WORKFLOW_RIGHTS: Final = ALL_RIGHTS - {"administration:read", "workflows:write"}

# https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api, cli/cli#9514
_MESSAGES: Final[dict[TokenKind, str]] = {
    "workflow": "Resource not accessible by integration",
    "fine-grained": "Resource not accessible by personal access token",
    "classic": "Must have admin rights to Repository.",
}


@dataclass(kw_only=True)
class FakeToken:
    """A token. Without a right, GitHub answers 403, or 404 where it `hides` things."""

    kind: TokenKind = "workflow"
    rights: set[str] = field(default_factory=lambda: set(WORKFLOW_RIGHTS))
    hides: bool = False

    def refusal(self, right: str) -> tuple[int, str, dict[str, str]] | None:
        """Status, message and headers of GitHub's refusal; None for a token with this right."""
        if right in self.rights:
            return None
        scope, _, level = right.partition(":")
        headers = {"X-Accepted-GitHub-Permissions": f"{scope}={level}"}
        if self.kind == "classic":
            headers = {
                "X-OAuth-Scopes": "read:org",
                "X-Accepted-OAuth-Scopes": "workflow" if scope == "workflows" else "repo",
            }
        return (404, "Not Found", headers) if self.hides else (403, _MESSAGES[self.kind], headers)


def right_of(method: str, path: str) -> str:
    """The right that a request needs. `path` is relative to the repository."""
    if path.startswith("/actions"):
        return "actions:read" if method == "GET" else "actions:write"
    if path == "/immutable-releases":
        return "administration:read"
    if path.startswith("/attestations/"):
        return "attestations:read"
    return "contents:read" if method == "GET" else "contents:write"
