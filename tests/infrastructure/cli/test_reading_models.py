"""The commands that read a model of one campaign: series, conversions, recipients and overlap."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import run

CAMPAIGNS = """
app_group: shop
time_zone: Europe/Amsterdam
apps: [ios]
campaigns:
  - id: spring
    variants: [{id: A}, {id: "[bold]B"}, {id: holdout, control: true}]
    conversion_events:
      - {type: makes_purchase, deadline: 3d}
      - {type: starts_session, deadline: 3d}
  - {id: summer, conversion_events: [{type: makes_purchase, deadline: 3d}]}
  - {id: quiet}
"""

FACTS = """
{"type":"received","id":"r1","user_id":"u1","campaign_id":"spring","variant_id":"A","at":"2026-03-01T09:00:00Z"}
{"type":"received","id":"r2","user_id":"u1","campaign_id":"spring","variant_id":"[bold]B","at":"2026-03-02T09:00:00Z"}
{"type":"received","id":"r3","user_id":"u1","campaign_id":"summer","at":"2026-03-01T09:00:00Z"}
{"type":"purchase","id":"p1","user_id":"u1","product_id":"x","price":"1234.50","currency":"EUR","at":"2026-03-02T23:30:00Z"}
{"type":"received","id":"r1","user_id":"u2","campaign_id":"spring","variant_id":"A","at":"2026-03-01T09:00:00Z"}
{"type":"session_started","id":"s1","user_id":"u2","app_id":"ios","at":"2026-03-01T10:00:00Z"}
{"type":"received","id":"r1","user_id":"u3","campaign_id":"spring","variant_id":"holdout","at":"2026-03-01T09:00:00Z"}
{"type":"purchase","id":"p1","user_id":"u3","product_id":"x","price":"1","currency":"EUR","at":"2026-03-01T09:00:00Z"}
"""


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a ledger of these campaigns and facts; all that is tested here only reads it."""
    tmp_path = tmp_path_factory.mktemp("ledger")
    (tmp_path / "campaigns.yaml").write_text(CAMPAIGNS)
    (tmp_path / "facts.jsonl").write_text(FACTS)
    assert run(tmp_path, "campaigns", "apply", "campaigns.yaml").returncode == 0
    assert run(tmp_path, "import", "facts.jsonl").returncode == 0
    return tmp_path


