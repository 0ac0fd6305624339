"""How the ledger stands, as gauges in the text format of Prometheus: for the command line and for /metrics."""

import time
from collections.abc import Iterable, Iterator
from functools import lru_cache

from domain.instants import microseconds
from infrastructure.composition import Service
from infrastructure.inbound import rejects
from infrastructure.outbound.webhooks.lines import lines as webhook_lines
from projections.campaign_report.reading import count_conversions
from projections.engine.status import ReadModelStatus, read_statuses
from projections.registry import PROJECTIONS

_REJECTS_SECONDS = 10
"""How long a count of rejected facts is told: it reads all that are kept."""


def of_projections(found: Iterable[ReadModelStatus]) -> Iterator[str]:
    """One gauge each, for the generation that is read and the one that is building."""
    shown = [each for each in found if each.status != "kept"]
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


def of_ledger(service: Service) -> list[str]:
    """The log's end, the read models, conversions that stand, and rejected facts that are kept."""
    log, now = service.projector.log, microseconds(service.now())
    with service.database.reading() as connection:
        position = log.last_position(connection)
        found = list(read_statuses(connection, log, PROJECTIONS, now, count=False))
        standing = count_conversions(connection)
        hooks = webhook_lines(connection)
    lines = [
        *_head("conversions_log_position", "Position of the newest event."),
        f"conversions_log_position {position}",
    ]
    lines += of_projections(found)
    lines += _head("conversions_standing", "Conversions that stand in the reports, control included.")
    lines.append(f"conversions_standing {standing}")
    lines += _head("conversions_rejects_kept", "Facts that were not taken and are kept for a while.")
    # By app group no further: whoever scrapes is no tenant.
    kept = _rejects(service, int(time.monotonic() // _REJECTS_SECONDS))
    lines += [
        f'conversions_rejects_kept{{source="{source}",code="{code}"}} {number}'
        for (source, code), number in sorted(kept.items())
    ]
    return lines + hooks


@lru_cache(maxsize=1)
def _rejects(service: Service, _while: int) -> dict[tuple[str, str], int]:
    with service.database.reading() as connection:
        return rejects.counted(connection)


def _head(name: str, help_: str) -> tuple[str, str]:
    return f"# HELP {name} {help_}", f"# TYPE {name} gauge"
