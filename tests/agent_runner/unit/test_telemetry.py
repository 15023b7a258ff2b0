"""Traces, as a collector on this machine receives them."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from agent_runner import telemetry
from agent_runner.agent_file import parse_agent_file
from agent_runner.engine import run_agent
from agent_runner.environment import exports_traces
from agent_runner.output import Reporter
from agent_runner.processes import ChildTrackingLoop
from tests.agent_runner.unit.run_requests import request_of_test_model

pytestmark = pytest.mark.loopback


class Collector(ThreadingHTTPServer):
    """Records the path, headers and JSON of each request."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, dict[str, str], dict[str, Any]]] = []

    @property
    def resource(self) -> dict[str, Any]:
        resource: dict[str, Any] = self.received[0][2]["resourceSpans"][0]
        return resource

    @property
    def spans(self) -> list[dict[str, Any]]:
        return [
            span
            for _, _, body in self.received
            for resource in body["resourceSpans"]
            for scope in resource["scopeSpans"]
            for span in scope["spans"]
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.server.received.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_address[1]}")
        yield server
        server.shutdown()
        thread.join()


def run(folder: Path) -> None:
    helper = "tools: [list_dir]\n"
    agent_file = parse_agent_file(
        folder / "lead.yaml", "model: test\ninstructions: hush\nagents: {helper: h.yaml}", {"helper": helper}
    )
    request = request_of_test_model(agent_file, prompt="hush", run_id="4f")
    run_agent(request, Reporter(as_json=True), ChildTrackingLoop())


def test_spans_of_all_agents_form_one_trace(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20token")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment=test")

    run(tmp_path)

    path, headers, _ = collector.received[0]
    assert (path, headers["authorization"], headers["content-type"]) == (
        "/v1/traces",
        "Bearer token",
        "application/json",
    )
    attributes = {each["key"]: each["value"] for each in collector.resource["resource"]["attributes"]}
    assert attributes["service.name"] == {"stringValue": "agent-runner"}
    assert attributes["deployment.environment"] == {"stringValue": "test"}
    names = [span["name"] for span in collector.spans]
    for name in ("invoke_agent lead", "invoke_agent h", "execute_tool list_dir", "execute_tool helper", "chat test"):
        assert name in names
    assert len({span["traceId"] for span in collector.spans}) == 1
    assert "4f" in json.dumps(collector.spans)
    assert "hush" not in json.dumps(collector.spans)


def test_content_is_exported_if_asked_for(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "mine")

    run(tmp_path)

    assert "hush" in json.dumps(collector.spans)
    assert '"mine"' in json.dumps(collector.resource["resource"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "soon"),
    ],
)
def test_run_succeeds_if_traces_cannot_be_exported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    monkeypatch.setattr(telemetry, "_FLUSH_SECONDS", 0.1)

    run(tmp_path)

    assert capsys.readouterr().err.count("warning: ") == 1
    # Far less than the ten seconds for which it would try again.
    for thread in threading.enumerate():
        if thread.name.startswith("Otel"):
            thread.join(5)
            assert not thread.is_alive()


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_SDK_DISABLED": "true"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_variables_decide(environ: dict[str, str], wanted: bool) -> None:
    assert exports_traces(environ) == wanted
