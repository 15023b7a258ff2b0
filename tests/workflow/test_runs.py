"""The release workflow, run by the real `act`."""

import sys

import pytest

from tests.workflow.runs import Outcome, Project, Scenario
from tests.workflow.scenarios import SCENARIOS, TAG_PUSH

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif(sys.platform != "linux", reason="act runs jobs without a container on Linux only"),
]


@pytest.mark.parametrize(("scenario", "expected"), SCENARIOS, ids=lambda value: getattr(value, "name", ""))
def test_run_leaves_what_it_must(scenario: Scenario, expected: Outcome, project: Project) -> None:
    outcome = project.run(scenario)
    assert outcome == expected, outcome.log


def test_release_with_the_locked_programs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """uv, Nox and Invoke as a job on GitHub gets them: installed from the lock by its own steps."""
    scenario, expected = TAG_PUSH
    outcome = Project(tmp_path_factory.mktemp("workflow") / "locked", is_quick=False).run(scenario)
    assert outcome == expected, outcome.log
