"""Skipped for good."""

import pytest


@pytest.mark.skip(reason="flaky")
def test_works() -> None:
    """Never."""
