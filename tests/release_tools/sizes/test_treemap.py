import html.parser
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from release_tools.sizes.contents import Contents
from release_tools.sizes.treemap import treemap_html
from tests.release_tools.sizes.samples import make_contents


@pytest.fixture
def contents(tmp_path: Path) -> Contents:
    return make_contents(tmp_path)


def tree_in(text: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert match
    tree: dict[str, Any] = json.loads(match[1])
    return tree


def leaves(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if "c" not in node:
        yield node
    for child in node.get("c", ()):
        yield from leaves(child)


def test_areas_add_up_to_the_executable(contents: Contents) -> None:
    tree = tree_in(treemap_html(contents, None))
    assert sum(leaf["p"] for leaf in leaves(tree)) == contents.executable_bytes
    assert {node["n"] for node in tree["c"]} >= {"one", "two"}


def test_package_has_its_own_code_beside_its_modules(contents: Contents) -> None:
    (one,) = [node for node in tree_in(treemap_html(contents, None))["c"] if node["n"] == "one"]
    (package,) = [node for node in one["c"] if node["n"] == "one"]
    assert {leaf["n"] for leaf in leaves(package)} == {"__init__", "cli", "_fast.so", "words.txt"}


def test_nothing_is_loaded(contents: Contents) -> None:
    text = treemap_html(contents, None)
    assert "default-src 'none'" in text
    assert not re.findall(r"""(?:src|href)=|url\(|@import|https?:""", text)


def test_names_are_not_markup(contents: Contents) -> None:
    evil = "</script><img onerror=alert(1)>"
    part = replace(contents.parts[0], path=evil, owner=evil)
    text = treemap_html(replace(contents, parts=(part,), archive=f"{evil}.tar.gz"), None)
    assert "<img" not in text
    assert next(leaf["n"] for leaf in leaves(tree_in(text))).endswith("script><img onerror=alert(1)>")


def test_document_is_complete_and_balanced(contents: Contents) -> None:
    opened: list[str] = []

    class Parser(html.parser.HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            del attrs
            if tag not in {"meta", "input"}:
                opened.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert opened.pop() == tag

    text = treemap_html(contents, contents)
    Parser().feed(text)
    assert opened == []
    assert "<!-- " not in text
    assert "/* DATA */" not in text


def test_tables_have_the_same_figures(contents: Contents) -> None:
    text = treemap_html(contents, None)
    assert re.search(r'<th scope="row">one/_fast\.so</th><td>1</td><td>10,000</td>', text)
    assert ">change<" not in text
    assert ">change<" in treemap_html(contents, contents)
