"""The metrics of the service for Prometheus; with several processes, of all of them together."""

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

REQUESTS = Counter("conversions_http_requests_total", "Requests answered.", ["method", "route", "status"])
SECONDS = Histogram(
    "conversions_http_request_seconds",
    "Seconds until a request was answered.",
    ["route"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10),
)
FACTS = Counter(
    "conversions_facts_total",
    "Facts, by the interface that took them and by verdict.",
    ["source", "verdict", "code"],
)
FULL = Counter("conversions_calls_refused_total", "Calls that were not taken because too many facts waited.")
NOT_KEPT = Counter(
    "conversions_rejects_not_kept_total", "Rejected facts that could not be stored for a retry."
)
WAITING = Gauge(
    "conversions_facts_waiting", "Facts that are waiting to be recorded.", multiprocess_mode="livesum"
)
STREAMS = Gauge("conversions_streams_open", "Event streams that are open.", multiprocess_mode="livesum")
IGNORED = Counter(
    "conversions_ignored_total",
    "Messages of other services' clients that have no meaning here.",
    ["source", "what"],
)


ROUNDED = Counter(
    "conversions_money_rounded_total",
    "Amounts that were rounded because they had more than 6 decimals, as floats often have.",
    ["source"],
)


def render() -> bytes:
    """Render all metrics in the text format of Prometheus."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
