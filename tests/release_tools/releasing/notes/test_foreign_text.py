import html
import re

import pytest
from markdown_it import MarkdownIt

from release_tools.releasing.notes.foreign_text import first_line, plain_markdown, printable, quoted

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
def test_whatever_a_subject_holds_is_shown_as_text_and_nothing_else(text: str) -> None:
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(f"- {plain_markdown(text)} (`1a2b3c4`)")
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
    ("text", "made_by_github"),
    [
        ("thanks @octocat and (@some-org/team)", r"@[\w-]"),
        ("see https://evil.example/x and HTTP://evil.example", r"://"),
        ("see www.evil.example", r"www\."),
        ("mail a@b.example", r"\w@\w"),
        ("owner/repository#1", r"\w#\d"),
    ],
)
def test_what_github_makes_links_and_mentions_of_by_itself_is_taken_apart(text: str, made_by_github: str) -> None:
    shown = html.unescape(plain_markdown(text))
    assert re.search(made_by_github, shown) is None
    assert shown.replace("\u200b", "") == text


def test_the_number_of_an_issue_of_the_same_repository_stays_a_link() -> None:
    assert plain_markdown("greet twice (#12)") == "greet twice (#12)"


def test_lines_controls_and_invisible_characters_become_one_line() -> None:
    assert plain_markdown("a\r\n\n# b\x00\x1b[31m c\u202e d\u200b") == "a # b \\[31m c d"
    assert printable("a\nb\x1b]0;t\x07\u202e\x9b") == "a�b�]0;t���"


def test_text_of_any_length_is_cut_before_it_is_escaped() -> None:
    assert plain_markdown("*" * 400, limit=5) == "\\*" * 4 + "…"
    assert printable("x" * 400, limit=5) == "xxxx…"


def test_the_first_line_that_says_something_is_found() -> None:
    assert first_line("\n\n  fatal: \x1b[1mno\n more") == "fatal: �[1mno"
    assert first_line("\n") == ""


def test_a_name_in_a_command_to_paste_is_one_word() -> None:
    assert quoted("main") == "main"
    assert quoted("a;$(b)`c`'d'") == """'a;$(b)`c`'"'"'d'"'"''"""
