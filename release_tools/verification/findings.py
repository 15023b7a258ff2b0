"""How a check that looks at many things says what is wrong with some of them."""

from collections.abc import Iterable
from typing import Final

from release_tools.verification.check import CheckFailedError, Subject

SHOWN: Final = 10


def refuse(subject: Subject, check: str, findings: Iterable[str], *, what: str, hint: str) -> None:
    """Raise `CheckFailedError` with the findings, sorted, unless the project's settings allow them all.

    `what` stands before the list.
    """
    left = sorted(finding for finding in findings if not subject.is_allowed(check, finding))
    if left:
        raise CheckFailedError(f"{what}:{listed(left)}", hint)


def listed(items: Iterable[str]) -> str:
    """What follows a colon: one item in its line, several below it, and only the first of them where they are many."""
    found = list(items)
    if len(found) == 1:
        return f" {found[0]}"
    more = [f"and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return "".join(f"\n  - {item}" for item in [*found[:SHOWN], *more])
