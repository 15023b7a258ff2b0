"""A pytest run of the app's own tests, running and finished."""

import re
from dataclasses import dataclass
from pathlib import Path

from release_tools.errors import SuiteTimeoutError
from release_tools.processes.run import RunningProgram


@dataclass(frozen=True, kw_only=True)
class FinishedSuite:
    """The exit code and output of pytest."""

    code: int
    output: str

    @property
    def summary(self) -> str:
        """Pytest's last line, such as `31 passed in 24.10s`; "" when no test passed."""
        counts = re.findall(r"^=* ?((?:\d+ failed, )?[1-9]\d* passed.*)$", self.output, re.MULTILINE)
        return counts[-1].strip("= ") if counts else ""

    @property
    def passed(self) -> int:
        """How many tests passed."""
        found = re.search(r"(\d+) passed", self.summary)
        return int(found[1]) if found else 0

    @property
    def failed(self) -> tuple[str, ...]:
        """The tests that failed, and the modules that couldn't be imported."""
        return tuple(re.findall(r"^(?:FAILED|ERROR) (\S+)", self.output, re.MULTILINE))


@dataclass(frozen=True, kw_only=True)
class RunningSuite:
    """A running pytest and its log file."""

    program: RunningProgram
    log: Path

    def finish(self) -> FinishedSuite:
        """Wait for pytest to exit.

        Raises `SuiteTimeoutError` when it times out.
        """
        code = self.program.wait()
        if self.program.is_out_of_time:
            raise SuiteTimeoutError(self.program.timeout_seconds)
        return FinishedSuite(code=code, output=self.log.read_text(encoding="utf-8", errors="backslashreplace"))
