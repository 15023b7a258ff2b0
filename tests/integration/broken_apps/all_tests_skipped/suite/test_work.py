"""Tests that are always skipped."""

import pytest


@pytest.mark.skip(reason="what is broken about this app")
def test_works() -> None:
    """Never runs."""
