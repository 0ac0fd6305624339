"""The command line as docs/files.md has it: shapes, exit statuses, and errors that say what to do next."""

import json
from pathlib import Path
from typing import Any

import pytest

from infrastructure.words.quantities import counted
from projections.registry import PROJECTIONS
from tests.support.commands import run

CAMPAIGNS = """
app_group: shop
apps: [ios, android, web]
custom_events: [signed_up]
campaigns:
  - id: spring-sale
    name: Spring sale
    channel: email
    variants:
      - {id: A, name: Big picture, weight: 45}
      - {id: B, weight: 45}
      - {id: holdout, weight: 10, control: true}
    conversion_events:
      - {type: makes_purchase, deadline: 3d}
      - {type: starts_session, deadline: 86400, app_ids: [ios]}
      - {type: performs_custom_event, name: signed_up, deadline: 7d}
      - {type: upgrades_app, deadline: 30d}
  - {id: later, status: draft}
"""

FACTS = """
{"type":"received","id":"r1","user_id":"u1","campaign_id":"spring-sale","variant_id":"A","at":"2026-03-01T09:00:00Z"}
{"type":"session_started","id":"s1","user_id":"u1","app_id":"ios","app_version":"1.2.3","at":"2026-03-01T10:00:00Z"}
{"type":"purchase","id":"p1","user_id":"u1","product_id":"sku-9","price":"9.99","currency":"USD","quantity":2,"at":"2026-03-02T10:00:00Z"}
{"type":"custom_event","id":"c1","user_id":"u1","name":"signed_up","properties":{"plan":"pro"},"at":"2026-03-02T11:00:00Z"}
{"type":"app_version","id":"v1","user_id":"u1","app_id":"ios","version":"1.3.0","at":"2026-03-05T08:00:00Z"}
{"type":"received","id":"r2","user_id":"u2","campaign_id":"spring-sale","variant_id":"B","at":"2026-03-01T09:00:00Z"}
{"type":"received","id":"r3","user_id":"u3","campaign_id":"spring-sale","variant_id":"holdout","at":"2026-03-01T09:00:00Z"}
"""


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """A directory with a ledger of the example campaigns and facts."""
    (tmp_path / "campaigns.yaml").write_text(CAMPAIGNS)
    (tmp_path / "facts.jsonl").write_text(FACTS)
    assert run(tmp_path, "campaigns", "apply", "campaigns.yaml").returncode == 0
    assert run(tmp_path, "import", "facts.jsonl").returncode == 0
    return tmp_path


def answer(directory: Path, *arguments: str, status: int = 0) -> Any:
    """What a command prints with --json."""
    done = run(directory, *arguments, "--json")
    assert done.returncode == status, done.stderr
    return json.loads(done.stdout)


def test_a_report_has_the_shape_of_the_interfaces(ledger: Path) -> None:
    """R18, R19: totals leave control out; each conversion event shows its own filter; money as its currency has it."""
    report = answer(ledger, "report", "spring-sale")
    assert list(report) == [
        "app_group", "campaign_id", "name", "kind", "status", "position", "recorded_at",
        "revenue_window_seconds", "conversion_events", "totals", "variants", "mature",
    ]  # fmt: skip
    assert isinstance(report["position"], str)
    assert report["revenue_window_seconds"] == 259_200
    assert report["conversion_events"] == [
        {"index": 0, "letter": "A", "primary": True, "type": "makes_purchase", "product_id": None, "deadline_seconds": 259_200},
        {"index": 1, "letter": "B", "primary": False, "type": "starts_session", "app_ids": ["ios"], "deadline_seconds": 86_400},
        {"index": 2, "letter": "C", "primary": False, "type": "performs_custom_event", "name": "signed_up", "deadline_seconds": 604_800},
        {"index": 3, "letter": "D", "primary": False, "type": "upgrades_app", "app_ids": [], "deadline_seconds": 2_592_000},
    ]  # fmt: skip
    assert report["totals"] == {
        "receipts": 2, "unique_recipients": 2, "conversions": [1, 1, 1, 1],
        "conversion_rates": [0.5, 0.5, 0.5, 0.5], "revenue": {"USD": "19.98"},
    }  # fmt: skip
    assert [(v["variant_id"], v["name"], v["control"], v["receipts"]) for v in report["variants"]] == [
        ("A", "Big picture", False, 1), ("B", None, False, 1), ("holdout", None, True, 1),
    ]  # fmt: skip


