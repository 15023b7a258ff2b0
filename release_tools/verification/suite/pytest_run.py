"""A run of pytest on the app's own tests, while it goes on and once it has finished."""

import re
from dataclasses import dataclass
from pathlib import Path

from release_tools.errors import SuiteTimeoutError
from release_tools.processes.run import RunningProgram


@dataclass(frozen=True, kw_only=True)
class FinishedSuite:
    """The exit code of pytest and everything that it printed."""

    code: int
    output: str

    @property
    def summary(self) -> str:
        """The count that pytest prints, such as `31 passed in 24.10s`; "" when no test passed."""
        counts = re.findall(r"^=* ?((?:\d+ failed, )?[1-9]\d* passed.*)$", self.output, re.MULTILINE)
        return counts[-1].strip("= ") if counts else ""


@dataclass(frozen=True, kw_only=True)
class RunningSuite:
    """A running pytest and the file that it logs to."""

    program: RunningProgram
    log: Path

    def finish(self) -> FinishedSuite:
        """Wait for the end of pytest.

        Raises `SuiteTimeoutError` when it had to be ended.
        """
        code = self.program.wait()
        if self.program.is_out_of_time:
            raise SuiteTimeoutError(self.program.timeout_seconds)
        return FinishedSuite(code=code, output=self.log.read_text(encoding="utf-8", errors="backslashreplace"))
