import pytest

from release_tools.verification.timeouts import REFERENCE_START_SECONDS, scaled_timeout, slowness, slowness_from


def test_a_machine_that_is_faster_than_an_ordinary_one_gets_the_same_time() -> None:
    assert slowness_from(REFERENCE_START_SECONDS / 10) == slowness_from(REFERENCE_START_SECONDS) == 1


def test_a_slower_machine_gets_as_much_more_time_as_it_is_slower() -> None:
    assert slowness_from(REFERENCE_START_SECONDS * 12) == pytest.approx(12)


def test_what_is_stuck_is_found_at_some_time_on_any_machine() -> None:
    assert slowness_from(3600) == slowness_from(7200) == 30


@pytest.mark.programs
def test_this_machine_is_measured_once() -> None:
    assert 1 <= slowness() <= 30
    assert slowness() == slowness()
    assert scaled_timeout(2) == pytest.approx(2 * slowness(), abs=0.1)
