"""What secrets of well-known kinds look like: only forms so particular that third-party code holds none by chance.

Code and documents are full of names and examples of them (`sk-…`, `AKIAIOSFODNN7EXAMPLE`, an empty key block); a real
one has its full length.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# What may stand before it: no letter of the same alphabet, or the head of a string in marshalled code, whose second
# byte, the string's length, can be any (Python/marshal.c, TYPE_SHORT_ASCII and its interned and referenced forms).
_START: Final = rb"(?:(?<![A-Za-z0-9+/_-])|(?<=[zZ\xda\xfa][\x00-\xff]))"


@dataclass(frozen=True, kw_only=True)
class SecretPattern:
    """One kind of secret. One of `texts` stands in each that `pattern` matches."""

    what: str
    texts: tuple[bytes, ...]
    pattern: re.Pattern[bytes]


def _kind(what: str, texts: tuple[bytes, ...], form: bytes) -> SecretPattern:
    return SecretPattern(what=what, texts=texts, pattern=re.compile(_START + form))


SECRET_PATTERNS: Final = (
    SecretPattern(
        what="a private key",
        texts=(b"PRIVATE KEY-----",),
        # Line ends may be written out, as in JSON and in the source of a string; old forms have headers before the key.
        pattern=re.compile(
            rb"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:\\r|\\n|\s)+(?:[\w-]+: [^\r\n]+\s+){0,3}"
            rb"(?:[A-Za-z0-9+/=]|\\r|\\n|\s){100}"
        ),
    ),
    _kind("an access key of AWS", (b"AKIA", b"ASIA"), rb"A[KS]IA(?!.{9}EXAMPLE)[A-Z2-7]{16}(?![A-Z0-9])"),
    _kind("a token of GitHub", (b"ghp_", b"gho_", b"ghs_", b"ghu_"), rb"gh[psou]_[A-Za-z0-9]{36}"),
    _kind("a token of GitHub", (b"github_pat_",), rb"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),
    _kind("a token of Slack", (b"xox",), rb"xox[abeoprs]-\d{10,}-\d{10,}-[A-Za-z0-9-]{20,}"),
    _kind("an API key of Google", (b"AIza",), rb"AIza[A-Za-z0-9_-]{35}"),
    _kind("an API key of a model provider", (b"sk-proj-", b"sk-ant-"), rb"sk-(?:proj|ant)-[A-Za-z0-9_-]{40,}"),
    _kind("a token of PyPI", (b"pypi-AgE",), rb"pypi-AgE[A-Za-z0-9_-]{50,}"),
)

_SECRET_NAME: Final = re.compile(r"TOKEN|SECRET|PASSWORD|PASSWD|KEY|CREDENTIAL|_PAT$", re.IGNORECASE)


def secret_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The variables that are named like secrets, sorted."""
    return tuple(sorted(filter(_SECRET_NAME.search, environment)))
