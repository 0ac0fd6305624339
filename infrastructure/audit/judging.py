"""Judging the journeys of a range: the engine runs the rules, and the result is read from its tables.

Ranges are of ids of journeys. One is judged at a time, which bounds memory and lets an audit continue.
"""

from decimal import Decimal
from typing import Any, Final, NamedTuple

from infrastructure.audit.duckdb_engine import Engine, quote
from infrastructure.audit.outcome import KEPT, KEPT_OF_A_KIND, Difference, Figure, Fingerprint, Judged, Story
from infrastructure.audit.rules import Statement, statements

_SIGNS = "-0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz"
"""The characters of the random ids of journeys, by code point."""

EVENTS = 4_000_000
"""About how many events a range has."""


class Range(NamedTuple):
    """The journeys from one id up to another, which is outside; None is no limit."""

    first: str | None
    end: str | None

    def condition(self, column: str) -> str:
        """The condition in SQL that a column's journey is in the range."""
        within = [f"{column} >= '{self.first}'"] if self.first is not None else []
        within += [f"{column} < '{self.end}'"] if self.end is not None else []
        return " AND ".join(within) or "TRUE"


def cut_ranges(events: int) -> list[Range]:
    """Ranges of about equal size, always the same for a number of events."""
    number = max(1, min(-(-events // EVENTS), len(_SIGNS) ** 2))
    cells = [one + other for one in _SIGNS for other in _SIGNS]
    cuts = [cells[len(cells) * place // number] for place in range(1, number)]
    return [Range(first, end) for first, end in zip([None, *cuts], [*cuts, None], strict=True)]


_TYPED: Final = (
    "position, app_group, stream_id, version, topic, fact_id, occurred_at, campaign_id, variant_id, app_id, "
    "app_version, previous_version, product_id, name, price, quantity, currency, purchase_id, refunded, "
    "order_id, lines, total, voided_id, "
    "conversion_event, occurrence_id, occurrence_at, is_order, from_version, to_version, "
    "before_behaviour_id, before_behaviour_at, before_receipt_id, before_received_at, before_variant_id, "
    "before_net, now_behaviour_id, now_behaviour_at, now_receipt_id, now_received_at, now_variant_id, now_net"
)

_DIFFERENCES: Final = (
    "SELECT subject, problem, claim, app_group, journey, campaign_id, thing, "
    "judged_id, judged_at, judged_receipt_id, judged_received_at, judged_variant_id, judged_net, judged_text, "
    "said_id, said_at, said_receipt_id, said_received_at, said_variant_id, said_net, said_text, position, is_order "
    "FROM (SELECT *, row_number() OVER "
    "(PARTITION BY subject, problem, claim ORDER BY journey, campaign_id, thing) AS place FROM differences) AS placed "
    f"WHERE place <= {KEPT_OF_A_KIND} ORDER BY subject, problem, claim, place LIMIT {KEPT}"
)

SHOWN: Final = ("shown_conversions", "shown_purchases", "shown_recipients")
"""Tables of what read models hold of a range; tables named `all_shown_...` hold all of it."""


def judge(engine: Engine, span: Range, campaign_id: str | None) -> Judged:
    """Judge the journeys of a range."""
    for statement in _select_range(span, campaign_id):
        engine.look(statement)
    for statement in statements():
        engine.run(statement)
    judged = Judged()
    for what, number in engine.rows("SELECT what, number FROM totals"):
        judged.totals[what] += number
    for claim, what, number in engine.rows("SELECT claim, what, number FROM said_totals"):
        judged.said[claim, what] += number
    for *key, number in engine.rows(
        "SELECT figure, app_group, campaign_id, variant_id, thing, clock, day, number FROM figures"
    ):
        judged.figures[Figure(*key)] = Decimal(number)
    for app_group, subject, problem, claim, number in engine.rows(
        "SELECT app_group, subject, problem, claim, count(*) FROM differences "
        "GROUP BY app_group, subject, problem, claim"
    ):
        judged.counted[app_group, subject, problem, claim] += number
    if judged.counted:
        judged.differences = [_difference(row) for row in engine.rows(_DIFFERENCES)]
    (found,) = engine.rows("SELECT lines, one_half, other_half FROM fingerprint")
    judged.fingerprint = Fingerprint(*map(int, found))
    return judged


def _select_range(span: Range, campaign_id: str | None) -> list[Statement]:
    """The journeys of a range; with a campaign, only its own decisions and receipts."""
    within = f"{span.condition('stream_id')} AND topic LIKE 'journey.%'"
    of_campaign = (
        "" if campaign_id is None else f" AND (campaign_id IS NULL OR campaign_id = {quote(campaign_id)})"
    )
    return [
        Statement("streams", f"SELECT app_group, stream_id, version FROM log WHERE {within}"),
        Statement(
            "other_streams",
            f"SELECT app_group, stream_id, version FROM log WHERE {span.condition('stream_id')} "
            "AND topic NOT LIKE 'journey.%'",
        ),
        Statement("typed", f"SELECT {_TYPED} FROM log WHERE {within}{of_campaign}"),
        *(
            Statement(name, f"SELECT * FROM all_{name} WHERE {span.condition('journey')}{of_campaign}")
            for name in SHOWN
        ),
    ]


def _difference(row: tuple[Any, ...]) -> Difference:
    subject, problem, claim, app_group, journey, campaign_id, thing = row[:7]
    said = (Story(*row[7:14]), Story(*row[14:21]))
    return Difference(subject, problem, claim, app_group, journey, campaign_id, thing or "", *said, *row[21:])
