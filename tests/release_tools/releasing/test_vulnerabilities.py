import io
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from release_tools.lockfile import LockedPackage, LockFile
from release_tools.releasing.vulnerabilities import (
    DatabaseError,
    Vulnerability,
    ask_database,
    expiry_problems,
    find_vulnerabilities,
    unneeded_entries,
    vulnerability_problems,
)
from release_tools.settings import AllowedVulnerability

TODAY = date(2026, 11, 26)
ADVISORY: dict[str, Any] = {
    "id": "GHSA-aaaa",
    "aliases": ["CVE-2026-1"],
    "summary": "It leaks.",
    "affected": [
        {
            "package": {"name": "Leaky", "ecosystem": "PyPI"},
            "ranges": [
                {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.0"}]},
                {"type": "GIT", "events": [{"fixed": "abcdef"}]},
            ],
        },
        {
            "package": {"name": "other", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"fixed": "9"}]}],
        },
    ],
}


class FakeDatabase:
    """OSV, with the advisories of each package in pages of one."""

    def __init__(self, advisories: Mapping[str, list[dict[str, Any]]]) -> None:
        self.advisories = advisories

    def ask(self, path: str, content: Mapping[str, Any] | None) -> Any:
        if content is None:
            known = [entry for entries in self.advisories.values() for entry in entries]
            return next(entry for entry in known if f"vulns/{entry['id']}" == path)
        return {"results": [self._page(query) for query in content["queries"]]}

    def _page(self, query: Mapping[str, Any]) -> dict[str, Any]:
        assert query["package"]["ecosystem"] == "PyPI"
        entries = self.advisories.get(f"{query['package']['name']} {query['version']}", [])
        number = int(query.get("page_token", "0"))
        page: dict[str, Any] = {"vulns": [{"id": entry["id"]} for entry in entries[number : number + 1]]}
        return page | ({"next_page_token": str(number + 1)} if number + 1 < len(entries) else {})


def lock_of(*versions: str, path: Path = Path("poetry.lock")) -> LockFile:
    packages = tuple(
        LockedPackage(
            name=text.split()[0],
            version=text.split()[1],
            groups=frozenset({"main"}),
            markers=(),
            hashes=(),
            file_names=(),
        )
        for text in versions
    )
    return LockFile(path=path, packages=packages, content_hash="")


def find(advisories: Mapping[str, list[dict[str, Any]]], *versions: str) -> tuple[Vulnerability, ...]:
    return find_vulnerabilities([lock_of(*versions)], FakeDatabase(advisories).ask)


def exception(id_: str, expires: date = TODAY) -> AllowedVulnerability:
    return AllowedVulnerability(id=id_, reason="nobody calls it", expires=expires)


def test_only_the_affected_version_is_named() -> None:
    [found] = find({"leaky 1.0": [ADVISORY]}, "fine 1.0", "leaky 1.0", "leaky 2.0")
    assert (str(found.package), found.ids, found.fixed_in) == ("leaky 1.0", ("CVE-2026-1", "GHSA-aaaa"), ("2.0",))
    [problem] = vulnerability_problems([found], [], TODAY)
    assert "leaky 1.0" in problem.what
    assert "leaky 2.0" in problem.hint


def test_advisories_of_two_databases_are_one_vulnerability() -> None:
    other = {**ADVISORY, "id": "PYSEC-2026-1"}
    assert len(find({"leaky 1.0": [ADVISORY, other]}, "leaky 1.0")) == 1


def test_every_page_is_read() -> None:
    second = {"id": "GHSA-bbbb", "summary": "It crashes."}
    assert len(find({"leaky 1.0": [ADVISORY, second]}, "leaky 1.0")) == 2


def test_withdrawn_advisory_is_ignored() -> None:
    assert find({"leaky 1.0": [{**ADVISORY, "withdrawn": "2026-01-01T00:00:00Z"}]}, "leaky 1.0") == ()


def test_vulnerability_without_a_fix_asks_for_a_replacement() -> None:
    found = find({"leaky 1.0": [{"id": "GHSA-bbbb"}]}, "leaky 1.0")
    [problem] = vulnerability_problems(found, [], TODAY)
    assert "replace leaky" in problem.hint


@pytest.mark.parametrize("id_", ["CVE-2026-1", "GHSA-aaaa"])
def test_exception_holds_to_its_last_day(id_: str) -> None:
    found = find({"leaky 1.0": [ADVISORY]}, "leaky 1.0")
    assert vulnerability_problems(found, [exception(id_)], TODAY) == []
    late = date(2026, 11, 27)
    assert len(vulnerability_problems(found, [exception(id_)], late)) == 1
    [expired] = expiry_problems([exception(id_)], late)
    assert id_ in expired.what
    assert "nobody calls it" in expired.what


def test_exception_for_nothing_is_named() -> None:
    assert unneeded_entries(find({}, "leaky 1.0"), [exception("CVE-2026-1")]) == ["CVE-2026-1"]


@pytest.mark.parametrize("answer", [{}, [], {"results": [{}, {}]}, {"results": [{"vulns": [{}]}]}, "no"])
def test_unknown_answer_is_no_answer(answer: object) -> None:
    with pytest.raises(DatabaseError):
        find_vulnerabilities([lock_of("leaky 1.0")], lambda _path, _content: answer)


@pytest.mark.parametrize(
    "answer",
    [
        urllib.error.URLError("no route"),
        TimeoutError("timed out"),
        urllib.error.HTTPError("https://x", 503, "busy", {}, None),  # type: ignore[arg-type]  # headers
        io.BytesIO(b"<html>please sign in</html>"),
    ],
    ids=["no route", "timeout", "503", "page of a proxy"],
)
def test_network_fault_is_no_answer(answer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer_or_raise(*_args: object, **_options: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(urllib.request, "urlopen", answer_or_raise)
    with pytest.raises(DatabaseError):
        ask_database("querybatch", {"queries": []})
