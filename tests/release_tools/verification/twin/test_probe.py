"""The probe twin is the executable but for its main script, and answers what it is asked."""

import dataclasses

import pytest

from release_tools.settings import ReleaseSettings
from release_tools.verification.check import CheckFailedError, VerificationContext
from release_tools.verification.twin.probe import ask, check_equality
from tests.release_tools.verification.twin.contexts import make_twin, write_bundle, write_script

MODULES = {"app/": "", "app.cli": "import app"}


def with_twin(settings: ReleaseSettings, **differences: str) -> VerificationContext:
    context = make_twin(settings, modules=MODULES)
    twin = settings.root / "probe"
    twin.unlink()
    modules = {**MODULES, "app.cli": differences.pop("cli", "import app")}
    write_bundle(twin, modules, script="import probing", **differences)
    return dataclasses.replace(context, evidence=dataclasses.replace(context.build, probe=twin))


def test_a_twin_with_another_main_script_and_nothing_else_is_equal(settings: ReleaseSettings) -> None:
    assert check_equality(with_twin(settings)) == "2 members equal"


@pytest.mark.parametrize(
    ("differences", "named"),
    [({"data": "other"}, "data.txt"), ({"cli": "import sys"}, "PYZ.pyz"), ({"option": "X dev"}, "run-time options")],
)
@pytest.mark.shows_failing("probe twin")
def test_anything_else_that_differs_is_named(
    settings: ReleaseSettings, differences: dict[str, str], named: str
) -> None:
    with pytest.raises(CheckFailedError, match=f"differ in: {named}"):
        check_equality(with_twin(settings, **differences))


@pytest.mark.programs
def test_a_probe_that_gives_no_answer_is_told_with_what_it_printed(settings: ReleaseSettings) -> None:
    context = make_twin(settings, "raise SystemExit('no way')")
    with pytest.raises(CheckFailedError, match=r"inside the frozen program, .* exit code 1 and printed:\nno way"):
        ask(context, "time_zones", "Europe/Berlin")


@pytest.mark.programs
def test_a_probe_that_hangs_is_ended_and_told(settings: ReleaseSettings) -> None:
    context = make_twin(settings)
    write_script(settings.root / "probe", "import threading; threading.Event().wait()")
    with pytest.raises(CheckFailedError, match="still running after"):
        ask(context, "time_zones", "Europe/Berlin", timeout_seconds=1)
