"""Runs that need no server."""

from typing import Any

from agent_runner.agent_file import AgentFile
from agent_runner.engine import RunRequest


def request_of_test_model(agent_file: AgentFile, **fields: Any) -> RunRequest:  # Any: the fields of a request
    """The request of a run with pydantic-ai's test model."""
    values = {"prompt": "hi", "time_limit_seconds": 60, "time_limit_name": "", **fields}
    return RunRequest(agent_file=agent_file, model_names=("test",), **values)
