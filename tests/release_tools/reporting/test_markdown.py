import html
import re

import pytest
from markdown_it import MarkdownIt

from release_tools.reporting.markdown import code_span, escape_markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "<!-- a comment that hides the rest",
    "</details><img src=x onerror=alert(1)>",
    "![pixel](https://tracker.example/pixel.png)",
    "[click](javascript:alert(1))",
    "[click]: https://evil.example",
    "<https://evil.example>",
    "`code` ``more``",
    "``` a fence",
    "~~~ a fence",
    "**bold** _slanted_ ~~gone~~ __x__ *y*",
    "# heading",
    "> quote",
    "- list",
    "+ list",
    "* list",
    "1. list",
    "12) list",
    "---",
    "===",
    "- [x] done",
    "a | b | c",
    "|---|---|",
    "&lt;b&gt; &amp; &#64;octocat",
    "trailing backslash \\",
    "\\<b>\\</b> \\`x\\`",
    "$x$ $$y$$ and $`z`$",
    "\tindented",
    "Ünïcödé → 日本語 🎉",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_escaped_text_is_shown_verbatim(text: str) -> None:
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(f"- {escape_markdown(text)} (`1a2b3c4`)")
    assert [token.type for token in tokens] == [
        "bullet_list_open",
        "list_item_open",
        "paragraph_open",
        "inline",
        "paragraph_close",
        "list_item_close",
        "bullet_list_close",
    ]
    inside = tokens[3].children or []
    assert {token.type for token in inside} <= {"text", "text_special", "code_inline"}
    assert [token.content for token in inside if token.type == "code_inline"] == ["1a2b3c4"]
    shown = "".join(token.content for token in inside).replace("\u200b", "")
    assert shown == f"{text.strip()} (1a2b3c4)"


@pytest.mark.parametrize(
    ("text", "autolink"),
    [
        ("thanks @octocat and (@some-org/team)", r"@[\w-]"),
        ("see https://evil.example/x and HTTP://evil.example", r"://"),
        ("see www.evil.example", r"www\."),
        ("mail a@b.example", r"\w@\w"),
        ("owner/repository#1", r"\w#\d"),
        ("like GH-3 and gh-4", r"(?i)gh-\d"),
        ("reverts 1a2b3c4 and owner/repository@1a2b3c4d5e6f708192a3b4c5d6e7f80910111213", r"[0-9a-f]{7}"),
        ("ship :rocket: and :+1:, not std::vector::size", r":[\w+-]+:"),
    ],
)
def test_autolinks_and_mentions_are_broken(text: str, autolink: str) -> None:
    shown = html.unescape(escape_markdown(text))
    assert re.search(autolink, shown) is None
    assert shown.replace("\u200b", "") == text


def test_issue_number_stays_a_link() -> None:
    assert escape_markdown("greet twice (#12)") == "greet twice (#12)"


def test_control_and_invisible_characters_become_spaces() -> None:
    assert escape_markdown("a\r\n\n# b\x00\x1b[31m c\u202e d\u200b") == "a # b \\[31m c d"


def test_long_text_is_cut_before_it_is_escaped() -> None:
    assert escape_markdown("*" * 400, limit=5) == "\\*" * 4 + "…"


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("<script>alert(1)</script>", "`<script>alert(1)</script>`"),
        ("thanks @everyone", "`thanks @everyone`"),
        ("a `tick` inside", "``a `tick` inside``"),
        ("``", "``` `` ```"),
        ("ends in a backslash \\", "`ends in a backslash \\`"),
        ("a | b", "<code>a &#124; b</code>"),
        ("\\| <b>", "<code>&#92;&#124; &#60;b&#62;</code>"),
        ("one\r\x1b[31m\u2028two", "`one [31m two`"),
        ("", ""),
    ],
)
def test_code_span_holds_any_text(text: str, span: str) -> None:
    assert code_span(text) == span
