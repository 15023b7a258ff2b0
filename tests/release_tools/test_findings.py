import tomllib
from pathlib import Path

import pytest

from release_tools.findings import Finding, allowance, is_match, lines_of, list_setting, missing_in, stable_text

OWNER = "sqlglot 27.1"
DIALECTS = [Finding(text=f"module sqlglot.dialects.d{number}", owner=OWNER) for number in range(27)]
ALONE = Finding(text="module yaml", owner="PyYAML 6.0")


@pytest.mark.parametrize(
    ("pattern", "finding", "is_matched"),
    [
        ("lib/a.so", "lib/a.so", True),
        ("lib/*", "lib/a.so", True),
        ("*", "anything", True),
        ("lib/a.s?", "lib/a.so", False),
        ("lib/a[.]so", "lib/a.so", False),
        ("a.so", "lib/a.so", False),
        ("lib/*.so", "lib/a.so.1", False),
    ],
)
def test_only_the_star_is_special(pattern: str, finding: str, is_matched: bool) -> None:
    assert is_match(pattern, finding) == is_matched


@pytest.mark.parametrize(
    "text", ["no *", "/b/env/lib/python3.13/site-packages/x/_n.so lacks _MEIabc/y", "[PYI-1:ERROR]\nfailed", "12 s"]
)
def test_stable_text_matches_itself(text: str) -> None:
    stable = stable_text(text)
    assert stable_text(stable) == stable
    assert is_match(stable, stable)


def test_folders_of_the_machine_are_left_out() -> None:
    text = "in /home/me/app/build/verify/x and /home/me/app, C:\\\\Users\\\\me, 'lib/site-packages/a/b.so'"
    folders = [Path("/home/me/app"), Path("/home/me/app/build/verify")]
    assert stable_text(text, folders, ["C:\\\\Users\\\\me"]) == "in */x and *, *, 'a/b.so'"


def test_many_findings_of_one_distribution_are_one_line() -> None:
    first, last = lines_of([*DIALECTS, ALONE])
    assert first == f"{OWNER}: 27 modules, first: module sqlglot.dialects.d0"
    assert last == "module yaml"


def test_findings_with_one_error_are_one_line() -> None:
    error = "ModuleNotFoundError: No module named 'x'"
    alike = [Finding(text=f"m{number}", detail=error, owner=f"o{number}") for number in range(5)]
    assert lines_of(alike) == [f"m0, m1, m2 and 2 more: {error}"]


def test_pasted_entries_allow_exactly_the_findings() -> None:
    odd = Finding(text='file "a\\b" \x7f')
    found = tomllib.loads(allowance("import audit", [*DIALECTS, ALONE, odd]))
    entries = found["tool"]["release-tools"]["allowed-findings"]
    assert [(entry["check"], set(entry)) for entry in entries] == [("import audit", {"check", "finding", "reason"})] * 3
    patterns = [entry["finding"] for entry in entries]
    assert patterns == ["module sqlglot.dialects.d*", "module yaml", odd.text]
    assert all(any(is_match(pattern, finding.text) for pattern in patterns) for finding in [*DIALECTS, ALONE, odd])


def test_ten_entries_are_enough_to_paste() -> None:
    block = allowance("leaks", [Finding(text=f"file {number}") for number in range(25)])
    assert len(tomllib.loads(block)["tool"]["release-tools"]["allowed-findings"]) == 10
    assert "and 15 more" in block


def test_setting_keeps_what_it_has() -> None:
    assert list_setting("whole-distributions", ["b", "a"], ["c", "a"]) == 'whole-distributions = ["b", "a", "c"]'


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("cli: ModuleNotFoundError: No module named 'a.b'", ["module a.b"]),
        ('Hidden import "a.b" not found!', ["module a.b"]),
        ("project files missing:\nmodule a.b\nfile a/c.txt: needed by test_it", ["file a/c.txt", "module a.b"]),
        ("[Errno 2] No such file or directory: '/tmp/_MEIa1b2/a/c.txt'", ["file a/c.txt"]),
        ("No such file or directory: 'C:\\\\Temp\\\\_MEI42\\\\a\\\\c.txt'", ["file a/c.txt"]),
        ("No such file or directory: '/home/me/c.txt'", []),
        ("a/_native.so needs libb.so.1", ["library libb.so.1"]),
        ("Library not found: could not resolve 'libb.so.1', dependency of 'a/_native.so'.", ["library libb.so.1"]),
        ("module a.b contains a secret", []),
    ],
)
def test_missing_things_are_recognized(text: str, missing: list[str]) -> None:
    assert missing_in(text) == missing
