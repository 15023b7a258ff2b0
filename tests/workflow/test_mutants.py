"""Nothing of the release workflow can be lost unnoticed: a run ends differently, or a comparison finds it."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.workflow.mutants import Mutant, mutants, unseen
from tests.workflow.runs import Project

UNSEEN = Path(__file__).with_name("unseen.txt")

pytestmark = pytest.mark.workflow


@pytest.mark.skipif(sys.platform != "linux", reason="act runs jobs without a container on Linux only")
@pytest.mark.parametrize("mutant", [pytest.param(mutant, id=mutant.name) for mutant in mutants()])
def test_run_shows_the_loss(mutant: Mutant, project: Project, record_property: Callable[[str, object], None]) -> None:
    changes = {mutant.path: mutant.text}
    for scenario, expected in mutant.runs:
        differences = expected.differences(project.run(scenario, changes))
        if differences:
            record_property("shown", f"{scenario.name}: {', '.join(differences)}")
            return
    pytest.fail("every run ends as if nothing were lost")


def test_what_no_run_shows_is_as_reviewed() -> None:
    """Put the lines of an intended change into the file."""
    assert sorted(unseen()) == UNSEEN.read_text(encoding="utf-8").splitlines()
