"""Spans for OpenTelemetry: they need the extra `opentelemetry`, and OTEL_EXPORTER_OTLP_ENDPOINT says where they go."""

import os
from collections.abc import Callable, MutableMapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

Scope = MutableMapping[str, Any]


class NoTracing(Exception):
    """An exporter is named, but its packages are not installed."""


class Span(Protocol):
    """The span of a request: from its start to its end."""

    def update_name(self, name: str) -> None:
        """Rename the span."""

    def set_attribute(self, key: str, value: Any) -> None:  # noqa: ANN401
        """Add an attribute to the span."""


Tracing = Callable[[Scope], AbstractContextManager[Span | None]]
"""Starts the span of a request."""


def start_tracing() -> Tracing:
    """Start tracing in this process; without the address of an exporter nothing is traced. Raises NoTracing."""
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return lambda _scope: nullcontext()
    try:
        return _exporting()
    except ImportError as error:
        raise NoTracing(
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set and {error.name} is missing: install conversion-ledger[opentelemetry]"
        ) from error


def describe_span(span: Span | None, method: str, route: str, status: int) -> None:
    """Describe a request and its answer by OpenTelemetry's conventions for HTTP."""
    if span is not None:
        span.update_name(f"{method} {route}")
        span.set_attribute("http.request.method", method)
        span.set_attribute("http.route", route)
        span.set_attribute("http.response.status_code", status)


def _exporting() -> Tracing:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    from opentelemetry.trace import SpanKind  # noqa: PLC0415
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

    provider = TracerProvider(resource=Resource.create({"service.name": "conversion-ledger"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    tracer, propagator = provider.get_tracer("conversion-ledger"), TraceContextTextMapPropagator()

    def begin(scope: Scope) -> AbstractContextManager[Span]:
        carrier = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        parent = propagator.extract(carrier)
        return tracer.start_as_current_span("request", context=parent, kind=SpanKind.SERVER)

    return begin
