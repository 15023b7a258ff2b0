"""The treemap of an executable: one HTML file that loads nothing."""

import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from release_tools.sizes.contents import (
    KINDS,
    START,
    UNATTRIBUTED,
    Contents,
    Part,
    Total,
    totals_by_owner,
    totals_by_part,
    unattributed_total,
)

_TEMPLATE: Final = Path(__file__).with_name("treemap.html")
_SHOWN_PARTS: Final = 100


def treemap_html(contents: Contents, before: Contents | None) -> str:
    """The text of the file, with the same figures as tables."""
    owners = totals_by_owner(contents, before)
    rest = unattributed_total(contents, before)
    values = {
        "TITLE": html.escape(f"What is in {contents.archive}"),
        "FACTS": html.escape(
            f"{contents.executable_bytes:,} bytes in the executable, {contents.archive_bytes:,} bytes to download, "
            f"{len(contents.parts):,} modules and files"
            + (f"; compared to {before.executable_bytes:,} bytes in the last build" if before else "")
        ),
        "OWNERS": _table("Distributions", [*owners, rest], contents.executable_bytes),
        "PARTS": _table(
            "Largest modules and files", totals_by_part(contents, before)[:_SHOWN_PARTS], contents.executable_bytes
        ),
        # No text in it can end the script element.
        "DATA": json.dumps(_tree(contents), separators=(",", ":"), sort_keys=True).replace("<", "\\u003c"),
    }
    text = _TEMPLATE.read_text(encoding="utf-8")
    for name, value in values.items():
        text = text.replace(f"/* {name} */" if name == "DATA" else f"<!-- {name} -->", value)
    return text


class _Node:
    """A distribution, folder or package, with what is below it; `part` is its own code or content."""

    def __init__(self) -> None:
        self.part: Part | None = None
        self.children: dict[str, _Node] = {}

    def add(self, names: Sequence[str], part: Part) -> None:
        node = self
        for name in names:
            node = node.children.setdefault(name, _Node())
        node.part = part

    def as_json(self, name: str) -> dict[str, Any]:
        if self.part and not self.children:
            return {"n": name, "p": self.part.packed, "r": self.part.raw, "k": KINDS.index(self.part.kind)}
        children = [child.as_json(child_name) for child_name, child in self.children.items()]
        if self.part:
            own = _Node()
            own.part = self.part
            children.append(own.as_json("__init__"))
        if len(children) == 1 and "c" in children[0]:
            return {"n": f"{name}/{children[0]['n']}", "c": children[0]["c"]}
        return {"n": name, "c": children}


def _tree(contents: Contents) -> dict[str, Any]:
    """Nested nodes: `n` is the name, `c` the children, and of a leaf `p` and `r` the bytes and `k` the kind's number.

    What isn't attributed is a node too, so that the areas add up to the executable.
    """
    root = _Node()
    for part in contents.parts:
        root.add([part.owner, *part.path.split("/")], part)
    tree = root.as_json(contents.archive)
    for owner in tree["c"]:
        # Most distributions have one package, with the same name.
        owner["n"] = owner["n"].partition("/")[0]
    rest = contents.unattributed
    return {**tree, "c": [*tree["c"], {"n": UNATTRIBUTED, "p": rest, "r": rest, "k": KINDS.index(START)}]}


def _table(caption: str, totals: Sequence[Total], whole: int) -> str:
    has_changes = any(one.change is not None for one in totals)
    headings = ["name", "files", "raw bytes", "bytes in the executable", "share", *(["change"] if has_changes else [])]
    head = "".join(f'<th scope="col">{heading}</th>' for heading in headings)
    rows = "".join(_table_row(one, whole, has_changes=has_changes) for one in totals)
    return f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"


def _table_row(one: Total, whole: int, *, has_changes: bool) -> str:
    cells = [
        f"{one.count:,}" if one.count else "",
        f"{one.raw:,}",
        f"{one.packed:,}",
        f"{100 * one.packed / whole:.1f}%",
    ]
    cells += [f"{one.change:+,}" if one.change else ""] if has_changes else []
    return f'<tr><th scope="row">{html.escape(one.name)}</th>{"".join(f"<td>{cell}</td>" for cell in cells)}</tr>'
