import subprocess
import sys

import pytest

CODE = """
import sys
from agent_runner import third_party
from agent_runner.echo_server import build_server
third_party.import_mcp()
from fastmcp.client.transports import SSETransport, StdioTransport, StreamableHttpTransport
build_server()
print(sum(name.startswith("cryptography") for name in sys.modules))
print(sum(hasattr(module, "__file__") for name, module in sys.modules.items() if name.startswith("cryptography")))
from cryptography.fernet import Fernet
Fernet(b"key")
"""


@pytest.fixture(scope="module")
def finished() -> subprocess.CompletedProcess[str]:
    """A process that imports what runs with MCP servers, and then uses the package."""
    return subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, timeout=300)


def test_mcp_needs_no_cryptography(finished: subprocess.CompletedProcess[str]) -> None:
    stood_in_for, real = map(int, finished.stdout.split())
    assert stood_in_for > 0, "nothing imports it any more; delete the stand-in"
    assert real == 0


def test_use_of_cryptography_names_it(finished: subprocess.CompletedProcess[str]) -> None:
    assert finished.returncode == 1
    assert finished.stderr.splitlines()[-1].startswith("NotImplementedError: agent-runner has no cryptography")
