"""Files of Braze's Currents: written by an Avro library and as JSON, read as facts, what means nothing counted."""

import gzip
import io
import json
from collections.abc import Iterable
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import pytest

from application.commands.facts import read_fact
from application.commands.values import Notes
from domain.errors import FactRefused
from infrastructure.inbound.files import UnreadableFile, open_facts
from infrastructure.inbound.importing import Rejected, Totals
from tests.support.commands import run
from tests.support.ledgers import GROUP, open_ledger, reported

AT = 1_772_355_600
"""2026-03-01T09:00:00Z"""
USER = {"user_id": "639a35d192b0df004d06514c", "external_user_id": "u1"}
SEND = USER | {"id": "s1", "time": AT, "campaign_id": "sale", "message_variation_id": "A"}
PURCHASE = USER | {
    "id": "p1",
    "time": AT + 60,
    "product_id": "sku",
    "price": 9.99,
    "currency": "USD",
    "properties": '{"a":1.5}',
}
SALE = {
    "id": "sale",
    "variants": [{"id": "A"}, {"id": "holdout", "control": True}],
    "conversion_events": [{"type": "makes_purchase", "deadline": "3d"}],
}
JOURNEY = {
    "id": "welcome",
    "kind": "canvas",
    "variants": [{"id": "V"}, {"id": "C", "control": True}],
    "conversion_events": [{"type": "starts_session", "deadline": "1d"}],
}
TYPES = {"time": "int", "price": "float", "in_control_group": "boolean"}


def avro(events: Iterable[dict[str, Any]], *, name: str = "Event", **types: str) -> bytes:
    """The events in a container file, all fields but the id optional, as Currents has them."""
    rows = list(events)
    fields = [
        {"name": each, "type": ["null", (TYPES | types).get(each, "string")], "default": None}
        for each in dict.fromkeys(field for row in rows for field in row)
    ]
    written = io.BytesIO()
    schema = fastavro.parse_schema({"type": "record", "name": name, "fields": fields})
    fastavro.writer(written, schema, rows, codec="deflate", sync_interval=200)
    return written.getvalue()


def put(
    folder: Path, kind: str, content: bytes, name: str = "dataexport.prod-01.S3.integration.1+0+1.avro"
) -> str:
    """A file where Currents puts it."""
    path = folder / f"event_type={kind}" / "date=2026-03-01-09" / "437" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return str(path)


def facts(path: str) -> tuple[list[dict[str, Any]], int]:
    """The facts of a file, and how many of its events mean nothing."""
    with open_facts(path, format="currents") as file:
        found = [raw for _, raw in file]
        assert not [raw for raw in found if isinstance(raw, FactRefused)]
        return [raw for raw in found if not isinstance(raw, FactRefused)], file.ignored


class Silent:
    """Watches nothing."""

    def reading(self, file: Any, totals: Totals) -> None:
        """One more batch."""

    def projecting(self, done: int, newest: int) -> None:
        """So far."""


def imported(service: Any, *paths: str) -> tuple[Totals, list[Rejected]]:
    """What an import did."""
    rejected: list[Rejected] = []
    return service.start_import(GROUP, rejected.append).run(paths, "currents", Silent()), rejected


