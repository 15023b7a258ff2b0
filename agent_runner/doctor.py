"""`doctor`: proves that this program works on this machine, or that an agent file can be run.

Without a file it needs no network, no key, no settings and no home folder, so that it can be the gate that every
build has to pass.
"""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

from agent_runner.agent_file import load_agent_file
from agent_runner.doctor_checks import CHECKS
from agent_runner.engine import build_agent, choose_model
from agent_runner.errors import EXIT_FAILURE, EXIT_SUCCESS, OutputError, RunnerError
from agent_runner.mcp_servers import McpServer, build_servers
from agent_runner.output import Reporter, format_traceback, replace_control_chars, write_stderr
from agent_runner.processes import ChildTrackingLoop
from agent_runner.providers import build_model
from agent_runner.third_party import import_pydantic_ai
from agent_runner.tools import BuiltInTools


def check_installation(reporter: Reporter) -> int:
    """Check this program itself, one line for each check, and return the exit code."""
    lines = _Lines(reporter, [name for name, _ in CHECKS])
    for name, check in CHECKS:
        try:
            lines.passed(name, check())
        except OutputError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever a missing piece causes is the finding
            lines.failed(name, error)
    return lines.exit_code


def check_agent_file(path: Path, reporter: Reporter, loop: ChildTrackingLoop) -> int:
    """Check an agent file as far as that goes without asking its model anything, and return the exit code."""
    lines = _Lines(reporter, ["file", "model", "agent"])
    step = "file"
    try:
        agent_file = load_agent_file(path)
        lines.passed(step, f"{path}: {agent_file.agent_name}")
        step = "model"
        model_name = choose_model(agent_file, None)
        import_pydantic_ai()
        model = build_model(model_name, os.environ)
        lines.passed(step, model_name)
        step = "agent"
        servers = build_servers(agent_file, os.environ, show_stderr=reporter.is_verbose)
        build_agent(agent_file, model, servers, BuiltInTools())
        lines.passed(step, f"built-in tools: {', '.join(agent_file.settings.tools) or 'none'}")
    except OutputError:
        raise
    except RunnerError as error:
        # Each of these steps needs the one before.
        lines.failed(step, error)
        return lines.exit_code
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(_start_each(servers, lines))
    return lines.exit_code


async def _start_each(servers: list[McpServer], lines: "_Lines") -> None:
    for server in servers:
        try:
            async with AsyncExitStack() as stack:
                await server.start(stack)
                names = await server.tool_names()
            lines.passed("mcp", f"{server.name}: {', '.join(names) or 'no tools'}")
        except OutputError:
            raise
        except RunnerError as error:
            lines.failed("mcp", error)


class _Lines:
    """Writes the verdicts, one below the other."""

    def __init__(self, reporter: Reporter, names: list[str]) -> None:
        self._reporter = reporter
        self._width = max(map(len, names))
        self.exit_code = EXIT_SUCCESS

    def passed(self, name: str, detail: str) -> None:
        """Write that a check passed."""
        self._write("ok", name, detail)

    def failed(self, name: str, error: Exception) -> None:
        """Write that a check failed, and why."""
        self.exit_code = EXIT_FAILURE
        is_known = isinstance(error, RunnerError)
        self._write("FAIL", name, str(error) if is_known else f"{type(error).__name__}: {error}")
        if isinstance(error, RunnerError) and error.hint:
            self._write("", "", f"hint: {error.hint}")
        if self._reporter.is_verbose:
            write_stderr(format_traceback(error))

    def _write(self, verdict: str, name: str, detail: str) -> None:
        beginning = f"{verdict:<4} {name:<{self._width}}  "
        aligned = replace_control_chars(detail).replace("\n", "\n" + " " * len(beginning))
        self._reporter.answer(f"{beginning}{aligned}\n")
