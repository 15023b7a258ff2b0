"""What to do about a request that GitHub refused: by its message and headers, never by a guess.

https://docs.github.com/en/rest/using-the-rest-api/troubleshooting-the-rest-api
"""

import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Final

RESUME: Final = "run the same command again to resume"

REDIRECTS: Final = frozenset({301, 302, 307, 308})

# What GitHub's message says, and the cure. The first match wins.
_CURES: Final[tuple[tuple[str, str], ...]] = (
    ("saml", "authorize the token for the organization: https://github.com/settings/tokens, `Configure SSO`"),
    ("archived", "unarchive the repository: Settings, General, Danger Zone on GitHub"),
    ("ip allow list", "run it from an address that the organization allows, or have its owners add this one"),
    (
        "oauth app access restrictions",
        "have an owner of the organization approve the GitHub CLI, or set GH_TOKEN to a fine-grained token",
    ),
    ("forbids access via", "set GH_TOKEN to a token of a kind and lifetime that the organization allows"),
    ("suspended", "contact GitHub support: https://support.github.com"),
    ("access blocked", "contact GitHub support: https://support.github.com"),
    ("locked for migration", f"wait until the repository is migrated, then {RESUME}"),
    (
        "actions has been disabled|actions is disabled|actions is not enabled|disabled workflow",
        "enable it: Settings, Actions on GitHub; `gh workflow enable` for a single workflow",
    ),
    (
        "rule violations|creations being restricted|must have a valid tag|cannot delete this tag|protected tag",
        "a ruleset forbids it: `gh ruleset list` shows them; an administrator can add a bypass",
    ),
    ("bad credentials", "`gh auth status` shows which token gh uses; log in again with `gh auth login`"),
    ("immutable", "GitHub never changes an immutable release: bump the version and release that"),
    (
        "too large|must be less than|size is too big",
        "GitHub accepts files up to 2 GiB; make the file smaller",
    ),
)


def refusal_hint(status: int, message: str, headers: Mapping[str, str]) -> str:
    """The next step. It names a permission only where GitHub named it. Header names are lower case."""
    return _by_header(headers) or _by_message(message) or _by_status(status, _missing_right(message, headers))


def _by_header(headers: Mapping[str, str]) -> str:
    authorization = re.search(r"url=(\S+)", headers.get("x-github-sso", ""))
    if authorization:
        return f"authorize the token for the organization: {authorization[1]}"
    if "html" in headers.get("content-type", ""):
        return "a proxy answered instead of GitHub: let it pass api.github.com and uploads.github.com"
    return ""


def _by_message(message: str) -> str:
    return next((cure for pattern, cure in _CURES if re.search(pattern, message, re.IGNORECASE)), "")


def _by_status(status: int, right: str) -> str:
    if status in REDIRECTS:
        return "the repository was renamed or transferred: git remote set-url origin NEW-URL"
    if status == HTTPStatus.UNAUTHORIZED:
        return "`gh auth status` shows which token gh uses; log in again with `gh auth login`"
    if status == HTTPStatus.NOT_FOUND:
        hidden = "GitHub also answers 404 for what the token may not see or change"
        return f"{hidden}; {right or '`gh auth status` shows the token, `gh repo view` the repository'}"
    if status == HTTPStatus.FORBIDDEN:
        return right or "`gh auth status` shows the token; GitHub's message says what it lacks"
    return f"fix what GitHub's message names, then {RESUME}"


def _missing_right(message: str, headers: Mapping[str, str]) -> str:
    """How to get the permission that GitHub names in a header; "" where it names none."""
    # Alternatives are separated by semicolons, permissions that are needed together by commas.
    alternatives = [each.strip() for each in headers.get("x-accepted-github-permissions", "").split(";")]
    if "by integration" in message and any(alternatives):
        # No workflow's token may change workflows.
        possible = [each for each in alternatives if "workflows" not in each]
        if not possible:
            cure = "set GH_TOKEN to a fine-grained token that has it"
            return f"this needs {_permissions(alternatives)}, which no workflow's token has: {cure}"
        return f"the job needs `permissions:` {_permissions(possible)} in the workflow"
    if any(alternatives):
        page = "https://github.com/settings/personal-access-tokens"
        return f"this needs the permission {_permissions(alternatives)}: {page}"
    wanted = _scopes(headers.get("x-accepted-oauth-scopes", ""))
    missing = wanted - _scopes(headers.get("x-oauth-scopes", ""))
    if "x-oauth-scopes" in headers and wanted and missing == wanted:
        return f"the token lacks the scope {' or '.join(sorted(missing))}: gh auth refresh --scopes {min(missing)}"
    return ""


def _permissions(alternatives: Sequence[str]) -> str:
    return " or ".join(f"`{each.replace('=', ': ').replace(',', ', ')}`" for each in alternatives)


def _scopes(header: str) -> set[str]:
    return {scope.strip() for scope in header.split(",") if scope.strip()}
