"""Black-box tests of the executable named by HEALTHY_BINARY."""

import os
import subprocess

import pytest

ANSWERS = {
    "plugins": "healthy_plugins.blue, healthy_plugins.red, zope.event",
    "entry-points": "folders, formal: Good day to you ✓",
    "data": "Hello from a data file",
    "metadata": "zope-event, platformdirs",
    "workers": "[0, 1, 4, 9, 16]",
    "children": "children get the original environment",
    "zones": "2026-07-01T14:00:00+02:00",
    "tls": "CERT_REQUIRED",
    "locale": "UTF-8",
    "restarted": "again",
}


@pytest.mark.parametrize("command", ANSWERS)
def test_command_prints_the_expected_line(command: str) -> None:
    finished = subprocess.run(
        [os.environ["HEALTHY_BINARY"], command], capture_output=True, encoding="utf-8", timeout=60, check=False
    )
    assert (finished.stdout.strip(), finished.returncode) == (ANSWERS[command], 0), finished.stderr