def printed(directory: Path, *arguments: str) -> str:
    """What a command prints."""
    done = run(directory, *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout


def answer(directory: Path, *arguments: str) -> Any:
    """What a command prints with --json."""
    return json.loads(printed(directory, *arguments, "--json"))


def sheet(directory: Path, *arguments: str) -> list[dict[str, str]]:
    """What a command prints with --csv."""
    return list(csv.DictReader(io.StringIO(printed(directory, *arguments, "--csv"))))


def line(text: str, part: str) -> str:
    """The line of a text that a part stands in."""
    return next(each for each in text.splitlines() if part in each)


def test_r20_a_series_has_a_day_a_line_under_either_clock(ledger: Path) -> None:
    """R20: 23:30 in UTC is the next day in Amsterdam; by receipt the conversion stands on the receipt's day."""
    by_conversion = answer(ledger, "series", "spring")
    assert {day["date"]: day["totals"]["conversions"] for day in by_conversion["days"]} == {
        "2026-03-01": [0, 1],
        "2026-03-02": [0, 0],
        "2026-03-03": [1, 0],
    }
    by_receipt = answer(ledger, "series", "spring", "--clock", "receipt")
    assert {day["date"]: day["totals"]["conversions"] for day in by_receipt["days"]} == {
        "2026-03-01": [0, 1],
        "2026-03-02": [1, 0],
    }
    table = printed(ledger, "series", "spring")
    assert "days in Europe/Amsterdam" in table
    assert "█" * 20 in line(table, "2026-03-03")
    assert "1,234.50 EUR" in line(table, "2026-03-03")
    assert "█" not in line(table, "2026-03-02")


def test_r20_a_series_can_be_of_some_days_and_of_one_variant(ledger: Path) -> None:
    """R20: both ends are inside; a variant's own figures, control's too, take the place of the campaign's."""
    days = answer(ledger, "series", "spring", "--from", "2026-03-02", "--to", "2026-03-04")["days"]
    assert [day["date"] for day in days] == ["2026-03-02", "2026-03-03", "2026-03-04"]
    control = answer(ledger, "series", "spring", "--variant", "holdout")["days"][0]
    assert [(each["variant_id"], each["conversions"]) for each in control["variants"]] == [
        ("holdout", [1, 0])
    ]
    assert "1.00 EUR" in line(printed(ledger, "series", "spring", "--variant", "holdout"), "2026-03-01")
    assert ", variant [bold]B" in printed(ledger, "series", "spring", "--variant", "[bold]B")
    rows = sheet(ledger, "series", "spring", "--to", "2026-03-01")
    counts = {
        (row["variant_id"], row["conversion_event"]): row["value"]
        for row in rows
        if row["figure"] == "conversions"
    }
    assert (counts["A", "B"], counts["", "B"], counts["", "A"], counts["holdout", "A"]) == (
        "1",
        "1",
        "0",
        "1",
    )
    assert {row["variant_id"] for row in rows} == {"", "A", "[bold]B", "holdout"}
    assert {row["variant_id"] for row in sheet(ledger, "series", "spring", "--variant", "A")} == {"A"}


def test_a_campaign_with_nothing_in_it_says_so(ledger: Path) -> None:
    """No days, no rows, nothing shared: a sentence, and not an empty table."""
    assert "nothing on any day" in printed(ledger, "series", "quiet")
    assert "There are no such conversions" in printed(ledger, "conversions", "quiet")
    assert "There are no such recipients" in printed(ledger, "recipients", "quiet")
    assert "No behaviour converted on another campaign too" in printed(ledger, "overlap", "quiet")
    assert sheet(ledger, "conversions", "quiet") == sheet(ledger, "recipients", "quiet") == []


def test_r9_conversions_name_the_behaviour_and_the_receipt(ledger: Path) -> None:
    """R7, R9: every conversion is there, control's too, credited to the latest receipt before it."""
    found = answer(ledger, "conversions", "spring", "--user", "u1")["conversions"]
    assert [
        (each["letter"], each["variant_id"], each["behaviour_id"], each["receipt_id"]) for each in found
    ] == [("A", "[bold]B", "p1", "r2")]
    assert {each["user_id"] for each in answer(ledger, "conversions", "spring")["conversions"]} == {
        "u1",
        "u2",
        "u3",
    }
    table = printed(ledger, "conversions", "spring")
    assert "[bold]B" in line(table, "u1")
    assert "2026-03-02 23:30:00" in line(table, "u1")
    assert "holdout (control)" in line(table, "u3")


def test_conversions_are_of_one_event_or_one_variant_where_asked(ledger: Path) -> None:
    """R1, R5: the letter in either case; a variant by its id."""
    for asked, users in (
        (("--event", "b"), {"u2"}),
        (("--variant", "holdout"), {"u3"}),
        (("--user", "nobody"), set()),
    ):
        found = answer(ledger, "conversions", "spring", *asked)["conversions"]
        assert {each["user_id"] for each in found} == users


def test_r18_recipients_tell_what_each_user_received_and_did(ledger: Path) -> None:
    """R18: a user who received several variants is one row, and can be asked for; so can who converted."""
    [several] = answer(ledger, "recipients", "spring", "--several-variants")["recipients"]
    assert several["user_id"] == "u1"
    assert several["receipts"] == 2
    [converted] = answer(ledger, "recipients", "spring", "--converted", "B")["recipients"]
    assert converted["user_id"] == "u2"
    [one] = answer(ledger, "recipients", "spring", "--user", "u3")["recipients"]
    assert [each["variant_id"] for each in one["variants"]] == ["holdout"]
    table = printed(ledger, "recipients", "spring")
    assert "A x 1" in line(table, "u1")
    assert "1,234.50 EUR" in line(table, "u1")
    assert "holdout (control) x 1" in line(table, "u3")


@pytest.mark.parametrize("model", ["conversions", "recipients"])
def test_more_rows_than_the_limit_are_gone_on_with(ledger: Path, model: str) -> None:
    """What is shown says that there are more and how to see them; page by page, each row comes once."""
    assert "--limit 10 shows more, --after=" in printed(ledger, model, "spring", "--limit", "1")
    assert "There are more" not in printed(ledger, model, "spring", "--limit", "3")
    page, found = answer(ledger, model, "spring", "--limit", "2"), []
    while page["after"] is not None:
        found += page[model]
        page = answer(ledger, model, "spring", "--limit", "2", f"--after={page['after']}")
    assert found + page[model] == answer(ledger, model, "spring")[model]


@pytest.mark.parametrize("model", ["conversions", "recipients"])
def test_rows_as_csv_have_the_names_of_json(ledger: Path, model: str) -> None:
    """A line a row, none of it left out; that there are more is said beside it, on standard error."""
    rows = answer(ledger, model, "spring")[model]
    assert [list(each) for each in sheet(ledger, model, "spring")] == [list(each) for each in rows]
    assert [each["user_id"] for each in sheet(ledger, model, "spring")] == [each["user_id"] for each in rows]
    assert "There are more" in run(ledger, model, "spring", "--csv", "--limit", "1").stderr


def test_r8_an_overlap_tells_what_is_shared_and_with_whom(ledger: Path) -> None:
    """R8, R9: one purchase converted on both campaigns; control's conversion takes no part."""
    found = answer(ledger, "overlap", "spring")
    assert found["conversion_events"] == [
        {"index": 0, "letter": "A", "conversions": 1, "overlapping": 1, "share": 1.0},
        {"index": 1, "letter": "B", "conversions": 1, "overlapping": 0, "share": 0.0},
    ]
    assert found["with"] == [{"campaign_id": "summer", "behaviours": 1}]
    table = printed(ledger, "overlap", "spring")
    assert "100.00 %" in line(table, "makes a purchase within 3 days")
    assert "█" in line(table, "summer")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("series", "spring", "--clock", "wall"), "bad_option at --clock: 'wall' is no clock"),
        (("series", "spring", "--from", "20260301"), "bad_option at --from: '20260301' is no day; write it as 2026-03-01"),
        (("series", "spring", "--to", "2026-02-30"), "bad_option at --to: '2026-02-30' is no day"),
        (("series", "spring", "--from", "2026-03-02", "--to", "2026-03-01"), "2026-03-02 comes after 2026-03-01"),
        (("series", "spring", "--variant", "C"), "unknown_variant"),
        (("conversions", "spring", "--event", "C"), "bad_option at --event: the campaign has no conversion event 'C'; it has A, B"),
        (("conversions", "quiet", "--event", "A"), "it has none"),
        (("conversions", "spring", "--event", "AB"), "bad_option at --event"),
        (("conversions", "spring", "--variant", "C"), "unknown_variant"),
        (("conversions", "spring", "--after", "nothing"), "bad_option at --after"),
        (("recipients", "spring", "--converted", "E"), "bad_option at --converted"),
    ],
)  # fmt: skip
def test_an_option_that_makes_no_sense_is_refused_with_advice(
    ledger: Path, arguments: tuple[str, ...], said: str
) -> None:
    """Exit status 1, the option's name, and what it could be."""
    done = run(ledger, *arguments)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("model", ["series", "conversions", "recipients", "overlap"])
def test_an_unknown_campaign_or_group_is_refused(ledger: Path, model: str) -> None:
    """As JSON where JSON was asked for; the message says what shows those there are."""
    refused = run(ledger, model, "autumn", "--json")
    assert refused.returncode == 1
    error = json.loads(refused.stderr)["error"]
    assert error["code"] == "unknown_campaign"
    assert "`conversions campaigns list` shows them all" in error["message"]
    assert "unknown_app_group" in run(ledger, model, "spring", "--app-group", "nobody").stderr
