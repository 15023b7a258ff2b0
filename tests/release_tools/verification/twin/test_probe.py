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


def test_twin_may_have_another_main_script(settings: ReleaseSettings) -> None:
    assert check_equality(with_twin(settings)) == "2 members equal"


@pytest.mark.parametrize(
    ("differences", "finding"),
    [({"data": "other"}, "data.txt"), ({"cli": "import sys"}, "PYZ.pyz"), ({"option": "X dev"}, "run-time options")],
)
@pytest.mark.shows_failing("probe twin")
def test_other_differences_of_the_twin_are_found(
    settings: ReleaseSettings, differences: dict[str, str], finding: str
) -> None:
    with pytest.raises(CheckFailedError) as caught:
        check_equality(with_twin(settings, **differences))
    assert caught.value.findings == (finding,)


@pytest.mark.programs
def test_probe_without_answer_fails_with_its_output(settings: ReleaseSettings) -> None:
    context = make_twin(settings, "raise SystemExit('no way')")
    with pytest.raises(CheckFailedError) as caught:
        ask(context, "time_zones", "Europe/Berlin")
    assert caught.value.what.endswith("\nno way")


@pytest.mark.programs
def test_probe_that_hangs_times_out(settings: ReleaseSettings) -> None:
    context = make_twin(settings)
    write_script(settings.root / "probe", "import threading; threading.Event().wait()")
    with pytest.raises(CheckFailedError) as caught:
        ask(context, "time_zones", "Europe/Berlin", timeout_seconds=1)
    assert "timed out" in caught.value.what
