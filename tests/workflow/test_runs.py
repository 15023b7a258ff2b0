"""The release workflow, run by the real `act`."""

import os
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


@pytest.mark.skipif(not os.environ.get("WORKFLOW_REAL_BUILD"), reason="set WORKFLOW_REAL_BUILD=1 to build for minutes")
@pytest.mark.timeout(3600)
def test_release_with_a_real_build(tmp_path_factory: pytest.TempPathFactory) -> None:
    """linux-amd64 is frozen and verified; the other platforms are stand-ins."""
    scenario, expected = TAG_PUSH
    folder = tmp_path_factory.mktemp("workflow") / "real"
    outcome = Project(folder, is_quick=False, real_platform="linux-amd64").run(scenario)
    assert outcome == expected, outcome.log
