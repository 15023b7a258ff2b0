"""Wine's ntdll has a function that Windows' doesn't."""

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from release_tools.verification.wine import wine_version


def test_wine_is_detected_by_its_version() -> None:
    def get_version() -> bytes:
        return b"8.0 (Debian 8.0~repack-4)"

    library: Any = SimpleNamespace(wine_get_version=get_version)
    assert wine_version(library) == "8.0 (Debian 8.0~repack-4)"


def test_windows_is_not_taken_for_wine() -> None:
    assert wine_version(SimpleNamespace(RtlGetVersion=None)) == ""


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows, the answer depends on the machine")
def test_other_systems_are_not_wine() -> None:
    assert wine_version() == ""
