"""The metrics of a ledger, as gauges in the text format of Prometheus: for the command line and for /metrics.

What one process of the service counts is in http/metrics.py.
"""

import time
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from infrastructure.database import Database
from infrastructure.event_store.log import EventLog
from infrastructure.inbound import rejects
from infrastructure.outbound.webhooks.queues import describe_metrics as describe_webhooks
from projections.campaign_report.reading import count_conversions
from projections.engine.status import ReadModelStatus, read_statuses
from projections.registry import PROJECTIONS

_REJECTS_SECONDS = 10
"""How long a count of rejected facts is used again: counting reads all of them."""


def describe_read_models(read_models: Iterable[ReadModelStatus]) -> Iterator[str]:
    """Write gauges of the generation that is read and of the one that is being built."""
    shown = [each for each in read_models if each.status != "kept"]
    for name, help_, value in (
        ("position", "Position up to which every event is in it.", lambda each: each.position),
        ("lag_events", "Events of the log that are not in it yet.", lambda each: each.lag_events),
        ("lag_seconds", "Age of the first event that is not in it yet.", lambda each: each.lag_seconds),
        ("stalled", "1 where it is behind and does not move.", lambda each: int(each.state == "stalled")),
        ("stopped", "1 where an event could not be applied.", lambda each: int(each.state == "stopped")),
    ):
        yield from _head(f"conversions_projection_{name}", help_)
        for each in shown:
            labels = f'name="{each.name}",status="{each.status}",version="{each.version}"'
            yield f"conversions_projection_{name}{{{labels}}} {value(each)}"


def describe_ledger(database: Database, log: EventLog, clock: Callable[[], int]) -> list[str]:
    """Write gauges of the log, the read models, the conversions, the rejected facts and the webhooks.

    `clock` tells microseconds since 1970.
    """
    with database.reading() as connection:
        position = log.last_position(connection)
        read_models = list(read_statuses(connection, log, PROJECTIONS, clock(), count=False))
        conversions = count_conversions(connection)
        webhooks = describe_webhooks(connection, position)
    # Only the total of all app groups: whoever reads the metrics is an operator and belongs to none.
    rejected = _count_rejects(database, int(time.monotonic() // _REJECTS_SECONDS))
    return [
        *_head("conversions_log_position", "Position of the newest event."),
        f"conversions_log_position {position}",
        *describe_read_models(read_models),
        *_head("conversions_standing", "Conversions that stand in the reports, control included."),
        f"conversions_standing {conversions}",
        *_head("conversions_rejects_kept", "Facts that were not taken and are kept for a while."),
        *(
            f'conversions_rejects_kept{{source="{source}",code="{code}"}} {number}'
            for (source, code), number in sorted(rejected.items())
        ),
        *webhooks,
    ]


@lru_cache(maxsize=1)
def _count_rejects(database: Database, _while: int) -> dict[tuple[str, str], int]:
    with database.reading() as connection:
        return rejects.count(connection)


def _head(name: str, help_: str) -> tuple[str, str]:
    return f"# HELP {name} {help_}", f"# TYPE {name} gauge"
