"""How the ledger stands, as gauges in the text format of Prometheus: for the command line and for /metrics."""

from collections import Counter
from collections.abc import Iterable, Iterator

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from domain.instants import microseconds
from infrastructure import rejects
from infrastructure.service import PROJECTIONS, Service
from infrastructure.webhooks.lines import lines as webhook_lines
from projections import generations
from projections.campaign_report import CAMPAIGN_REPORT
from projections.campaign_report.tables import report_conversions
from projections.standing import Standing, standings


def of_projections(found: Iterable[Standing]) -> Iterator[str]:
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
        found = list(standings(connection, log, PROJECTIONS, now, count=False))
        standing = _conversions(connection)
        kept = rejects.counted(connection)
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
    by_kind: Counter[tuple[str, str]] = Counter()
    for (_, source, code), number in kept.items():
        by_kind[source, code] += number
    lines += [
        f'conversions_rejects_kept{{source="{source}",code="{code}"}} {number}'
        for (source, code), number in sorted(by_kind.items())
    ]
    return lines + hooks


def _conversions(connection: Connection) -> int:
    current = generations.find(connection, CAMPAIGN_REPORT)
    if current is None or not current.is_of(CAMPAIGN_REPORT):
        return 0
    query = select(func.coalesce(func.sum(current[report_conversions].c.conversions), 0))
    return int(connection.execute(query).scalar_one())


def _head(name: str, help_: str) -> tuple[str, str]:
    return f"# HELP {name} {help_}", f"# TYPE {name} gauge"