def test_a_rate_without_recipients_is_null(ledger: Path) -> None:
    """R18: no recipients, no rate."""
    assert answer(ledger, "report", "later")["totals"]["unique_recipients"] == 0
    (ledger / "more.yaml").write_text(
        "app_group: shop\ncampaigns: [{id: quiet, conversion_events: [{type: starts_session, deadline: 1h}]}]"
    )
    assert run(ledger, "campaigns", "apply", "more.yaml").returncode == 0
    assert answer(ledger, "report", "quiet")["totals"]["conversion_rates"] == [None]


def test_the_same_file_again_changes_nothing(ledger: Path) -> None:
    """Applying is idempotent, and says so."""
    applied = answer(ledger, "campaigns", "apply", "campaigns.yaml")
    assert {each["change"] for each in applied["campaigns"]} == {"unchanged"}


def test_another_default_currency_is_said(ledger: Path) -> None:
    """R11: with the one before; the same file again says nothing of it."""
    said = []
    for currency in ("EUR", "EUR", "USD", "null"):
        (ledger / "euro.yaml").write_text(f"app_group: shop\ndefault_currency: {currency}")
        done = run(ledger, "campaigns", "apply", "euro.yaml")
        assert done.returncode == 0
        said += [line for line in done.stdout.splitlines() if "currency" in line]
    assert said[-2:] == [
        "App group shop: default currency USD (was EUR)",
        "App group shop: default currency none (was USD)",
    ]
    assert len(said) == 3


@pytest.mark.parametrize(
    ("number", "said"), [(0, "0 duplicates"), (1, "1 duplicate"), (1_000, "1,000 duplicates")]
)
def test_one_thing_is_said_in_the_singular(number: int, said: str) -> None:
    """And all other numbers in the plural."""
    assert counted(number, "duplicate") == said


def test_a_refused_change_applies_nothing_of_the_file(ledger: Path) -> None:
    """R4: what a launched campaign forbids is refused, with its place, and nothing of the file is applied."""
    (ledger / "changed.yaml").write_text(
        "app_group: shop\napps: [watch]\ncampaigns: [{id: new}, {id: spring-sale, variants: [{id: A}]}]"
    )
    done = run(ledger, "campaigns", "apply", "changed.yaml")
    assert done.returncode == 1
    assert "campaign_is_fixed at campaigns[1].variants" in done.stderr
    assert "watch" not in answer(ledger, "app-groups", "show", "shop")["apps"]
    assert [c["campaign_id"] for c in answer(ledger, "campaigns", "list")["campaigns"]] == [
        "later",
        "spring-sale",
    ]


def test_an_id_that_yaml_reads_as_a_number_is_refused_with_advice(ledger: Path) -> None:
    """The error says what to do: quote it."""
    (ledger / "numbers.yaml").write_text("app_group: shop\ncampaigns: [{id: 2026}]")
    done = run(ledger, "campaigns", "apply", "numbers.yaml")
    assert done.returncode == 1
    assert "campaigns[0].id: 2026 is read as no text: quote it" in done.stderr


def test_an_import_counts_and_a_repeated_one_finds_duplicates(ledger: Path) -> None:
    """R13: the second import takes nothing, and changes no conversion."""
    again = answer(ledger, "import", "facts.jsonl")
    assert {name: again[name] for name in ("read", "accepted", "duplicates", "rejected", "conversions")} == {
        "read": 7, "accepted": 0, "duplicates": 7, "rejected": 0, "conversions": 0,
    }  # fmt: skip


