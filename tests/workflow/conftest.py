import pytest

from tests.workflow.mutants import unseen
from tests.workflow.runs import Project


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project for quick runs; each worker has its own."""
    return Project(tmp_path_factory.mktemp("workflow") / "quick")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The mutation score, with what showed each loss, and what act can't show."""
    shown = {
        report.nodeid.partition("[")[2].removesuffix("]"): dict(report.user_properties).get("shown", "NOTHING")
        for outcome in ("passed", "failed")
        for report in terminalreporter.getreports(outcome)
        if isinstance(report, pytest.TestReport) and "test_run_shows_the_loss" in report.nodeid
    }
    if not shown:
        return
    terminalreporter.section("losses that a run shows")
    for name, run in sorted(shown.items()):
        terminalreporter.write_line(f"{name}  ->  {run}")
    terminalreporter.section("what act can't show, compared with unseen.txt")
    for line, reason in sorted(unseen().items()):
        terminalreporter.write_line(f"{line}  ->  {reason}")
    found = sum(run != "NOTHING" for run in shown.values())
    terminalreporter.section("mutation score")
    terminalreporter.write_line(f"{found} of {len(shown)} losses shown by a run: {found / len(shown):.0%}")
