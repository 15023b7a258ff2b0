import functools
from typing import Any

import pytest

from release_tools.processes.run import Finished
from release_tools.verification import timeouts
from release_tools.verification.timeouts import REFERENCE_START_SECONDS


@pytest.mark.parametrize(("start", "slowness"), [(0.1, 1), (1, 1), (12, 12), (10_000, 30)])
def test_timeouts_scale_with_one_measurement(monkeypatch: pytest.MonkeyPatch, start: float, slowness: int) -> None:
    durations = iter([start * REFERENCE_START_SECONDS])

    def start_python(*args: Any, **_: Any) -> Finished:
        return Finished(args=args, code=0, stdout="", stderr="", seconds=next(durations))

    monkeypatch.setattr(timeouts, "observe", start_python)
    monkeypatch.setattr(timeouts, "slowness", functools.cache(timeouts.slowness.__wrapped__))
    assert [timeouts.scaled_timeout(seconds) for seconds in (2, 10)] == [2 * slowness, 10 * slowness]