def test_an_export_ends_in_a_right_report_and_again_changes_nothing(tmp_path: Path) -> None:
    """R9, R13: sends, control enrolments, entries and behaviours; at least once there, once here."""
    paths = [
        put(
            tmp_path,
            "users.messages.email.Send",
            avro([SEND, SEND | {"id": "step", "campaign_id": None, "canvas_id": "welcome"}]),
        ),
        put(
            tmp_path,
            "users.campaigns.EnrollInControl",
            avro([SEND | {"id": "e1", "external_user_id": "u2", "message_variation_id": "holdout"}]),
        ),
        put(
            tmp_path,
            "users.canvas.Entry",
            avro(
                [
                    USER
                    | {
                        "id": "c1",
                        "time": AT,
                        "canvas_id": "welcome",
                        "canvas_variation_id": "C",
                        "in_control_group": True,
                    }
                ]
            ),
        ),
        put(tmp_path, "users.behaviors.Purchase", avro([PURCHASE])),
        put(
            tmp_path,
            "users.behaviors.app.SessionStart",
            avro([USER | {"id": "o1", "time": AT + 5, "app_id": "ios", "session_id": "x"}]),
        ),
        put(tmp_path, "users.messages.email.Open", avro([SEND | {"id": "open"}])),
    ]
    with open_ledger(tmp_path, [SALE, JOURNEY]) as service:
        totals, rejected = imported(service, *paths)
        assert (totals.read, totals.accepted, totals.ignored, rejected) == (5, 5, 2, [])
        sale = reported(service, "sale")
        assert sale["totals"]["conversions"] == [1]
        assert sale["totals"]["revenue"] == {"USD": Decimal("9.99")}
        assert sale["variants"]["holdout"]["unique_recipients"] == 1
        assert reported(service, "welcome")["variants"]["C"]["conversions"] == [1]
        again, _ = imported(service, *paths)
        assert (again.accepted, again.duplicates, again.ignored) == (0, 5, 2)


def test_a_bad_event_is_rejected_alone(tmp_path: Path) -> None:
    """R16: an unknown campaign is told with its line, and the rest is taken."""
    path = put(
        tmp_path, "users.messages.sms.Send", avro([SEND | {"campaign_id": "nope"}, SEND | {"id": "s2"}])
    )
    with open_ledger(tmp_path, [SALE]) as service:
        totals, rejected = imported(service, path)
    assert (totals.accepted, [(each.line, each.code) for each in rejected]) == (1, [(1, "unknown_campaign")])


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        *[
            (f"users.messages.{channel}.Send", "received")
            for channel in ("email", "pushnotification", "webhook", "contentcard", "whatsapp")
        ],
        ("users.messages.inappmessage.Impression", "received"),
        ("users.messages.contentcard.Impression", None),
        ("users.campaigns.UniqueReceipt", None),
        ("users.campaigns.Conversion", None),
        ("users.behaviors.app.FirstSession", None),
        ("users.RandomBucketNumberUpdate", None),
        ("users.behaviors.CustomEvent", "custom_event"),
    ],
)
def test_each_type_of_event_is_a_fact_or_means_nothing(
    tmp_path: Path, kind: str, expected: str | None
) -> None:
    """The table of docs/braze.md."""
    found, ignored = facts(put(tmp_path, kind, avro([SEND | {"name": "signed_up"}])))
    assert ([each["type"] for each in found], ignored) == (([expected], 0) if expected else ([], 1))
    for fact in found:
        read_fact(fact)


@pytest.mark.parametrize("kind", ["float", "double"])
@pytest.mark.parametrize("price", ["9.99", "0.1", "12345.6", "0", "219.98", "1000000"])
def test_r11_a_price_is_the_decimal_that_was_written(tmp_path: Path, kind: str, price: str) -> None:
    """R11: a float of 32 or 64 bits stands for the shortest decimal that it can be."""
    path = put(tmp_path, "users.behaviors.Purchase", avro([PURCHASE | {"price": float(price)}], price=kind))
    assert [fact["price"] for fact in facts(path)[0]] == [Decimal(price)]


@pytest.mark.parametrize("kind", ["float", "double"])
def test_r11_a_price_of_more_than_6_decimals_is_rounded(tmp_path: Path, kind: str) -> None:
    """B7, R11: nothing is lost for the noise of a float, and it is counted."""
    path = put(
        tmp_path, "users.behaviors.Purchase", avro([PURCHASE | {"price": 15.991999999999999}], price=kind)
    )
    notes = Notes()
    [fact] = facts(path)[0]
    assert getattr(read_fact(fact, notes), "price", None) == Decimal("15.992")
    assert notes.rounded == (kind == "double")