def test_rejected_facts_are_written_with_line_code_message_and_fact(ledger: Path) -> None:
    """R16: one bad fact never costs another; exit status 3 says that some were rejected."""
    lines = [
        '{"type":"session_started","id":"s2","user_id":"u1","app_id":"tv","at":"2026-03-01T10:00:00Z"}',
        '{"type":"session_started","id":"s3","user_id":"u1","app_id":"ios","at":"2026-03-01T10:00:00Z"}',
        '{"type":"purchase","id":"p9","user_id":"u1","product_id":"x","price":0.10,"currency":"XYZ","at":"2026-03-01T10:00:00Z"}',
        "{nonsense",
        '{"type":"received","id":"r9","user_id":"u1","campaign_id":"later","at":"2026-03-01T10:00:00Z"}',
        '{"type":"received","id":"r9","user_id":"u1","campaign_id":"gone","at":"2026-03-01T10:00:00Z"}',
        '{"type":"received","id":"r1","user_id":"u1","campaign_id":"spring-sale","variant_id":"B","at":"2026-03-01T10:00:00Z"}',
        '{"type":"received","id":"r9","user_id":"u1","campaign_id":"spring-sale","at":"2026-03-01T10:00:00Z"}',
        '{"type":"session_started","id":"s4","user_id":"u1","app_id":"ios","at":"2999-03-01T10:00:00Z"}',
    ]
    (ledger / "bad.jsonl").write_text("\n".join(lines))
    totals = answer(ledger, "import", "bad.jsonl", "--rejects", "rejects.jsonl", status=3)
    assert (totals["read"], totals["accepted"], totals["rejected"]) == (9, 1, 8)
    rejects = [json.loads(line) for line in (ledger / "rejects.jsonl").read_text().splitlines()]
    assert [(reject["line"], reject["code"]) for reject in rejects] == [
        (1, "unknown_app"),
        (3, "bad_money"),
        (4, "malformed"),
        (5, "campaign_is_draft"),
        (6, "unknown_campaign"),
        (7, "conflicting_fact"),
        (8, "unknown_variant"),
        (9, "in_the_future"),
    ]
    assert list(rejects[0]) == ["line", "code", "message", "fact"]
    assert rejects[1]["fact"]["price"] == 0.1
    assert rejects[2]["fact"] is None


def test_standard_input_is_read(ledger: Path) -> None:
    """`-` reads JSON lines from standard input."""
    fact = '{"type":"session_started","id":"s7","user_id":"u7","app_id":"web","at":"2026-03-01T10:00:00Z"}\n'
    done = run(ledger, "import", "-", "--json", given=fact)
    assert json.loads(done.stdout)["accepted"] == 1


def test_a_file_that_is_not_there_ends_with_status_2(ledger: Path) -> None:
    """Nothing could be read: status 2, and the message says what to do."""
    done = run(ledger, "import", "nowhere.jsonl")
    assert done.returncode == 2
    assert "there is no such file" in done.stderr


def test_an_explanation_tells_the_cause_and_the_absence(ledger: Path) -> None:
    """Each conversion event is explained, for a user who converted, one who did not, and one never heard of."""
    explained = answer(ledger, "explain", "spring-sale", "u1")["conversion_events"]
    assert [event["behaviour"]["id"] for event in explained] == ["p1", "s1", "c1", "v1"]
    assert all(event["converted"] and event["receipt"]["id"] == "r1" for event in explained)
    reasons = answer(ledger, "explain", "spring-sale", "u2")["conversion_events"]
    assert {event["reason"] for event in reasons} == {"no_matching_behaviour"}
    strangers = answer(ledger, "explain", "spring-sale", "nobody")["conversion_events"]
    assert {event["reason"] for event in strangers} == {"no_receipt"}
    story = run(ledger, "explain", "spring-sale", "u1").stdout
    assert "purchase p1 (sku-9) of 2026-03-02 10:00:00 UTC lies in the window of receipt r1" in story


def test_a_campaign_is_stopped_launched_and_archived(ledger: Path) -> None:
    """R4: its life on the command line, and what is refused of it."""
    assert answer(ledger, "campaigns", "stop", "spring-sale")["status"] == "stopped"
    assert answer(ledger, "campaigns", "launch", "spring-sale")["status"] == "launched"
    assert run(ledger, "campaigns", "stop", "later").returncode == 1
    assert answer(ledger, "campaigns", "archive", "later")["status"] == "archived"
    assert "campaign_is_archived" in run(ledger, "campaigns", "launch", "later").stderr
    assert answer(ledger, "campaigns", "show", "later")["status"] == "archived"


def test_tables_are_for_people_and_csv_for_sheets(ledger: Path) -> None:
    """The table draws rates; CSV has a row a figure."""
    table = run(ledger, "report", "spring-sale").stdout
    assert "Unique recipients" in table
    assert "50.00 %" in table
    csv = run(ledger, "report", "spring-sale", "--csv").stdout.splitlines()
    assert csv[0] == "campaign_id,variant_id,control,figure,conversion_event,currency,value"
    assert "spring-sale,A,false,conversions,A,,1" in csv
    assert "spring-sale,,,revenue,,USD,19.98" in csv


def test_several_app_groups_ask_which_one(ledger: Path) -> None:
    """With two groups a command wants to know which, and one never sees the other's."""
    (ledger / "other.yaml").write_text("app_group: other\ncampaigns: [{id: spring-sale}]")
    assert run(ledger, "campaigns", "apply", "other.yaml").returncode == 0
    refused = run(ledger, "report", "spring-sale")
    assert refused.returncode == 1
    assert "--app-group other | shop" in refused.stderr
    assert answer(ledger, "report", "spring-sale", "--app-group", "other")["totals"]["receipts"] == 0
    assert "unknown_app_group" in run(ledger, "report", "spring-sale", "--app-group", "nobody").stderr


