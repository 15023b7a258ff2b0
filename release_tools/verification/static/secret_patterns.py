"""Patterns of well-known kinds of secrets, strict enough not to match third-party code by chance.

Code and docs are full of examples (`sk-…`, `AKIAIOSFODNN7EXAMPLE`, an empty key block); a real secret has its full
length.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# Not preceded by a character of the same alphabet, except for a string's header in marshalled code, whose second byte,
# the length, can be anything (Python/marshal.c, TYPE_SHORT_ASCII and its interned and referenced forms).
_START: Final = rb"(?:(?<![A-Za-z0-9+/_-])|(?<=[zZ\xda\xfa][\x00-\xff]))"


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Something that must not be in the executable: one of `texts`, where `pattern` matches if there is one.

    Every match of `pattern` contains one of `texts`, which are much faster to search for. A mark that `is_of_machine`
    is searched for only in what was built or chosen here: the locked files of other distributions are the same for
    everyone, and contain it by chance only.
    """

    what: str
    texts: tuple[bytes, ...]
    pattern: re.Pattern[bytes] | None = None
    is_of_machine: bool = False

    def is_in(self, content: bytes) -> bool:
        return any(text in content for text in self.texts) and (
            self.pattern is None or self.pattern.search(content) is not None
        )


def _token(what: str, texts: tuple[bytes, ...], pattern: bytes) -> Mark:
    return Mark(what=what, texts=texts, pattern=re.compile(_START + pattern))


SECRET_PATTERNS: Final = (
    Mark(
        what="a private key",
        texts=(b"PRIVATE KEY-----",),
        # Line ends may be escaped, as in JSON and string literals; old formats have headers before the key.
        pattern=re.compile(
            rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\\r|\\n|\s)+(?:[\w-]+: [^\r\n]+\s+){0,3}"
            rb"(?:[A-Za-z0-9+/=]|\\r|\\n|\s){100}"
        ),
    ),
    _token("an AWS access key", (b"AKIA", b"ASIA"), rb"A[KS]IA(?!.{9}EXAMPLE)[A-Z2-7]{16}(?![A-Z0-9])"),
    _token("a GitHub token", (b"ghp_", b"gho_", b"ghs_", b"ghu_"), rb"gh[psou]_[A-Za-z0-9]{36}"),
    _token("a GitHub token", (b"github_pat_",), rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _token("a Slack token", (b"xox",), rb"xox[abeoprs]-\d{10,}-\d{10,}-[A-Za-z0-9-]{20,}"),
    _token("a Google API key", (b"AIza",), rb"AIza[A-Za-z0-9_-]{35}"),
    _token("a model provider's API key", (b"sk-proj-", b"sk-ant-"), rb"sk-(?:proj|ant)-[A-Za-z0-9_-]{40,}"),
    _token("a PyPI token", (b"pypi-AgE",), rb"pypi-AgE[A-Za-z0-9_-]{50,}"),
)

_SECRET_NAME: Final = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|KEY|CREDENTIAL|_PAT$", re.IGNORECASE)


def secret_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The names of variables that probably hold secrets, sorted."""
    return tuple(sorted(filter(_SECRET_NAME.search, environment)))