def shop(name: str, event_id: str, **properties: Any) -> dict[str, Any]:
    """A custom event of one of Braze's e-commerce names."""
    told = {"name": f"ecommerce.{name}", "properties": json.dumps(properties)}
    return USER | {"id": event_id, "time": AT + 60, "app_id": "ios", "app_version": "1.2"} | told


def test_r27_events_of_orders_are_orders_and_what_is_given_back(tmp_path: Path) -> None:
    """R27: an order by its own id, refunds and cancellations by the event's; the same over /users/track counts once."""
    products = [{"product_id": "sku", "variant_id": "v", "quantity": 2, "price": 15.25}]
    placed = {"order_id": 7.0, "total_value": 30.5, "currency": "usd", "products": products}
    path = put(
        tmp_path,
        "users.behaviors.CustomEvent",
        avro(
            [
                shop("order_placed", "e1", **placed),
                shop("order_refunded", "e2", order_id="7", total_value=0.5, currency="USD"),
                shop("order_cancelled", "e3", order_id="8"),
                shop("order_placed", "e4", total_value=1, currency="USD"),
            ]
        ),
    )
    with open_ledger(tmp_path, [SALE]) as service:
        totals, rejected = imported(service, put(tmp_path, "users.messages.email.Send", avro([SEND])), path)
        assert (totals.accepted, rejected) == (5, [])
        assert reported(service, "sale")["totals"]["revenue"] == {"USD": Decimal(31)}
    order, refund, cancelled, nameless = facts(path)[0]
    assert (order["id"], order["app_version"], order["properties"]) == (
        7,
        "1.2",
        {"products": [{"variant_id": "v"}]},
    )
    assert (refund["id"], cancelled["id"], nameless["id"]) == ("e2", "e3", "e4")


def test_r10_a_version_that_is_none_is_as_absent_and_counted(tmp_path: Path) -> None:
    """B18, R10: where it only accompanies what happened; as a report of its own it is refused."""
    opened = USER | {"time": AT, "app_id": "ios"}
    words = ["NULL", "undefined", " 1.2", "1.2"]
    sessions = [opened | {"id": f"s{place}", "app_version": word} for place, word in enumerate(words)]
    with open_facts(
        put(tmp_path, "users.behaviors.app.SessionStart", avro(sessions)), format="currents"
    ) as file:
        found = [raw for _, raw in file if isinstance(raw, dict)]
        assert [raw.get("app_version") for raw in found] == [None, None, None, "1.2"]
        assert file.absent == {"version": 3}
    upgrade = put(tmp_path, "users.behaviors.UpgradedApp", avro([sessions[0]]))
    with open_ledger(tmp_path, [SALE]) as service:
        assert [each.code for each in imported(service, upgrade)[1]] == ["bad_version"]


NESTED = {
    "event_type": "users.behaviors.Purchase",
    "id": "p1",
    "time": AT + 60,
    "properties": {
        "app_id": "ios",
        "product_id": "sku",
        "price": 9.99,
        "currency": "USD",
        "purchase_properties": {"a": 1.5},
    },
    "user": USER,
}


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(PURCHASE | {"event_type": "users.behaviors.Purchase", "app_id": "ios"}),
        json.dumps(
            PURCHASE
            | {
                "event_type": "users.behaviors.Purchase",
                "app_id": "ios",
                "external_user_id": {"string": "u1"},
            }
        ),
        json.dumps(NESTED),
        json.dumps({"events": [NESTED]}),
        json.dumps(NESTED, indent=2),
        json.dumps([NESTED]),
        json.dumps({"events": [NESTED]}, indent=1),
    ],
)
def test_json_of_every_shape_is_the_same_fact(tmp_path: Path, content: str) -> None:
    """A line each, a document, in the shape of files or of the HTTP connector; packed or not."""
    path = tmp_path / "export.json.gz"
    path.write_bytes(gzip.compress(content.encode()))
    (fact,), _ = facts(str(path))
    command = read_fact(fact)
    assert command == read_fact(
        {
            "type": "purchase", "id": "p1", "user_id": "u1", "at": "2026-03-01T09:01:00Z", "app_id": "ios",
            "product_id": "sku", "price": "9.99", "currency": "USD", "properties": {"a": Decimal("1.5")},
        }
    )  # fmt: skip


