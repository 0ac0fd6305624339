"""`conversions report` of another time on the command line: shapes, sentences, and what is refused."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from infrastructure.cli.app import command_line
from infrastructure.cli.options import Refused
from tests.infrastructure.cli.test_command_line import answer, ledger
from tests.support.commands import run

__all__ = ["ledger"]

LATE = """
{"type":"received","id":"r4","user_id":"u4","campaign_id":"spring-sale","variant_id":"B","at":"2026-03-01T09:00:00Z"}
{"type":"purchase","id":"p0","user_id":"u1","product_id":"sku-9","price":"5","currency":"USD","at":"2026-03-01T20:00:00Z"}
{"type":"refund","id":"x1","user_id":"u1","purchase_id":"p1","amount":"9.99","at":"2026-03-09T10:00:00Z"}
{"type":"void","id":"d1","user_id":"u2","fact_id":"r2","at":"2026-03-10T08:00:00Z"}
"""
EARLIER, NOW = "2026-03-01T12:00:00Z", "2999-01-01T00:00:00Z"


def moment() -> str:
    """This moment, as an option has it."""
    return datetime.now(UTC).isoformat()


def late(ledger: Path) -> str:
    """Import what is reported late; a moment before that."""
    before = moment()
    (ledger / "late.jsonl").write_text(LATE)
    assert run(ledger, "import", "late.jsonl").returncode == 0
    return before


def test_r14_as_of_an_instant_the_report_is_what_it_said(ledger: Path) -> None:
    """R14: with the instant and the clock beside it, and without the mature rates, which are of now."""
    said = answer(ledger, "report", "spring-sale")
    before = late(ledger)
    del said["mature"]
    found = answer(ledger, "report", "spring-sale", "--as-of", before)
    assert found.pop("as_of")["clock"] == "recorded"
    assert found == said
    now = answer(ledger, "report", "spring-sale", "--as-of", NOW)
    assert now["as_of"] == {"instant": NOW, "clock": "recorded"}
    assert now["position"] > said["position"]
    assert now["totals"]["revenue"] == {"USD": "14.99"}
    table = run(ledger, "report", "spring-sale", "--as-of", before).stdout
    assert ": what it said." in table
    assert "50.00 %" in table
    assert "Mature" not in table
    csv = run(ledger, "report", "spring-sale", "--as-of", before, "--csv").stdout.splitlines()
    assert "spring-sale,,,revenue,,USD,19.98" in csv


def test_what_was_true_of_an_instant_is_told_as_known_now(ledger: Path) -> None:
    """R7, R17: at noon of the first day the session had converted, and the late void and receipt count."""
    late(ledger)
    found = answer(
        ledger, "report", "spring-sale", "--as-of", "2026-03-01T13:00:00+01:00", "--clock", "occurred"
    )
    assert found["as_of"] == {"instant": EARLIER, "clock": "occurred"}
    assert found["totals"] == {
        "receipts": 2, "unique_recipients": 2, "conversions": [0, 1, 0, 0],
        "conversion_rates": [0.0, 0.5, 0.0, 0.0], "revenue": {},
    }  # fmt: skip
    table = run(ledger, "report", "spring-sale", "--as-of", EARLIER, "--clock", "occurred").stdout
    assert "As of 2026-03-01 12:00:00 UTC: what is known now to have been true." in table


def test_a_difference_names_figures_changes_and_causes(ledger: Path) -> None:
    """R14: what changed, from what to what, and because of which fact."""
    before = late(ledger)
    found = answer(ledger, "report", "spring-sale", "--diff", before, NOW)
    assert {(each["variant_id"], each["figure"]): each["difference"] for each in found["figures"]} == {
        (None, "revenue"): "-4.99",
        ("A", "revenue"): "-4.99",
    }
    told = [
        (each["user_id"], each["what"], each["change"], each["because"]["id"]) for each in found["changes"]
    ]
    assert sorted(told) == [
        ("u1", "conversion", "restated", "p0"),
        ("u1", "revenue", "recorded", "p0"),
        ("u1", "revenue", "restated", "x1"),
        ("u2", "receipt", "withdrawn", "d1"),
        ("u4", "receipt", "recorded", "r4"),
    ]
    assert found["changes_total"] == 5
    [conversion] = [each for each in found["changes"] if each["what"] == "conversion"]
    assert (conversion["letter"], conversion["before"]["behaviour"]) == (
        "A",
        {"id": "p1", "at": "2026-03-02T10:00:00Z"},
    )
    assert conversion["because"] == {"type": "purchase", "id": "p0", "at": "2026-03-01T20:00:00Z"}
    [came] = [each for each in found["changes"] if each["user_id"] == "u4"]
    assert came["unique_recipients"] == {"variant": 1, "campaign": 1}
    csv = run(ledger, "report", "spring-sale", "--diff", before, NOW, "--csv").stdout.splitlines()
    assert csv == [
        "campaign_id,variant_id,control,figure,conversion_event,currency,before,after,difference",
        "spring-sale,,,revenue,,USD,19.98,14.99,-4.99",
        "spring-sale,A,false,revenue,,USD,19.98,14.99,-4.99",
    ]


def test_a_difference_is_told_in_sentences(ledger: Path) -> None:
    """Who, what, and because of what; the first ones, and how many more there are."""
    before = late(ledger)
    told = run(ledger, "report", "spring-sale", "--diff", before, NOW).stdout
    for sentence in (
        (
            "u1: conversion on event A changed from p1 of 2026-03-02 10:00:00 UTC to purchase p0 of "
            "2026-03-01 20:00:00 UTC, credited to variant A"
        ),
        "u1: revenue of purchase p0 of 2026-03-01 20:00:00 UTC is new: 5.00 USD, credited to variant A",
        (
            "u1: revenue of purchase p1 of 2026-03-02 10:00:00 UTC changed from 19.98 USD to 9.99 USD, credited to "
            "variant A; because of refund x1 of 2026-03-09 10:00:00 UTC"
        ),
        (
            "u2: receipt r2 of 2026-03-01 09:00:00 UTC no longer counts for variant B; no longer a unique recipient of "
            "the variant and the campaign; because of void d1 of 2026-03-10 08:00:00 UTC"
        ),
        (
            "u4: receipt r4 of 2026-03-01 09:00:00 UTC counts for variant B; a new unique recipient of the variant and "
            "the campaign"
        ),
    ):
        assert sentence in told
    assert "-4.99 USD" in told
    few = run(ledger, "report", "spring-sale", "--diff", before, NOW, "--limit", "1").stdout
    assert "and 4 more of 5: --limit shows them" in few
    none = run(ledger, "report", "spring-sale", "--diff", before, before).stdout
    assert "No figure changed." in none


def test_r27_a_difference_tells_orders_and_what_was_given_back(ledger: Path) -> None:
    """R27: revenue is of an order, because of the fact of its own type; the purchase that there was says so too."""
    before = late(ledger)
    order = {"type": "order", "id": "o-1", "user_id": "u1", "at": "2026-03-02T12:00:00Z", "currency": "USD"}
    refund = {
        "type": "order_refund",
        "id": "f1",
        "user_id": "u1",
        "at": "2026-03-03T12:00:00Z",
        "order_id": "o-1",
    }
    facts = [
        order | {"lines": [{"product_id": "tea", "price": "9.99"}], "total": "12"},
        refund | {"amount": "2"},
    ]
    (ledger / "orders.jsonl").write_text("\n".join(map(json.dumps, facts)))
    assert run(ledger, "import", "orders.jsonl").returncode == 0
    found = answer(ledger, "report", "spring-sale", "--diff", before, NOW)["changes"]
    revenue = [each for each in found if each["what"] == "revenue"]
    assert [
        (each["purchase"]["type"], each["purchase"]["id"], each["because"]["type"]) for each in revenue
    ] == [
        ("purchase", "p0", "purchase"),
        ("purchase", "p1", "refund"),
        ("order", "o-1", "order"),
        ("order", "o-1", "order_refund"),
    ]
    told = run(ledger, "report", "spring-sale", "--diff", before, NOW).stdout
    assert (
        "u1: revenue of order o-1 of 2026-03-02 12:00:00 UTC is new: 12.00 USD, credited to variant A" in told
    )
    assert "changed from 12.00 USD to 10.00 USD, credited to variant A; because of order refund f1 of" in told
    occurred = run(ledger, "report", "spring-sale", "--diff", EARLIER, NOW, "--clock", "occurred").stdout
    assert "u1: revenue of order o-1 of 2026-03-02 12:00:00 UTC: 10.00 USD" in occurred


def test_a_difference_of_what_occurred_lists_what_happened(ledger: Path) -> None:
    """Every receipt, conversion and purchase between the two instants, and the rates where there were none before."""
    found = answer(
        ledger, "report", "spring-sale", "--diff", "2026-03-01T08:00:00Z", EARLIER, "--clock", "occurred"
    )
    assert (found["clock"], found["changes_total"]) == ("occurred", 4)
    assert [(each["at"], each["what"], each["change"]) for each in found["changes"]] == [
        ("2026-03-01T09:00:00Z", "receipt", "occurred"),
        ("2026-03-01T09:00:00Z", "receipt", "occurred"),
        ("2026-03-01T09:00:00Z", "receipt", "occurred"),
        ("2026-03-01T10:00:00Z", "conversion", "occurred"),
    ]
    rates = [
        each for each in found["figures"] if each["figure"] == "conversion_rate" and each["variant_id"] == "A"
    ]
    assert [(each["letter"], each["before"], each["after"], each["difference"]) for each in rates] == [
        ("A", None, 0.0, None), ("B", None, 1.0, None), ("C", None, 0.0, None), ("D", None, 0.0, None),
    ]  # fmt: skip
    told = run(ledger, "report", "spring-sale", "--diff", EARLIER, NOW, "--clock", "occurred").stdout
    assert "conversion on event A: p1 of 2026-03-02 10:00:00 UTC, credited to variant A" in told
    assert "+50.00 points" in told
    assert "control group" not in told


def test_the_receipts_of_some_days_are_reported(ledger: Path) -> None:
    """R20: whole days, both inside, either of them left out; what came of those receipts later counts."""
    of_day = answer(ledger, "report", "spring-sale", "--received-from", "2026-03-01", "--to", "2026-03-01")
    assert (of_day["received_from"], of_day["to"]) == ("2026-03-01", "2026-03-01")
    assert of_day["totals"]["revenue"] == {"USD": "19.98"}
    until = answer(ledger, "report", "spring-sale", "--to", "2026-03-01")
    assert (until["received_from"], until["to"], until["totals"]) == (None, "2026-03-01", of_day["totals"])
    since = answer(ledger, "report", "spring-sale", "--received-from", "2026-03-02")
    assert (since["totals"]["receipts"], since["name"], since["to"]) == (0, "Spring sale", None)
    for options, said in (
        (("--received-from", "2026-03-01"), "Receipts of 2026-03-01 and later"),
        (("--to", "2026-03-01"), "Receipts of 2026-03-01 and earlier"),
        (
            ("--received-from", "2026-03-01", "--to", "2026-03-02"),
            "Receipts from 2026-03-01 to 2026-03-02, both days included",
        ),
    ):
        assert said in run(ledger, "report", "spring-sale", *options).stdout
    assert (
        "spring-sale,,,receipts,,,2"
        in run(ledger, "report", "spring-sale", "--to", "2026-03-01", "--csv").stdout
    )


def test_mature_rates_stand_beside_the_raw_ones(ledger: Path) -> None:
    """R6: who received it an hour ago is open, and not among those whose rate is mature."""
    at = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    fact = {
        "type": "received",
        "id": "r9",
        "user_id": "u9",
        "campaign_id": "spring-sale",
        "variant_id": "A",
        "at": at,
    }
    assert run(ledger, "import", "-", given=json.dumps(fact)).returncode == 0
    found = answer(ledger, "report", "spring-sale")
    mature: dict[str, Any] = found["mature"]
    assert mature["position"] == found["position"]
    assert mature["as_of"].endswith(":00:00Z")
    assert mature["totals"][0] == {
        "index": 0, "letter": "A", "recipients": 2, "converted": 1, "rate": 0.5, "open": 1,
    }  # fmt: skip
    assert [(each["variant_id"], each["conversion_events"][0]["open"]) for each in mature["variants"]] == [
        ("A", 1), ("B", 0), ("holdout", 0),
    ]  # fmt: skip
    table = run(ledger, "report", "spring-sale").stdout
    for part in ("Mature rate", "Open", "33.33 %", "50.00 %", "A mature rate counts the recipients"):
        assert part in table
    csv = run(ledger, "report", "spring-sale", "--csv").stdout.splitlines()
    assert f"spring-sale,,,mature_as_of,,,{mature['as_of']}" in csv
    assert "spring-sale,A,false,open,A,,1" in csv
    assert "spring-sale,,,mature_rate,A,,0.5" in csv
    assert "spring-sale,holdout,true,mature_recipients,A,,1" in csv


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("--as-of", "yesterday"), "bad_time", "RFC 3339 with an offset"),
        (("--as-of", "2026-03-01"), "bad_time", "RFC 3339 with an offset"),
        (("--as-of", "2026-03-01T10:00:00"), "bad_time", "RFC 3339 with an offset"),
        (("--as-of", "2026-02-30T10:00:00Z"), "bad_time", "no such instant"),
        (("--diff", EARLIER, "later"), "bad_time", "RFC 3339 with an offset"),
        (("--diff", NOW, EARLIER), "bad_option", "the earlier one is to come first"),
        (("--as-of", NOW, "--diff", EARLIER, NOW), "bad_option", "--as-of and --diff exclude one another"),
        (("--as-of", NOW, "--to", "2026-03-01"), "bad_option", "--as-of and --to exclude one another"),
        (("--diff", EARLIER, NOW, "--received-from", "2026-03-01"), "bad_option", "exclude one another"),
        (("--csv", "--json"), "bad_option", "--json and --csv exclude one another"),
        (("--clock", "occurred"), "bad_option", "--clock goes with --as-of or --diff"),
        (("--as-of", NOW, "--clock", "cuckoo"), "bad_option", "'cuckoo' is no clock: recorded or occurred"),
        (("--as-of", NOW, "--limit", "3"), "bad_option", "--limit goes with --diff"),
        (("--received-from", "20260301"), "bad_option", "is no day; write it as 2026-03-01"),
        (("--to", "2026-02-30"), "bad_option", "is no day"),
        (("--received-from", "2026-03-02", "--to", "2026-03-01"), "bad_option", "comes after 2026-03-01"),
    ],
)
def test_what_makes_no_sense_is_refused(options: tuple[str, ...], code: str, said: str) -> None:
    """A code, and words that say what to do; before any database is opened."""
    given = ["report", "spring-sale", "--database", "sqlite:///nowhere.db", *options]
    with pytest.raises(Refused, match=said) as refused:
        command_line()(given, standalone_mode=False)
    assert (refused.value.code, refused.value.status) == (code, 1)


def test_a_refusal_is_json_where_json_was_asked_for(ledger: Path) -> None:
    """Scripts read the code; the campaign was not there yet."""
    done = run(ledger, "report", "spring-sale", "--json", "--as-of", EARLIER)
    error = json.loads(done.stderr)["error"]
    assert (done.returncode, error["code"]) == (1, "unknown_campaign")
    assert f"yet at {EARLIER}: it was drafted at 20" in error["message"]
