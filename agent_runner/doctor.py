"""`doctor`: checks that this program works on this machine, or that an agent file does.

Checking the program needs no network, API key, settings or home directory, so every build can run it.
"""

import asyncio
import os
from contextlib import AsyncExitStack
from pathlib import Path

from agent_runner.agent_file import load_agent_file
from agent_runner.doctor_checks import CHECKS
from agent_runner.engine import agents_with_models, build_agent, build_models, choose_models
from agent_runner.errors import EXIT_FAILURE, EXIT_SUCCESS, InternalError, OutputError, RunnerError
from agent_runner.mcp_servers import McpServer, build_servers
from agent_runner.output import Reporter, format_traceback, replace_control_chars, without_secrets, write_stderr
from agent_runner.processes import ChildTrackingLoop
from agent_runner.third_party import import_pydantic_ai
from agent_runner.tools import BuiltInTools


def check_installation(reporter: Reporter) -> int:
    """Check this program, write one line per check, and return the exit code."""
    results = _Results(reporter, [name for name, _ in CHECKS])
    for name, check in CHECKS:
        try:
            results.passed(name, check())
        except OutputError:
            raise
        except Exception as error:  # noqa: BLE001 - a missing module or file can raise anything
            results.failed(name, error)
    return results.exit_code


def check_agent_file(path: Path, reporter: Reporter, loop: ChildTrackingLoop) -> int:
    """Check an agent file without sending its model a request, and return the exit code."""
    results = _Results(reporter, ["file", "model", "agent"])
    step = "file"
    try:
        agent_file = load_agent_file(path)
        results.passed(step, f"{path}: {agent_file.agent_name}")
        step = "model"
        model_names = choose_models(agent_file, None)
        import_pydantic_ai()
        model = build_models(model_names)
        results.passed(step, ", ".join(model_names))
        step = "agent"
        own_servers = build_servers(agent_file, os.environ, show_stderr=reporter.is_verbose)
        servers = [(server.name, server) for server in own_servers]
        build_agent(agent_file, model, own_servers, BuiltInTools(agent_file.settings, os.environ))
        results.passed(step, f"built-in tools: {', '.join(agent_file.settings.tools) or 'none'}")
        if agent_file.agents:
            from agent_runner.sub_agents import check_agents

            check_agents(agent_file, model_names)
            for other, _ in agents_with_models(agent_file, model_names):
                if other is not agent_file:
                    others = build_servers(other, os.environ, show_stderr=reporter.is_verbose)
                    servers += [(f"{server.name} of {other.agent_name}", server) for server in others]
            results.passed(step, f"agents: {', '.join(agent_file.agent_texts)}")
    except OutputError:
        raise
    except RunnerError as error:
        # The remaining steps need this one.
        results.failed(step, error)
        return results.exit_code
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(_check_servers(servers, results))
    return results.exit_code


async def _check_servers(servers: list[tuple[str, McpServer]], results: "_Results") -> None:
    async def tool_names(server: McpServer) -> list[str] | RunnerError:
        try:
            async with AsyncExitStack() as stack:
                await server.start(stack)
                return await server.tool_names()
        except RunnerError as error:
            return error

    found_names = await asyncio.gather(*(tool_names(server) for _, server in servers))
    for (label, _), found in zip(servers, found_names, strict=True):
        if isinstance(found, RunnerError):
            results.failed("mcp", found)
        else:
            results.passed("mcp", f"{label}: {', '.join(found) or 'no tools'}")


class _Results:
    """Writes one aligned line per check and keeps the exit code."""

    def __init__(self, reporter: Reporter, names: list[str]) -> None:
        self._reporter = reporter
        self._width = max(map(len, names))
        self.exit_code = EXIT_SUCCESS

    def passed(self, name: str, detail: str) -> None:
        self._write("ok", name, detail)

    def failed(self, name: str, error: Exception) -> None:
        self.exit_code = EXIT_FAILURE
        known = error if isinstance(error, RunnerError) else InternalError.wrap(error)
        self._write("FAIL", name, known.message)
        if known.hint:
            self._write("", "", f"hint: {known.hint}")
        if self._reporter.is_verbose:
            write_stderr(format_traceback(error))

    def _write(self, verdict: str, name: str, detail: str) -> None:
        beginning = f"{verdict:<4} {name:<{self._width}}  "
        aligned = replace_control_chars(without_secrets(detail)).replace("\n", "\n" + " " * len(beginning))
        self._reporter.answer(f"{beginning}{aligned}\n")
