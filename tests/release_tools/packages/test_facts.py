"""What packages say about an app, from its pyproject.toml."""

from dataclasses import replace
from typing import Any

import pytest

from release_tools.errors import RequestError
from release_tools.packages.facts import PackageFacts, one_line, read_facts
from release_tools.settings import ReleaseSettings

GITHUB = "https://github.com/octo/tiny"
PROJECT = {
    "description": "Does  a\n tiny thing",
    "license": "MIT",
    "authors": [{"name": "Octo", "email": "octo@example.com"}],
    "urls": {"Home-Page": "https://tiny.example.com"},
}


def read(settings: ReleaseSettings, project: dict[str, Any], url: str | None = GITHUB) -> PackageFacts:
    known = settings.pyproject["project"]
    changed = replace(settings, pyproject={"project": {**known, **project}})
    return read_facts(changed, "tiny-v1.2.3", (), url)


def test_facts_come_from_the_project_table(settings: ReleaseSettings) -> None:
    facts = read(settings, PROJECT)
    assert facts.description == "Does a tiny thing"
    assert facts.homepage == "https://tiny.example.com"
    assert facts.maintainer == "Octo <octo@example.com>"


@pytest.mark.parametrize("name", ["Homepage", "home_page", "Documentation", "Source Code", "Funding"])
def test_page_is_found_by_its_usual_names(settings: ReleaseSettings, name: str) -> None:
    expected = GITHUB if name == "Funding" else "https://tiny.example.com"
    assert read(settings, {**PROJECT, "urls": {name: "https://tiny.example.com"}}).homepage == expected


def test_address_defaults_to_githubs_own(settings: ReleaseSettings) -> None:
    facts = read(settings, {**PROJECT, "authors": [{"name": "Octo, Inc. (us)"}]})
    assert facts.maintainer == "Octo Inc. us <octo@users.noreply.github.com>"


def test_maintainers_come_before_authors(settings: ReleaseSettings) -> None:
    facts = read(settings, {**PROJECT, "maintainers": [{"name": "Ada", "email": "ada@example.com"}]})
    assert facts.maintainer == "Ada <ada@example.com>"


def test_poetrys_own_form_of_people_and_license_works(settings: ReleaseSettings) -> None:
    project = {**PROJECT, "authors": ["Ada Lovelace <ada@example.com>"], "license": {"text": "BSD-3-Clause"}}
    facts = read(settings, project)
    assert (facts.publisher, facts.license) == ("Ada Lovelace", "BSD-3-Clause")


def test_everything_missing_is_listed_at_once(settings: ReleaseSettings) -> None:
    with pytest.raises(RequestError) as caught:
        read(settings, {}, url=None)
    assert len(caught.value.problems) == 5


def test_license_text_is_not_an_identifier(settings: ReleaseSettings) -> None:
    with pytest.raises(RequestError):
        read(settings, {**PROJECT, "license": {"text": "Permission is hereby granted " * 9}})


def test_long_line_is_cut_after_a_word() -> None:
    assert one_line("one two, three four", 12) == "one two…"
    assert one_line("one two.", 12) == "one two"
