"""Known vulnerabilities of locked packages, from the OSV database, which has the advisories of GitHub and of PyPA.

`invoke check` asks it. Without a connection nothing is known, and nothing fails: the check says that it was skipped.
"""

import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final
from urllib.parse import quote

from release_tools.errors import Problem, place_of_lock
from release_tools.lockfile import LockFile
from release_tools.settings import AllowedVulnerability

# https://google.github.io/osv.dev/api/
DATABASE: Final = "https://api.osv.dev/v1/"
_TIMEOUT_SECONDS: Final = 20.0
# The database's own limit is 1,000.
_QUERIES_AT_ONCE: Final = 500

# Sends a request to a path of the database: GET, or POST with content. Returns the JSON of the response.
Ask = Callable[[str, Mapping[str, object] | None], Any]


class DatabaseError(Exception):
    """The database wasn't reached, or its answer can't be read. The text is the reason."""


@dataclass(frozen=True, kw_only=True)
class LockedVersion:
    """A version in a lock, which may be in several."""

    name: str
    version: str
    lock: LockFile

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@dataclass(frozen=True, kw_only=True)
class Vulnerability:
    """A known vulnerability of a locked version. `ids` are all its names, the most common one first.

    `fixed_in` is empty if no release fixes it.
    """

    package: LockedVersion
    ids: tuple[str, ...]
    summary: str
    fixed_in: tuple[str, ...]


def ask_database(path: str, content: Mapping[str, object] | None) -> Any:
    """Ask the OSV database. Raises `DatabaseError`."""
    data = None if content is None else json.dumps(content).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "release-tools"}
    request = urllib.request.Request(DATABASE + path, data=data, headers=headers)  # noqa: S310 - a constant https URL
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS) as response:  # noqa: S310
            return json.load(response)
    except (OSError, urllib.error.URLError, ssl.SSLError) as error:
        raise DatabaseError(f"no answer from {DATABASE}: {getattr(error, 'reason', None) or error}") from None
    except (ValueError, RecursionError):
        raise DatabaseError(f"{DATABASE} didn't answer with JSON") from None


def find_vulnerabilities(locks: Iterable[LockFile], ask: Ask) -> tuple[Vulnerability, ...]:
    """The known vulnerabilities of every version in the locks, except for withdrawn ones. Raises `DatabaseError`."""
    versions = {
        (package.name, package.version): LockedVersion(name=package.name, version=package.version, lock=lock)
        for lock in locks
        for package in lock.packages
    }
    try:
        ids = _affecting_ids(list(versions.values()), ask)
        advisories = {each: ask(f"vulns/{quote(each)}", None) for each in sorted({id_ for _, id_ in ids})}
        found = [_vulnerability(version, advisories[id_]) for version, id_ in ids if not _is_withdrawn(advisories[id_])]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise DatabaseError(f"{DATABASE} answered in an unknown form ({error!r})") from None
    return tuple(_without_aliases(found))


def vulnerability_problems(
    found: Sequence[Vulnerability], allowed: Sequence[AllowedVulnerability], today: date
) -> list[Problem]:
    """Every vulnerability that isn't allowed."""
    current = {entry.id for entry in allowed if entry.expires >= today}
    return [_problem(each) for each in found if not current.intersection(each.ids)]


def expiry_problems(allowed: Sequence[AllowedVulnerability], today: date) -> list[Problem]:
    """Every entry of `allowed-vulnerabilities` that has expired. It takes no database to know."""
    return [
        Problem(
            what=f"the exception for {entry.id} expired on {entry.expires}; it was made because {entry.reason}",
            hint="update the package and delete the entry of `allowed-vulnerabilities`, or review and renew it",
        )
        for entry in allowed
        if entry.expires < today
    ]


def unneeded_entries(found: Sequence[Vulnerability], allowed: Sequence[AllowedVulnerability]) -> list[str]:
    """The IDs in `allowed-vulnerabilities` that no locked version has any more."""
    known = {id_ for each in found for id_ in each.ids}
    return [entry.id for entry in allowed if entry.id not in known]


def _affecting_ids(versions: Sequence[LockedVersion], ask: Ask) -> list[tuple[LockedVersion, str]]:
    """Versions with the IDs of their vulnerabilities. A long list comes in pages."""
    waiting = [(version, "") for version in versions]
    found = []
    while waiting:
        batch, waiting = waiting[:_QUERIES_AT_ONCE], waiting[_QUERIES_AT_ONCE:]
        results = ask("querybatch", {"queries": [_query(version, token) for version, token in batch]})["results"]
        for (version, _), result in zip(batch, results, strict=True):
            found += [(version, str(entry["id"])) for entry in result.get("vulns", ())]
            waiting += [(version, result["next_page_token"])] if result.get("next_page_token") else []
    return found


def _query(version: LockedVersion, token: str) -> dict[str, object]:
    query: dict[str, object] = {"package": {"name": version.name, "ecosystem": "PyPI"}, "version": version.version}
    return query | ({"page_token": token} if token else {})


def _is_withdrawn(advisory: Mapping[str, Any]) -> bool:
    return bool(advisory.get("withdrawn"))


def _vulnerability(package: LockedVersion, advisory: Mapping[str, Any]) -> Vulnerability:
    ids = {str(advisory["id"]), *map(str, advisory.get("aliases", ()))}
    fixed = {
        str(event["fixed"])
        for affected in advisory.get("affected", ())
        if affected.get("package", {}).get("name", "").lower() == package.name
        for ranged in affected.get("ranges", ())
        if ranged.get("type") == "ECOSYSTEM"
        for event in ranged.get("events", ())
        if "fixed" in event
    }
    return Vulnerability(
        package=package,
        # CVE numbers are known best.
        ids=tuple(sorted(ids, key=lambda id_: (not id_.startswith("CVE-"), id_))),
        summary=str(advisory.get("summary") or "no summary"),
        fixed_in=tuple(sorted(fixed)),
    )


def _without_aliases(found: Iterable[Vulnerability]) -> Iterable[Vulnerability]:
    """One of several advisories for the same vulnerability of a package; the databases refer to each other."""
    seen: dict[str, set[str]] = {}
    for each in found:
        known = seen.setdefault(str(each.package), set())
        if not known.intersection(each.ids):
            yield each
        known.update(each.ids)


def _problem(found: Vulnerability) -> Problem:
    folder, command = place_of_lock(found.package.lock.path)
    others = f" ({', '.join(found.ids[1:])})" if found.ids[1:] else ""
    what = f"{folder}poetry.lock: {found.package} has {found.ids[0]}{others}: {found.summary}"
    entry = f'{{id = "{found.ids[0]}", reason = "…", expires = YYYY-MM-DD}}'
    allow = f"allow it for a while: allowed-vulnerabilities = [{entry}]"
    if not found.fixed_in:
        return Problem(what=what, hint=f"no release fixes it; replace {found.package.name}, or {allow}")
    fixed = " or ".join(found.fixed_in)
    return Problem(what=what, hint=f"require {found.package.name} {fixed} or later, and run: {command}; or {allow}")


def ids_of(entries: Collection[AllowedVulnerability]) -> str:
    """The entries in one line, with their dates."""
    return ", ".join(f"{entry.id} until {entry.expires}" for entry in entries)
