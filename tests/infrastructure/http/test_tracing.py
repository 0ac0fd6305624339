"""Spans of requests, sent to a collector as OpenTelemetry has it."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from infrastructure.http import tracing
from tests.infrastructure.http.test_http import SALE
from tests.support.serving import serving

TRACE = "0af7651916cd43dd8448eb211c80319c"


@pytest.fixture
def collected(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """A collector, and the spans that it was sent."""
    spans: list[Any] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = ExportTraceServiceRequest.FromString(self.rfile.read(int(self.headers["content-length"])))
            spans.extend(s for r in sent.resource_spans for scope in r.scope_spans for s in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Collector) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield spans
        server.shutdown()


def test_a_request_is_a_span_of_the_trace_it_came_with(tmp_path: Path, collected: list[Any]) -> None:
    """Named by its route, with its status, and without any id of the path."""
    with serving(tmp_path, [SALE]) as api:
        client = api.client(headers={"traceparent": f"00-{TRACE}-b7ad6b7169203331-01"})
        client.get("/v1/campaigns/sale/report").raise_for_status()
        waiting = threading.Event()
        while not collected:
            waiting.wait(0.02)
    [span] = collected
    assert span.name == "GET /v1/campaigns/{campaign_id}/report"
    assert span.trace_id.hex() == TRACE
    told = {each.key: each.value for each in span.attributes}
    assert told["http.response.status_code"].int_value == 200


def test_an_exporter_without_its_packages_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what to install."""

    def missing() -> tracing.Tracing:
        raise ImportError(name="opentelemetry")

    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setattr(tracing, "_exporting", missing)
    with pytest.raises(tracing.NoTracing, match=r"install conversion-ledger\[opentelemetry\]"):
        tracing.start_tracing()
