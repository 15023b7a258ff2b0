"""Traces of a run, sent as OTLP to the collector that the usual `OTEL_*` variables name.

This is imported only if they do: see `environment.exports_traces`.
"""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, override

from opentelemetry.exporter.otlp.json.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import OTELResourceDetector, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from pydantic_ai.capabilities import Instrumentation
from pydantic_ai.models.instrumented import InstrumentationSettings

from agent_runner import DISTRIBUTION_NAME, program_version
from agent_runner.errors import shorten

if TYPE_CHECKING:
    from pydantic_ai.capabilities import AbstractCapability

# A collector that doesn't respond must not keep the program from exiting.
_FLUSH_SECONDS: Final = 3.0
_CONTENT_VARIABLE: Final = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"


@contextmanager
def exported_traces(
    environ: Mapping[str, str], warn: Callable[[str], None]
) -> "Iterator[list[AbstractCapability[Any]]]":  # Any: of any agent
    """Yield the capabilities that trace agents, and export what they traced at the end of the block."""
    protocol = environ.get("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") or environ.get("OTEL_EXPORTER_OTLP_PROTOCOL")
    if protocol == "grpc":
        warn("traces aren't exported: OTEL_EXPORTER_OTLP_PROTOCOL is grpc, and only OTLP over HTTP is supported")
        yield []
        return
    try:
        exporter = _Exporter()
        resource = Resource({"service.name": DISTRIBUTION_NAME, "service.version": program_version()})
        provider = TracerProvider(resource=resource.merge(OTELResourceDetector().detect()), shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(exporter))
    except Exception as error:  # noqa: BLE001 - of an invalid variable
        warn(f"traces aren't exported: {shorten(str(error))}")
        yield []
        return
    settings = InstrumentationSettings(
        tracer_provider=provider,
        include_content=environ.get(_CONTENT_VARIABLE, "").casefold() in ("true", "span_only", "span_and_event"),
        include_binary_content=False,
        include_model_request_parameters=False,
    )
    try:
        yield [Instrumentation(settings)]
    finally:
        flusher = threading.Thread(target=provider.shutdown, daemon=True)
        flusher.start()
        flusher.join(_FLUSH_SECONDS)
        is_late = flusher.is_alive()
        if is_late:
            # Ends its attempts, which would go on beside a worker's next run.
            exporter.shutdown()
        if is_late or exporter.has_failed:
            warn("some traces couldn't be exported: check OTEL_EXPORTER_OTLP_ENDPOINT, and see -v")


class _Exporter(OTLPSpanExporter):
    """Notes whether an export failed."""

    has_failed = False

    @override
    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        self.has_failed |= result is not SpanExportResult.SUCCESS
        return result
