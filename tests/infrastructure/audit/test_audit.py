"""The audit: nothing differs where nothing was tampered with, and each planted fault is found and told apart."""

import json
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from sqlalchemy import Connection, text

from infrastructure.audit.auditing import NoSuchCampaign, Options, audit_ledger
from infrastructure.audit.outcome import UNREADABLE, AuditResult, Difference, Judged, Story
from infrastructure.audit.rules import statements
from infrastructure.audit.wording import describe_problem, describe_story, describe_thing
from infrastructure.composition import Service
from infrastructure.event_store.codec import TOPICS
from tests.support.ledgers import databases, open_ledger, take
from tests.support.servers import Server

SPRING = {
    "id": "spring",
    "variants": [{"id": "A"}, {"id": "B"}, {"id": "holdout", "control": True}],
    "conversion_events": [
        {"type": "makes_purchase", "deadline": "3d"},
        {"type": "starts_session", "deadline": "1d", "app_ids": ["ios"]},
        {"type": "upgrades_app", "deadline": "30d"},
    ],
}
PLAIN = {"id": "plain"}


def received(fact_id: str, user: str, variant: str, at: str, campaign: str = "spring") -> dict[str, Any]:
    return {
        "type": "received",
        "id": fact_id,
        "user_id": user,
        "campaign_id": campaign,
        "variant_id": variant,
        "at": at,
    }


def purchase(fact_id: str, user: str, price: str, at: str, **more: Any) -> dict[str, Any]:
    bought = {"product_id": "tea", "price": price, "currency": "EUR"}
    return {"type": "purchase", "id": fact_id, "user_id": user, "at": at} | bought | more


def version(fact_id: str, user: str, number: str, at: str) -> dict[str, Any]:
    return {
        "type": "app_version",
        "id": fact_id,
        "user_id": user,
        "app_id": "ios",
        "version": number,
        "at": at,
    }


FACTS: list[list[dict[str, Any]]] = [
    [
        received("r1", "u1", "A", "2026-03-01T09:00:00Z"),
        purchase("p1", "u1", "20.00", "2026-03-02T10:00:00Z", quantity=2),
        {"type": "session_started", "id": "s1", "user_id": "u1", "app_id": "ios", "at": "2026-03-01T10:00:00Z"},
        {"type": "session_started", "id": "s2", "user_id": "u1", "app_id": "web", "at": "2026-03-01T09:30:00Z"},
        {"type": "refund", "id": "x1", "user_id": "u1", "purchase_id": "p1", "amount": "5.00", "at": "2026-03-09T10:00:00Z"},
        received("r2", "u2", "A", "2026-03-01T09:00:00Z"),
        received("r3", "u2", "B", "2026-03-10T09:00:00Z"),
        purchase("p2", "u2", "7.50", "2026-03-11T10:00:00Z"),
        received("r9", "u2", "default", "2026-03-10T09:00:00Z", "plain"),
    ],
    # Late: the conversion is restated to an earlier behaviour, and to another variant (R14).
    [purchase("p3", "u2", "3.00", "2026-03-03T09:00:00Z")],
    [
        received("r4", "u3", "B", "2026-03-01T09:00:00Z"),
        purchase("p4", "u3", "9.99", "2026-03-02T09:00:00Z"),
        received("r5", "u4", "holdout", "2026-03-01T09:00:00Z"),
        purchase("p5", "u4", "1.00", "2026-03-04T09:00:00Z"),
        purchase("p6", "u4", "1.00", "2026-03-04T09:00:00.000001Z"),
        received("r6", "u5", "A", "2026-03-05T09:00:00Z"),
        version("v1", "u5", "1.9", "2026-03-04T09:00:00Z"),
        version("v2", "u5", "1.10.0", "2026-03-06T09:00:00Z"),
        version("v3", "u5", "1.10", "2026-03-07T09:00:00Z"),
        version("v4", "u5", "1.10-beta", "2026-03-08T09:00:00Z"),
        received("r7", "u6", "B", "2026-03-05T09:00:00Z"),
        # As much as there may be of anything (R11), in no window.
        purchase("p7", "u6", "0", "2026-06-01T09:00:00Z", quantity=2**63 - 1),
    ],
    # Voided: the conversion and its revenue are withdrawn (R17).
    [{"type": "void", "id": "d1", "user_id": "u3", "fact_id": "p4", "at": "2026-03-10T08:00:00Z"}],
]  # fmt: skip


