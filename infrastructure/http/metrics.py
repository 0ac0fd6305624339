"""What is counted of the service, for Prometheus; of all its processes together where there are several."""

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
    "Facts by the interface they came by and what became of them.",
    ["source", "verdict", "code"],
)
FULL = Counter("conversions_calls_refused_total", "Calls not taken since too many facts waited.")
NOT_KEPT = Counter("conversions_rejects_not_kept_total", "Rejected facts that could not be kept.")
WAITING = Gauge("conversions_facts_waiting", "Facts that wait to be recorded.", multiprocess_mode="livesum")
STREAMS = Gauge("conversions_streams_open", "Streams that are being read.", multiprocess_mode="livesum")
IGNORED = Counter(
    "conversions_ignored_total",
    "What was sent by other services' clients and means nothing here.",
    ["source", "what"],
)


ROUNDED = Counter(
    "conversions_money_rounded_total",
    "Amounts that had more than 6 decimals, as numbers that computers calculate with have, and were rounded.",
    ["source"],
)


def render() -> bytes:
    """All of it as Prometheus reads it."""
    if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
        return generate_latest()
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
