import sys
from pathlib import Path

import pytest

from release_tools.errors import RequestError
from release_tools.pipeline import plan_build
from release_tools.platforms import host_platform


def test_quick_build_of_a_version_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError) as caught:
        plan_build(tmp_path, host_platform(), "v1.2.3", Path(sys.executable), None, is_quick=True)
    assert ["--quick" in problem.hint for problem in caught.value.problems] == [True]