def test_rebuild_and_verify_say_what_they_did(ledger: Path) -> None:
    """Built anew, the report is the same; the log is as it was recorded."""
    before = answer(ledger, "report", "spring-sale")
    rebuilt = [each["name"] for each in answer(ledger, "rebuild")["rebuilt"]]
    assert rebuilt == sorted(projection.name for projection in PROJECTIONS)
    assert answer(ledger, "report", "spring-sale") == before
    verified = answer(ledger, "verify")
    assert verified["ok"]
    assert str(verified["events"]) == before["position"]


def test_an_unusable_database_is_said_so(tmp_path: Path) -> None:
    """The error names a URL that works."""
    done = run(tmp_path, "--database", "mysql://localhost/x", "app-groups", "list")
    assert done.returncode == 2
    assert "try sqlite:///conversions.db" in done.stderr


def test_the_log_is_structured_and_holds_no_payload(ledger: Path) -> None:
    """One event per unit of work, as JSON where asked for; no ids of users, no properties."""
    done = run(
        ledger,
        "import",
        "facts.jsonl",
        settings={"CONVERSIONS_LOG_LEVEL": "info", "CONVERSIONS_LOG_FORMAT": "json"},
    )
    logged = [json.loads(line) for line in done.stderr.splitlines()]
    recorded = next(line for line in logged if line["event"] == "facts.recorded")
    assert recorded["duplicate"] == 7
    assert recorded["app_group"] == "shop"
    assert "u1" not in done.stderr
    assert "sku-9" not in done.stderr


def test_rejects_never_overwrite_what_is_imported(ledger: Path) -> None:
    """Naming the input as the file for rejects is refused, and the input stays."""
    done = run(ledger, "import", "facts.jsonl", "--rejects", "facts.jsonl")
    assert done.returncode == 2
    assert "would be overwritten" in done.stderr
    assert (ledger / "facts.jsonl").read_text() == FACTS


def test_a_read_command_makes_no_database(tmp_path: Path) -> None:
    """A mistyped path is not answered with an empty ledger."""
    done = run(tmp_path, "verify")
    assert done.returncode == 2
    assert "there is no database" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_errors_are_json_where_json_was_asked_for(ledger: Path) -> None:
    """Scripts read the code."""
    done = run(ledger, "report", "nope", "--json")
    assert json.loads(done.stderr)["error"]["code"] == "unknown_campaign"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("app_group: shop\ncampaigns: [{id: a}, {id: a}]", "'a' is in the file twice"),
        ("app_group: shop\ncampaigns: []\ncampaigns: []", "the key 'campaigns' is there twice"),
        ("app_group: new\ntime_zone: Mars/Phobos", "is no IANA time zone"),
        ("app_group: shop\ncampaigns: [{id: 2026-02-30}]", "quote what is meant as text"),
        ("app_group: shop\ncampaigns: [{id: 2026-02-28}]", "is read as no text: quote it"),
        ("app_group: shop\ncampaigns: [{id: b, colour: red}]", "unknown_field at campaigns[0].colour"),
        ("", "a file begins with app_group: and campaigns:"),
        ("a: [", "is no YAML or JSON"),
    ],
)
def test_a_campaigns_file_that_cannot_be_applied_says_why(ledger: Path, text: str, said: str) -> None:
    """No trace of Python, but a reason and a place."""
    (ledger / "bad.yaml").write_text(text)
    done = run(ledger, "campaigns", "apply", "bad.yaml")
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_command_all_of_them_are_listed_and_the_status_is_2(tmp_path: Path) -> None:
    """On standard output, as with `--help`."""
    done = run(tmp_path)
    assert (done.returncode, "rebuild" in done.stdout) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("series", "x", "--clock", "foo"), "bad_option"), (("results", "x", "--uplift", "0"), "bad_option")],
)
def test_a_bad_option_is_refused_before_a_ledger_is_opened(
    tmp_path: Path, arguments: tuple[str, ...], code: str
) -> None:
    """There is no ledger here, and it is not asked for one."""
    done = run(tmp_path, *arguments, "--json")
    assert (done.returncode, json.loads(done.stderr)["error"]["code"]) == (1, code)
