"""Every check has a test that shows it failing, which means that the test fails when the checks are disabled."""

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from release_tools.preflight import preflight
from release_tools.verification.checks import CHECKS
from tests.release_tools.verification import checks_disabled

REPOSITORY = Path(__file__).parents[3]

# The checks, and the parts of preflight.
NAMES = {*(check.name for check in CHECKS), *(name for name in vars(preflight) if name.endswith("_problems"))}


@pytest.mark.programs
@pytest.mark.skipif(sys.platform == "win32", reason="most of these tests start scripts, which Windows can't")
def test_marked_tests_fail_when_checks_are_disabled(tmp_path: Path) -> None:
    finished = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-p", checks_disabled.__name__, "-p", "no:cacheprovider"),
            *("-q", "--tb=no", "--color=no", "tests/release_tools"),
        ],
        cwd=REPOSITORY,
        env={**os.environ, checks_disabled.OUTCOMES_VARIABLE: str(tmp_path / "outcomes.json")},
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    outcomes = json.loads((tmp_path / "outcomes.json").read_text(encoding="utf-8"))
    assert set(outcomes) == NAMES, finished.stdout
    assert {name: made for name, made in outcomes.items() if set(made) != {"failed"}} == {}, finished.stdout


def test_edits_of_gates_match_the_library() -> None:
    gates = REPOSITORY / "tests" / "integration"
    edits = [
        (gate.parent.name, edit)
        for gate in sorted(gates.glob("*/*/gate.toml"))
        for edit in tomllib.loads(gate.read_text(encoding="utf-8")).get("edits", ())
        if edit["file"].startswith("release_tools/")
    ]
    assert edits
    assert [name for name, edit in edits if edit["old"] not in (REPOSITORY / edit["file"]).read_text("utf-8")] == []
