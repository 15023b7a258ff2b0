"""Libraries import what a run uses, and behave as if they had imported everything."""

import subprocess
import sys

import pytest

COMPARE = """
import importlib, types
from agent_runner.lazy_packages import LAZY_PACKAGES
from agent_runner.third_party import import_pydantic_ai
import_pydantic_ai()
compared = 0
for package in sorted(LAZY_PACKAGES):
    lazy = importlib.import_module(package)
    eager = types.ModuleType(package)
    eager.__package__, eager.__path__ = package, lazy.__path__
    exec(lazy.__loader__.get_code(package), vars(eager))
    for name, value in vars(eager).items():
        if not name.startswith("__"):
            found = getattr(lazy, name)
            assert found is value or (type(found), found) == (type(value), value), (package, name)
            compared += 1
print(compared)
"""

LOADED_FOR_CHAT = """
import sys
from agent_runner.third_party import import_pydantic_ai
from agent_runner.providers import build_model
import_pydantic_ai()
build_model("openai-chat:any", {"OPENAI_BASE_URL": "http://localhost/v1"})
print(*sys.modules)
"""

LOADED_FOR_MCP = """
import os, sys
from agent_runner.third_party import import_mcp
import_mcp()
from mcp_types import _v2026_07_28 as newest
from beartype import BeartypeStrategy
import key_value.aio
print(newest.SubscriptionsListenRequest.__pydantic_complete__)
print(key_value.aio.strategy is BeartypeStrategy.O0)
print("PY_KEY_VALUE_DISABLE_BEARTYPE" in os.environ)
"""

INSTALLED_BY_TWO_AT_ONCE = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from agent_runner.lazy_packages import install_lazy_packages
both = threading.Barrier(2, timeout=60)
class Finders(list):
    def insert(self, index, finder):
        both.wait()
        super().insert(index, finder)
sys.meta_path = Finders(sys.meta_path)
with ThreadPoolExecutor(2) as threads:
    for installing in [threads.submit(install_lazy_packages) for _ in range(2)]:
        installing.result()
import griffe
print("griffe._internal.diff" in sys.modules)
"""


def run_python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120).stdout


def test_lazy_packages_have_the_same_names() -> None:
    assert int(run_python(COMPARE)) > 500


@pytest.mark.parametrize(
    "unused",
    [
        "griffe._internal.diff",
        "openai.types.graders",
        "openai.types.responses.response",
        "openai.types.responses.response_stream_event",
        "openai.types.webhooks.batch_cancelled_webhook_event",
    ],
)
def test_chat_completions_load_no_other_api(unused: str, loaded_for_chat: list[str]) -> None:
    assert "openai.types.chat.chat_completion_chunk" in loaded_for_chat
    assert unused not in loaded_for_chat


@pytest.fixture(scope="module")
def loaded_for_chat() -> list[str]:
    return run_python(LOADED_FOR_CHAT).split()


def test_mcp_client_starts_without_unused_work() -> None:
    assert run_python(LOADED_FOR_MCP).split() == ["False", "True", "False"]


def test_runs_that_begin_at_once_share_the_lazy_packages() -> None:
    assert run_python(INSTALLED_BY_TWO_AT_ONCE).split() == ["False"]