def make(directory: Path) -> Service:
    """A ledger in which everything has happened, its read models current."""
    service = open_ledger(directory, [SPRING, PLAIN])
    for batch in FACTS:
        assert all(answer.verdict.value == "accepted" for answer in take(service, batch).answers)
    service.projector.catch_up()
    return service


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """The ledger, in a file."""
    with make(tmp_path) as service:
        yield service


def audited(service: Service, campaign_id: str | None = None) -> AuditResult:
    return audit_ledger(service.database, service.projector, Options(campaign_id), lambda *_: None)


def kinds(found: AuditResult) -> set[tuple[str, str, str]]:
    return set(found.judged.counts)


def test_nothing_differs_where_nothing_was_tampered_with(service: Service) -> None:
    """What stands by the rules is what the streams and the read models say, to the cent and the microsecond."""
    found = audited(service)
    assert found.differs == 0, found.judged.differences
    assert found.judged.totals["conversions"] == 5
    assert {currency: str(amount.normalize()) for currency, amount in found.revenue.items()} == {"EUR": "54"}
    assert found.claims == (
        "streams",
        "conversions",
        "counted_revenue",
        "recipients",
        "campaign_report",
        "series",
    )
    assert found.judged.said["streams", "upgrades"] == found.judged.totals["upgrades"] == 2


def test_nothing_differs_on_postgresql(tmp_path: Path, postgresql: Server, template: str) -> None:
    """The same rules over the other database: the same outcome but for the journeys' ids."""
    with databases.on(postgresql, template), make(tmp_path) as service:
        found = audited(service)
    assert found.differs == 0, found.judged.differences
    assert found.judged.totals["conversions"] == 5


def test_one_campaign_can_be_audited_alone(service: Service) -> None:
    """Its conversions and purchases are judged, and no other's."""
    found = audited(service, "plain")
    assert found.differs == 0
    assert found.judged.totals["conversions"] == 0
    assert found.judged.totals["purchases that count"] == 1
    with pytest.raises(NoSuchCampaign):
        audited(service, "none")


def test_one_campaign_is_audited_where_receipts_of_others_are_void(service: Service) -> None:
    """R17: what another campaign's receipt was disregarded for is not looked for among this one's facts."""
    void = {"type": "void", "id": "d9", "user_id": "u2", "fact_id": "r9", "at": "2026-03-12T08:00:00Z"}
    take(service, [void])
    service.projector.catch_up()
    for campaign_id in (None, "spring", "plain"):
        found = audited(service, campaign_id)
        assert found.differs == 0, (campaign_id, found.judged.differences)


def test_the_rules_know_every_topic() -> None:
    """An event that they did not know would be told as damaged."""
    statement = next(each for each in statements() if each.table == "unreadable")
    known = {topic for topic in TOPICS.values() if topic.startswith("journey.")}
    assert {*re.findall(r"journey\.\w+", statement.query)} == known


# How faults are planted: behind the ledger's back, and so that positions and versions stay whole.


def _shifted(connection: Connection, column: str, above: int, of: str = "TRUE") -> None:
    for sign in ("-", ""):
        change = f"-({column} - 1)" if sign else f"-{column}"
        where = f"{column} > {above}" if sign else f"{column} < 0"
        connection.execute(text(f"UPDATE events SET {column} = {change} WHERE {where} AND {of}"))


def remove(connection: Connection, topic: str, having: str = "") -> None:
    """An event that never was recorded."""
    position, stream, at = _found(connection, topic, having)
    connection.execute(text("DELETE FROM events WHERE position = :p"), {"p": position})
    _shifted(connection, "position", position)
    _shifted(connection, "originator_version", at, f"originator_id = '{stream}'")
    connection.execute(text("UPDATE projections SET position = position - 1"))


def lose(connection: Connection, topic: str, having: str = "") -> None:
    """An event that is gone from its stream."""
    position, _, _ = _found(connection, topic, having)
    connection.execute(text("DELETE FROM events WHERE position = :p"), {"p": position})
    _shifted(connection, "position", position)
    connection.execute(text("UPDATE projections SET position = position - 1"))