def test_a_user_without_an_external_id_is_known_by_brazes(tmp_path: Path) -> None:
    """The same id as `braze_id` over HTTP."""
    (fact,), _ = facts(put(tmp_path, "users.messages.email.Send", avro([SEND | {"external_user_id": None}])))
    assert fact["user_id"] == USER["user_id"]


def test_the_schema_or_the_name_of_a_file_tells_its_type(tmp_path: Path) -> None:
    """Where the folder does not; and where nothing does, that is said."""
    named = tmp_path / "messages.email.Send.avro"
    named.write_bytes(avro([SEND]))
    assert len(facts(str(named))[0]) == 1
    nameless = tmp_path / "export.avro"
    nameless.write_bytes(avro([SEND], name="com.appboy.users.messages.email.Send"))
    assert len(facts(str(nameless))[0]) == 1
    nameless.write_bytes(avro([SEND]))
    with pytest.raises(UnreadableFile, match="the type of its events is unknown"):
        facts(str(nameless))


def test_of_a_broken_file_what_came_before_stays(tmp_path: Path) -> None:
    """Cut off in the middle: the first blocks are taken, then a clear error."""
    whole = avro([SEND | {"id": f"s{number}"} for number in range(100)])
    path = put(tmp_path, "users.messages.email.Send", whole[: len(whole) * 2 // 3])
    with open_ledger(tmp_path, [SALE]) as service:
        importing = service.start_import(GROUP, lambda _: None)
        with pytest.raises(UnreadableFile, match="the data is damaged"):
            importing.run([path], "currents", Silent())
        assert 0 < importing.totals.accepted < 100
        assert reported(service, "sale")["totals"]["receipts"] == importing.totals.accepted


@pytest.mark.parametrize(
    "content", [b"Obj\x01", b"Obj\x01\xff\xff\xff\xff\xff\xff\xff\xff\x7f", b"[1,", b'{\n"a"']
)
def test_what_is_no_export_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    """Status 2, and a sentence that says what to do."""
    with pytest.raises(UnreadableFile, match=r"cannot be read|can be read"):
        facts(put(tmp_path, "users.messages.email.Send", content))


@pytest.mark.parametrize(
    "event",
    [{"time": AT}, {"event_type": 5}, 7, {"event_type": "users.behaviors.CustomEvent", "time": 10**30}],
)
def test_a_line_that_is_no_event_is_refused_alone(tmp_path: Path, event: Any) -> None:
    """The next one is read as ever."""
    path = tmp_path / "export.jsonl"
    path.write_text(json.dumps(event) + "\n" + json.dumps(NESTED) + "\n")
    with open_facts(str(path), format="currents") as file:
        first, second = [raw for _, raw in file]
    assert isinstance(first, FactRefused)
    assert isinstance(second, dict)


def test_the_command_tells_what_was_ignored_and_what_cannot_be_read(tmp_path: Path) -> None:
    """Exit status 0 and `ignored` beside the other numbers; 2 for a file that breaks off, with what was taken before."""
    with open_ledger(tmp_path, [SALE]):
        pass
    opens = put(tmp_path, "users.messages.email.Open", avro([SEND]))
    sends = avro([SEND | {"id": f"s{number}"} for number in range(100)])
    done = run(
        tmp_path,
        "import",
        "--format",
        "currents",
        "--json",
        put(tmp_path, "users.messages.email.Send", sends),
        opens,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["read"], told["accepted"], told["ignored"]) == (100, 100, 1)
    broken = put(tmp_path, "users.messages.email.Send", sends[: len(sends) // 2], "broken.avro")
    done = run(tmp_path, "import", "--format", "currents", "--json", broken)
    assert done.returncode == 2
    assert "the data is damaged" in done.stderr
    assert json.loads(done.stdout.splitlines()[0])["duplicates"] > 0
