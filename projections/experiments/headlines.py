"""The primary conversion event of many campaigns at once: how many users of exactly one variant converted."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import func, select
from sqlalchemy.engine import Connection

from domain.experiment.proportions import Proportion
from projections.engine.generations import current
from projections.engine.tables import stream
from projections.recipients import RECIPIENTS
from projections.recipients.tables import experiment_recipients


def load_primary_rates(
    connection: Connection, app_group: str, campaign_ids: Sequence[str]
) -> Mapping[str, dict[str, Proportion]]:
    """By campaign and variant the users and how many of them converted; empty where nobody received it."""
    table = current(connection, RECIPIENTS)[experiment_recipients]
    streams = {stream(app_group, each): each for each in campaign_ids}
    sums = (func.sum(table.c.converted_a), func.sum(table.c.recipients))
    query = (
        select(table.c.stream_id, table.c.variant_id, *sums)
        .where(table.c.stream_id.in_(list(streams)))
        .group_by(table.c.stream_id, table.c.variant_id)
    )
    found: defaultdict[str, dict[str, Proportion]] = defaultdict(dict)
    for stream_id, variant_id, converted, recipients in connection.execute(query):
        found[streams[stream_id]][variant_id] = Proportion(int(converted), int(recipients))
    return found