def alter(connection: Connection, topic: str, change: Callable[[Any], object], having: str = "") -> None:
    """An event that says something else."""
    position, _, _ = _found(connection, topic, having)
    state = json.loads(
        connection.execute(text(f"SELECT state FROM events WHERE position = {position}")).scalar_one()
    )
    change(state)
    connection.execute(
        text("UPDATE events SET state = :s WHERE position = :p"), {"s": json.dumps(state), "p": position}
    )


def forge(connection: Connection, topic: str, state: dict[str, Any], user: str) -> None:
    """An event that nobody recorded, at the end of a user's stream."""
    stream = connection.execute(
        text("SELECT journey_id FROM identities WHERE user_id = :u"), {"u": user}
    ).scalar_one()
    last = "(SELECT max(position) + 1 FROM events)"
    version = f"(SELECT max(originator_version) + 1 FROM events WHERE originator_id = '{stream}')"
    connection.execute(
        text(
            f"INSERT INTO events SELECT {last}, app_group, '{stream}', {version}, '{topic}', :s, recorded_at, command_id, "
            "actor, hash FROM events ORDER BY position DESC LIMIT 1"
        ),
        {"s": json.dumps(state)},
    )
    connection.execute(text("UPDATE projections SET position = position + 1"))


def _found(connection: Connection, topic: str, having: str) -> tuple[int, str, int]:
    query = "SELECT position, originator_id, originator_version FROM events WHERE topic = :t AND state LIKE :h ORDER BY position"
    row = connection.execute(text(query), {"t": f"journey.{topic}", "h": f"%{having}%"}).first()
    assert row is not None, (topic, having)
    return row.position, row.originator_id, row.originator_version


def put(what: str) -> Callable[[Connection], object]:
    """A row of a read model that was changed."""

    def planted(connection: Connection) -> None:
        assert connection.execute(text(what)).rowcount == 1

    return planted


def _now(*path: str, value: object) -> Callable[[Any], object]:
    def change(state: Any) -> None:
        for step in path[:-1]:
            state = state[step]
        state[path[-1]] = value

    return change


class Fault(NamedTuple):
    """What is planted, and as what it is to be told."""

    plant: Callable[[Connection], object]
    told: set[tuple[str, str, str]]


RECEIPT_2 = {"id": "r2", "at": "2026-03-01T09:00:00Z", "variant_id": "A"}
FORGED = {
    "campaign_id": "spring",
    "index": 0,
    "now": {
        "behaviour": {"id": "p9", "at": "2026-03-06T09:00:00Z"},
        "receipt": {"id": "r7", "at": "2026-03-05T09:00:00Z", "variant_id": "B"},
    },
}
UPGRADE = {
    "report": {"id": "v3", "at": "2026-03-07T09:00:00Z"},
    "app_id": "ios",
    "from_version": "1.10.0",
    "to_version": "1.10",
}
UPGRADED = UPGRADE | {
    "report": {"id": "v2", "at": "2026-03-06T09:00:00Z"},
    "from_version": "1.9",
    "to_version": "1.10.0",
}
EVERYWHERE = ("streams", "conversions")
STREAM_OF_PLAIN = "SELECT stream_id FROM report_campaigns_1 WHERE campaign_id = 'plain'"

