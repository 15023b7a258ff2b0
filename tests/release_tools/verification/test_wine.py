"""Wine is told from Windows by a function that only Wine's library has."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from release_tools.verification.wine import wine_version


def test_wine_says_its_version() -> None:
    def ask() -> bytes:
        return b"8.0 (Debian 8.0~repack-4)"

    library: Any = SimpleNamespace(wine_get_version=ask)
    assert wine_version(library) == "8.0 (Debian 8.0~repack-4)"


def test_windows_has_no_such_function() -> None:
    assert wine_version(SimpleNamespace(RtlGetVersion=None)) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows the answer depends on the machine")
def test_other_systems_have_no_such_library() -> None:
    assert wine_version() == ""