FAULTS: dict[str, Fault] = {
    "a conversion removed": Fault(
        lambda c: remove(c, "conversion_recorded", '"p1"'), {("conversion", "missing", "streams")}
    ),
    "a conversion added": Fault(
        lambda c: forge(c, "journey.conversion_recorded", FORGED, "u6"), {("conversion", "unfounded", "streams")}
    ),
    "a conversion moved by a microsecond": Fault(
        lambda c: alter(c, "conversion_recorded", _now("now", "behaviour", "at", value="2026-03-02T10:00:00.000001Z"), '"p1"'),
        {("conversion", "other_instant", "streams")},
    ),
    "a conversion credited to the wrong variant": Fault(
        lambda c: alter(c, "conversion_recorded", _now("now", "receipt", "variant_id", value="B"), '"p1"'),
        {("conversion", "other_variant", "streams")},
    ),
    "a conversion credited to the wrong receipt": Fault(
        lambda c: alter(c, "conversion_recorded", _now("now", "receipt", "id", value="r0"), '"p1"'),
        {("conversion", "other_receipt", "streams")},
    ),
    "a conversion by another behaviour": Fault(
        lambda c: alter(c, "conversion_recorded", _now("now", "behaviour", "id", value="p0"), '"p1"'),
        {("conversion", "other_behaviour", "streams")},
    ),
    "a withdrawn conversion kept": Fault(
        lambda c: remove(c, "conversion_withdrawn", '"p4"'), {("conversion", "unfounded", "streams")}
    ),
    "a restatement forgotten": Fault(
        lambda c: remove(c, "conversion_restated", '"p3"'), {("conversion", "other_behaviour", "streams")}
    ),
    "a restatement of what did not stand": Fault(
        lambda c: alter(c, "conversion_restated", _now("before", "receipt", "id", value="r0"), '"p3"'),
        {("conversion", "says_what_did_not_stand_before", "streams")},
    ),
    "revenue off by a cent": Fault(
        lambda c: alter(c, "revenue_attributed", _now("now", "net", value="7.51"), '"p2"'),
        {("revenue", "other_net", "streams")},
    ),
    "revenue in another currency": Fault(
        lambda c: alter(c, "revenue_attributed", _now("currency", value="USD"), '"p3"'),
        {("revenue", "other_currency", "streams")},
    ),
    "revenue forgotten": Fault(lambda c: remove(c, "revenue_attributed", '"p3"'), {("revenue", "missing", "streams")}),
    "withdrawn revenue kept": Fault(
        lambda c: remove(c, "revenue_withdrawn", '"p4"'), {("revenue", "unfounded", "streams")}
    ),
    "a refund dropped": Fault(
        lambda c: remove(c, "refund", '"x1"'),
        {
            ("revenue", "other_net", "streams"),
            ("revenue", "other_net", "counted_revenue"),
            ("figure", "other_number", "campaign_report"),
            ("figure", "other_number", "series"),
        },
    ),
    "a receipt dropped": Fault(
        lambda c: remove(c, "received", '"r7"'),
        {
            ("recipient", "unfounded", "streams"),
            ("recipient", "unfounded", "recipients"),
            ("figure", "other_number", "campaign_report"),
            ("figure", "other_number", "series"),
        },
    ),
    "a receipt moved to control": Fault(
        lambda c: alter(c, "received", _now("variant_id", value="holdout"), '"r7"'),
        {
            ("recipient", "unfounded", "streams"),
            ("recipient", "unfounded", "recipients"),
            ("recipient", "missing", "streams"),
            ("recipient", "missing", "recipients"),
            ("figure", "other_number", "campaign_report"),
            ("figure", "other_number", "series"),
        },
    ),
    "a receipt of no variant": Fault(
        lambda c: alter(c, "received", _now("variant_id", value="C"), '"r7"'),
        {
            ("receipt", "unknown_variant", "streams"),
            ("recipient", "unfounded", "streams"),
            ("recipient", "unfounded", "recipients"),
            ("recipient", "missing", "streams"),
            ("recipient", "missing", "recipients"),
            ("figure", "other_number", "campaign_report"),
            ("figure", "other_number", "series"),
        },
    ),
    "a recipient's first receipt mistaken": Fault(
        lambda c: alter(c, "recipient_counted", _now("now", "id", value="r0"), '"r7"'),
        {("recipient", "other_receipt", "streams")},
    ),
    "a recipient of a receipt of another variant": Fault(
        lambda c: alter(c, "recipient_counted", _now("now", "variant_id", value="A"), '"r7"'),
        {("recipient", "other_variant", "streams")},
    ),
    "a recipient forgotten": Fault(
        lambda c: remove(c, "recipient_counted", '"r7"'), {("recipient", "missing", "streams")}
    ),
    "an upgrade forgotten": Fault(
        lambda c: remove(c, "upgrade_recorded", '"v2"'), {("upgrade", "missing", "streams")}
    ),
    "an upgrade that is none": Fault(
        lambda c: forge(c, "journey.upgrade_recorded", UPGRADE, "u5"), {("upgrade", "unfounded", "streams")}
    ),
    "a void that had no effect": Fault(
        lambda c: remove(c, "fact_disregarded", '"p4"'), {("void", "missing", "streams")}
    ),
    "a fact recorded twice": Fault(
        lambda c: forge(c, "journey.received", {"type": "received", **RECEIPT_2, "id": "r7", "campaign_id": "plain", "variant_id": "default"}, "u6"),
        {
            ("fact", "recorded_twice", "streams"),
            ("recipient", "missing", "streams"),
            ("recipient", "missing", "recipients"),
            ("figure", "other_number", "campaign_report"),
            ("figure", "other_number", "series"),
        },
    ),
    "an event of a topic that there is not": Fault(
        put("UPDATE events SET topic = 'journey.nonsense' WHERE state LIKE '%\"s2\"%' AND topic = 'journey.session_started'"),
        {("event", "unknown_topic", "streams")},
    ),
    "a fact at no instant": Fault(
        lambda c: alter(c, "session_started", _now("at", value="yesterday"), '"s2"'), {("event", "unreadable", "streams")}
    ),
    "a decision that cannot be read": Fault(
        put("UPDATE events SET state = '{' WHERE topic = 'journey.conversion_recorded' AND state LIKE '%\"p1\"%'"),
        {("event", "unreadable", "streams"), ("conversion", "missing", "streams")},
    ),
    "a fact that cannot be read": Fault(
        put("UPDATE events SET state = '{' WHERE state LIKE '%\"s2\"%' AND topic = 'journey.session_started'"),
        {("event", "unreadable", "streams")},
    ),
    "revenue of a seventh decimal": Fault(
        lambda c: alter(c, "revenue_attributed", _now("now", "net", value="7.5000004"), '"p2"'),
        {("revenue", "other_net", "streams")},
    ),
    "an instant of a seventh decimal": Fault(
        lambda c: alter(c, "conversion_recorded", _now("now", "behaviour", "at", value="2026-03-02T10:00:00.0000001Z"), '"p1"'),
        {("conversion", "other_instant", "streams")},
    ),
    "revenue of no currency": Fault(
        lambda c: alter(c, "revenue_attributed", lambda state: state.pop("currency"), '"p3"'),
        {("revenue", "other_currency", "streams")},
    ),
    "an upgrade recorded twice": Fault(
        lambda c: forge(c, "journey.upgrade_recorded", UPGRADED, "u5"),
        {("upgrade", "says_what_did_not_stand_before", "streams")},
    ),
    "an upgrade withdrawn that was none": Fault(
        lambda c: forge(c, "journey.upgrade_withdrawn", UPGRADE, "u5"),
        {("upgrade", "says_what_did_not_stand_before", "streams")},
    ),
    "a fact disregarded twice": Fault(
        lambda c: forge(c, "journey.fact_disregarded", {"void_id": "d1", "fact": {"type": "purchase", "id": "p4"}}, "u3"),
        {("void", "disregarded_twice", "streams")},
    ),
    "a fact disregarded because of no void": Fault(
        lambda c: alter(c, "fact_disregarded", _now("void_id", value="d0"), '"p4"'), {("void", "other_void", "streams")}
    ),
    "an event lost from a campaign": Fault(
        put("UPDATE events SET originator_version = 7 WHERE position = (SELECT min(position) FROM events WHERE topic = 'campaign.launched')"),
        {("stream", "event_missing", "streams")},
    ),
    "an event lost from a stream": Fault(
        lambda c: lose(c, "session_started", '"s2"'), {("stream", "event_missing", "streams")}
    ),
    "a row of conversions deleted": Fault(
        put("DELETE FROM conversions_1 WHERE behaviour_id = 'p1'"), {("conversion", "missing", "conversions")}
    ),
    "a row of conversions with another variant": Fault(
        put("UPDATE conversions_1 SET variant_id = 'B' WHERE behaviour_id = 'p1'"),
        {("conversion", "other_variant", "conversions")},
    ),
    "a counted purchase off by a cent": Fault(
        put("UPDATE counted_revenue_1 SET net = '35.01' WHERE fact_id = 'p1'"),
        {("revenue", "other_net", "counted_revenue")},
    ),
    "a counted purchase of a seventh decimal": Fault(
        put("UPDATE counted_revenue_1 SET net = '35.0000004' WHERE fact_id = 'p1'"),
        {("revenue", "other_net", "counted_revenue")},
    ),
    "a row of conversions at an instant of a seventh decimal": Fault(
        put("UPDATE conversions_1 SET behaviour_at = '2026-03-02T10:00:00.0000004Z' WHERE behaviour_id = 'p1'"),
        {("conversion", "other_instant", "conversions")},
    ),
    "a row of conversions in another app group": Fault(
        put("UPDATE conversions_1 SET app_group = 'other' WHERE behaviour_id = 'p1'"),
        {("conversion", "other_app_group", "conversions")},
    ),
    "a counted purchase in another app group": Fault(
        put("UPDATE counted_revenue_1 SET app_group = 'other' WHERE fact_id = 'p1'"),
        {("revenue", "other_app_group", "counted_revenue")},
    ),
    "a recipient in another app group": Fault(
        put("UPDATE recipients_1 SET app_group = 'other' WHERE first_receipt_id = 'r7' AND variant_id = 'B'"),
        {("recipient", "other_app_group", "recipients")},
    ),
    "a conversion recorded in another app group": Fault(
        put("UPDATE events SET app_group = 'other' WHERE topic = 'journey.conversion_recorded' AND state LIKE '%\"p1\"%'"),
        {("conversion", "other_app_group", "streams"), ("stream", "event_missing", "streams")},
    ),
    "a row of conversions that is control's": Fault(
        put("UPDATE conversions_1 SET control = TRUE WHERE behaviour_id = 'p1'"),
        {("conversion", "other_control", "conversions")},
    ),
    "a counted purchase that is not control's": Fault(
        put("UPDATE counted_revenue_1 SET control = FALSE WHERE fact_id = 'p5'"),
        {("revenue", "other_control", "counted_revenue")},
    ),
    "a window that ends later": Fault(
        put("UPDATE conversions_1 SET window_ends_at = '2026-03-04T09:00:00.000001Z' WHERE behaviour_id = 'p1'"),
        {("conversion", "other_window", "conversions")},
    ),
    "a row of conversions in another stream": Fault(
        put("UPDATE conversions_1 SET stream_id = 'campaign-x' WHERE behaviour_id = 'p1'"),
        {("conversion", "other_stream", "conversions")},
    ),
    "a counted purchase in another campaign's stream": Fault(
        put(f"UPDATE counted_revenue_1 SET stream_id = ({STREAM_OF_PLAIN}) WHERE fact_id = 'p1'"),
        {("revenue", "other_stream", "counted_revenue")},
    ),
    "a recipient in another stream": Fault(
        put("UPDATE recipients_1 SET stream_id = 'campaign-x' WHERE first_receipt_id = 'r7' AND variant_id = 'B'"),
        {("recipient", "other_stream", "recipients")},
    ),
    "a conversion of no conversion event": Fault(
        put("UPDATE conversions_1 SET conversion_event = 5 WHERE behaviour_id = 'p1'"),
        {("conversion", "unfounded", "conversions"), ("conversion", "missing", "conversions")},
    ),
    "a recipient with a receipt too many": Fault(
        put("UPDATE recipients_1 SET receipts = 2 WHERE first_receipt_id = 'r7' AND variant_id = 'B'"),
        {("recipient", "other_number_of_receipts", "recipients")},
    ),
    "a report with a conversion too many": Fault(
        put("UPDATE report_conversions_1 SET conversions = conversions + 1 WHERE variant_id = 'A' AND conversion_event = 0"),
        {("figure", "other_number", "campaign_report")},
    ),
    "a report off by a cent": Fault(
        put("UPDATE report_revenue_1 SET amount = '45.51' WHERE variant_id = 'A' AND campaign_id = 'spring'"),
        {("figure", "other_number", "campaign_report")},
    ),
    "a report with a variant that is control": Fault(
        put("UPDATE report_variants_1 SET control = TRUE WHERE variant_id = 'A'"),
        {("campaign", "other_control", "campaign_report"), ("figure", "other_number", "campaign_report")},
    ),
    "a report with a control that is none": Fault(
        put("UPDATE report_variants_1 SET control = FALSE WHERE variant_id = 'holdout'"),
        {("campaign", "other_control", "campaign_report"), ("figure", "other_number", "campaign_report")},
    ),
    "a report without a variant": Fault(
        put("DELETE FROM report_variants_1 WHERE variant_id = 'holdout'"),
        {("campaign", "missing", "campaign_report"), ("figure", "other_number", "campaign_report")},
    ),
    "a report with a variant too many": Fault(
        put("INSERT INTO report_variants_1 SELECT stream_id, app_group, campaign_id, 'C', 3, NULL, control, 0, 0, 0 FROM report_variants_1 WHERE variant_id = 'A'"),
        {("campaign", "unfounded", "campaign_report")},
    ),
    "a report of no conversion events": Fault(
        put("UPDATE report_campaigns_1 SET conversion_events = '[]' WHERE campaign_id = 'spring'"),
        {("campaign", "other_conversion_events", "campaign_report"), ("figure", "other_number", "campaign_report")},
    ),
    "a report with another deadline": Fault(
        put("UPDATE report_campaigns_1 SET conversion_events = replace(conversion_events, '86400', '86401') WHERE campaign_id = 'spring'"),
        {("campaign", "other_conversion_events", "campaign_report")},
    ),
    "a report of conversion events that cannot be read": Fault(
        put("UPDATE report_campaigns_1 SET conversion_events = '{' WHERE campaign_id = 'plain'"),
        {("campaign", "other_conversion_events", "campaign_report")},
    ),
    "a report of a conversion event that there is not": Fault(
        put("UPDATE report_conversions_1 SET conversion_event = 7 WHERE variant_id = 'A' AND conversion_event = 1"),
        {("figure", "other_number", "campaign_report")},
    ),
    "a report with conversions in another stream": Fault(
        put("UPDATE report_conversions_1 SET stream_id = 'campaign-x' WHERE variant_id = 'A' AND conversion_event = 0"),
        {("figure", "other_stream", "campaign_report"), ("figure", "other_number", "campaign_report")},
    ),
    "a report with revenue in another campaign's stream": Fault(
        put(f"UPDATE report_revenue_1 SET stream_id = ({STREAM_OF_PLAIN}) WHERE variant_id = 'A' AND campaign_id = 'spring'"),
        {("figure", "other_stream", "campaign_report"), ("figure", "other_number", "campaign_report")},
    ),
    "a report with conversions in another app group": Fault(
        put("UPDATE report_conversions_1 SET app_group = 'other' WHERE variant_id = 'A' AND conversion_event = 0"),
        {("figure", "other_stream", "campaign_report")},
    ),
    "a report in another stream": Fault(
        put("UPDATE report_campaigns_1 SET stream_id = 'campaign-x' WHERE campaign_id = 'plain'"),
        {
            ("campaign", "missing", "campaign_report"),
            ("figure", "other_stream", "campaign_report"),
            ("figure", "other_number", "campaign_report"),
        },
    ),
    "a day's conversions in another stream": Fault(
        put("UPDATE series_conversions_1 SET stream_id = 'campaign-x' WHERE variant_id = 'A' AND conversion_event = 1 AND clock = 'receipt'"),
        {("figure", "other_stream", "series"), ("figure", "other_number", "series")},
    ),
    "a day's revenue in another campaign's stream": Fault(
        put(f"UPDATE series_revenue_1 SET stream_id = ({STREAM_OF_PLAIN}) WHERE variant_id = 'holdout' AND clock = 'receipt'"),
        {("figure", "other_stream", "series"), ("figure", "other_number", "series")},
    ),
    "a day's receipts in another app group": Fault(
        put("UPDATE series_receipts_1 SET app_group = 'other' WHERE variant_id = 'B' AND campaign_id = 'spring' AND day = '2026-03-05'"),
        {("figure", "other_stream", "series")},
    ),
    "a day with a recipient too few": Fault(
        put("UPDATE series_receipts_1 SET unique_recipients = 0 WHERE variant_id = 'B' AND campaign_id = 'spring' AND day = '2026-03-05'"),
        {("figure", "other_number", "series")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_found_and_told_apart(service: Service, fault: str) -> None:
    """Each by its own kind: what it is about, what is wrong, and who says so."""
    plant, told = FAULTS[fault]
    with service.database.writing() as connection:
        for trigger in ("events_refuse_update", "events_refuse_delete"):
            connection.execute(text(f"DROP TRIGGER {trigger}"))
        plant(connection)
    found = audited(service)
    assert kinds(found) == told, found.judged.differences
    assert all(difference.as_json() for difference in found.judged.differences)
    assert all(
        describe_thing(each) and describe_problem(each.problem) != each.problem
        for each in found.judged.differences
    )


def test_faults_are_told_of_the_campaign_that_is_asked_for(service: Service) -> None:
    """A reader of it misses what lies in another stream; of another campaign nothing is told."""
    plain = "campaign_id = 'plain'"
    with service.database.writing() as connection:
        put(f"UPDATE report_campaigns_1 SET conversion_events = '[{{}}]' WHERE {plain}")(connection)
        put(f"UPDATE series_receipts_1 SET stream_id = 'campaign-x' WHERE variant_id = '' AND {plain}")(
            connection
        )
        put(f"UPDATE recipients_1 SET stream_id = 'campaign-x' WHERE variant_id = '' AND {plain}")(connection)
    told = {
        ("campaign", "other_conversion_events", "campaign_report"),
        ("figure", "other_number", "series"),
        ("figure", "other_stream", "series"),
        ("recipient", "other_stream", "recipients"),
    }
    assert kinds(audited(service)) == kinds(audited(service, "plain")) == told
    assert kinds(audited(service, "spring")) == set()


def test_damaged_read_models_are_told_on_postgresql(
    tmp_path: Path, postgresql: Server, template: str
) -> None:
    """Their flags, windows and streams are read alike from the other database."""
    faults = (
        "a row of conversions that is control's",
        "a counted purchase in another campaign's stream",
        "a recipient in another app group",
        "a report with a variant that is control",
        "a report with another deadline",
        "a day's revenue in another campaign's stream",
    )
    with databases.on(postgresql, template), make(tmp_path) as service:
        with service.database.writing() as connection:
            for fault in faults:
                FAULTS[fault].plant(connection)
            later = "window_ends_at + interval '1 microsecond'"
            put(f"UPDATE conversions_1 SET window_ends_at = {later} WHERE behaviour_id = 'p3'")(connection)
        found = audited(service)
        assert kinds(audited(service, "plain")) < kinds(found)
        with pytest.raises(NoSuchCampaign):
            audited(service, "none")
    told = set().union(*(FAULTS[fault].told for fault in faults))
    assert kinds(found) == told | {("conversion", "other_window", "conversions")}, found.judged.differences


def test_events_that_were_altered_are_named_beside_what_differs(service: Service) -> None:
    """The fact that is not what was recorded, and not only the decision that was right when it was made."""
    with service.database.writing() as connection:
        connection.execute(text("DROP TRIGGER events_refuse_update"))
        alter(connection, "purchase", _now("price", value="135.00"), '"p1"')
        position, _, _ = _found(connection, "purchase", '"p1"')
    found = audited(service)
    assert ("revenue", "other_net", "streams") in kinds(found)
    assert found.altered == [position]
    assert found.as_json()["altered"] == [str(position)]


def test_no_kind_of_difference_hides_the_others() -> None:
    """So many of each are told, and causes first; all are counted."""
    judged = Judged()
    for subject, number in (("figure", 700), ("conversion", 700), ("event", 1)):
        for each in range(number):
            story = Story(net=Decimal(each))
            judged.note(Difference(subject, "missing", "streams", "shop", None, None, "", story, Story()))
    found = AuditResult("ledger", "duckdb", 0, None, ("streams",), 0, judged, 0.0)
    assert found.differs == 1_401
    assert [each.subject for each in found.listed] == ["event", *["conversion"] * 100, *["figure"] * 100]


def test_what_cannot_be_read_is_told_as_that() -> None:
    """No instant before 1970 and no amount below 0 that nobody ever wrote."""
    story = Story(id="p1", at=UNREADABLE, net=Decimal(UNREADABLE))
    difference = Difference("revenue", "other_net", "conversions", "shop", "j", "c", "p1", Story(), story)
    assert (
        describe_story(difference, story)
        == "p1 at an instant that cannot be read an amount that cannot be read"
    )
    assert story.as_json() == {"id": "p1", "at": "unreadable", "net": "unreadable"}
