"""Frozen reads over HTTP: with `at`, a question is answered as it was at a position, whatever was recorded since."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete

from application.queries.frozen import At
from infrastructure.access.keys import Scope
from infrastructure.composition import Service
from infrastructure.database.schema import identities
from infrastructure.read_models import frozen
from infrastructure.read_models.frozen import FoldedCampaigns, Frozen, Key
from projections.frozen import OF_CAMPAIGN
from projections.frozen.tables import Closed, FrozenTables
from tests.infrastructure.http.test_http import PURCHASE, RECEIPT, SALE, post, problem
from tests.infrastructure.http.test_questions import AFTERWARDS, LATE, Tenant, tenant
from tests.support.serving import Api, serving

READS: list[tuple[str, dict[str, str]]] = [
    ("", {}),
    ("/report", {}),
    ("/report", {"received_from": "2026-03-01"}),
    ("/results", {}),
    ("/results", {"test": "fixed"}),
    ("/series", {}),
    ("/series", {"clock": "receipt"}),
    ("/conversions", {}),
    ("/conversions", {"user_id": "u1"}),
    ("/conversions", {"without_control": "true", "received_to": "2026-03-31"}),
    ("/recipients", {}),
    ("/recipients", {"user_id": "u2"}),
    ("/recipients", {"converted": "A", "without_control": "true"}),
    ("/recipients", {"open": "A"}),
    ("/recipients", {"received_from": "2026-03-01"}),
    ("/overlap", {}),
    ("/history", {}),
    ("/users/u1", {}),
    ("/users/u4", {}),
]


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server on SQLite for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("frozen"), wait_seconds=20) as api:
        yield api


@pytest.fixture
def shop(api: Api) -> Tenant:
    """An app group with a campaign of its own, and another campaign that shares a behaviour with it."""
    made = tenant(api)
    made.client.post("/v1/campaigns", json=SALE | {"id": "other"}).raise_for_status()
    made.take(RECEIPT | {"id": "o1", "campaign_id": "other"})
    return made


def link(shop: Tenant, service: Service) -> str:
    """What a copied link says: the newest position, and this instant of the ledger's clock."""
    return str(At(int(shop.get("/report")["position"]), service.now()))


def add_late(shop: Tenant) -> None:
    """Facts and commands that change every answer."""
    early = {"id": "r0", "variant_id": "B", "at": "2026-02-28T09:00:00Z"}
    shop.take(LATE, RECEIPT | early, RECEIPT | {"id": "r4", "user_id": "u4", "at": "2026-03-02T09:00:00Z"})
    shop.take(PURCHASE | {"id": "p4", "user_id": "u4"}, PURCHASE | {"id": "p2", "user_id": "u2"})
    shop.take(RECEIPT | {"id": "o2", "user_id": "u2", "campaign_id": "other"})
    renamed = {"name": "Renamed", "channel": "email"}
    shop.client.patch("/v1/campaigns/sale", json=renamed).raise_for_status()
    weights = {
        "variants": [{"id": "A", "weight": 8}, {"id": "B", "weight": 1}, {"id": "holdout", "weight": 1}]
    }
    shop.client.patch("/v1/campaigns/sale", json=weights).raise_for_status()
    shop.client.post("/v1/campaigns/sale/stop").raise_for_status()


def answer(shop: Tenant, **more: str) -> list[Any]:
    """All answers."""
    return [shop.get(path, **params, **more) for path, params in READS]


def test_what_is_read_by_a_copied_link_never_changes(api: Api, shop: Tenant) -> None:
    """R14: every read; before and after late facts, for whoever asks first and for whoever asks again."""
    said, at = answer(shop), link(shop, api.service)
    journey = shop.client.get("/v1/users/u1/journey").json()
    assert answer(shop, at=at) == said
    add_late(shop)
    assert [one == other for one, other in zip(said, answer(shop), strict=True)] == [False] * len(READS)
    for _ in range(2):
        assert answer(shop, at=at) == said
        assert shop.client.get("/v1/users/u1/journey", params={"at": at}).json() == journey
    assert shop.client.get("/v1/users/u1/journey").json() != journey
    problem(shop.client.get("/v1/users/u4/journey", params={"at": at}), 404, "unknown_user")


def test_what_others_record_is_never_seen_and_changes_nothing(api: Api, shop: Tenant) -> None:
    """Another app group's campaign and users of the same ids; its position is of no use to a stranger."""
    said, at = answer(shop), link(shop, api.service)
    other = tenant(api)
    other.take(RECEIPT | {"id": "secret", "user_id": "secret"}, PURCHASE | {"id": "x", "user_id": "secret"})
    assert answer(shop, at=at) == said
    newest = str(other.get("/report")["position"])
    for path, params in READS:
        found = shop.client.get(f"/v1/campaigns/sale{path}", params=params | {"at": newest})
        assert found.status_code == 200
        assert "secret" not in found.text
        stranger = api.client(Scope.READ, app_group="nobody")
        problem(stranger.get(f"/v1/campaigns/sale{path}", params={"at": at}), 404, "unknown_campaign")
        sender = api.client(Scope.INGEST, app_group=shop.app_group)
        problem(sender.get(f"/v1/campaigns/sale{path}", params={"at": at}), 403, "missing_scope")


def test_what_depends_on_the_clock_is_judged_at_the_instant(shop: Tenant) -> None:
    """R18: windows that were open then are open for ever; without an instant it is when the position was recorded."""
    report = shop.get("/report")
    position = report["position"]
    add_late(shop)

    def open_at(at: str) -> tuple[str, int]:
        mature = shop.get("/report", at=at)["mature"]
        return mature["as_of"], mature["totals"][0]["open"]

    assert open_at(f"{position},2026-03-02T10:30:00Z") == ("2026-03-02T10:00:00Z", 2)
    assert open_at(f"{position},2026-03-09T10:30:00%2B00:00".replace("%2B", "+")) == (
        "2026-03-09T10:00:00Z",
        0,
    )
    recorded_at = datetime.fromisoformat(report["recorded_at"])
    hour = recorded_at.replace(minute=0, second=0, microsecond=0)
    assert open_at(position)[0] == hour.isoformat().replace("+00:00", "Z")
    assert shop.get("/report", at=position)["recorded_at"] == report["recorded_at"]


def test_an_erased_user_is_gone_from_what_is_frozen(api: Api, shop: Tenant) -> None:
    """R23: the figures are the same; the name is gone, also from what is kept in memory."""
    at = link(shop, api.service)
    add_late(shop)
    assert "u2" in {each["user_id"] for each in shop.get("/recipients", at=at)["recipients"]}
    report = shop.get("/report", at=at)
    of_user = (identities.c.app_group == shop.app_group) & (identities.c.user_id == "u2")
    with api.service.database.writing() as connection:
        connection.execute(delete(identities).where(of_user))
    found = shop.get("/recipients", at=at)["recipients"]
    assert ({each["user_id"] for each in found}, len(found)) == ({"u1", "u3", None}, 3)
    assert shop.get("/recipients", at=at, user_id="u2")["recipients"] == []
    assert shop.get("/report", at=at) == report


@pytest.mark.parametrize(
    ("path", "params", "code", "place"),
    [
        ("/report", {"at": ""}, "bad_position", "at"),
        ("/report", {"at": "x"}, "bad_position", "at"),
        ("/report", {"at": "-1"}, "bad_position", "at"),
        ("/report", {"at": "\u0663"}, "bad_position", "at"),
        ("/report", {"at": "9" * 19}, "position_beyond_log", "at"),
        ("/report", {"at": "1,"}, "bad_time", "at"),
        ("/report", {"at": "1,yesterday"}, "bad_time", "at"),
        ("/report", {"at": "1,2026-03-01T09:00:00"}, "bad_time", "at"),
        ("/report", {"at": "1", "wait_for": "1"}, "bad_question", "at"),
        ("/report", {"at": "1", "as_of": AFTERWARDS}, "bad_question", "at"),
        ("/report", {"at": "1", "as_of_clock": "occurred"}, "bad_question", "at"),
        ("/users/u1", {"at": "x"}, "bad_position", "at"),
        ("", {"at": "9" * 19}, "position_beyond_log", "at"),
        ("/history", {"at": "x"}, "bad_position", "at"),
        ("/diff", {"at": "1", "from": "1", "to": "1"}, "bad_question", "at"),
        ("/diff", {"from": "2", "to": "1"}, "bad_position", "from"),
        ("/diff", {"from": "1", "to": "9" * 19}, "position_beyond_log", "to"),
        ("/diff", {"from": "1", "to": AFTERWARDS}, "bad_question", "from"),
        ("/diff", {"from": "1", "to": "2", "as_of_clock": "occurred"}, "bad_clock", "as_of_clock"),
    ],
)
def test_a_bad_position_is_refused_with_its_place(
    shop: Tenant, path: str, params: dict[str, str], code: str, place: str
) -> None:
    """400 with a code, and the parameter that is wrong."""
    assert shop.refused(path, 400, code, **params)["place"] == place


def test_before_it_was_drafted_there_is_no_campaign(shop: Tenant) -> None:
    """404, which says when it was drafted; position 0 is before everything."""
    for path, params in READS:
        found = shop.refused(path, 404, "unknown_campaign", **params, at="0")
        assert "it was drafted at position" in found["detail"]


def test_a_difference_is_between_positions_too(shop: Tenant) -> None:
    """R14: what has changed since a copied link, with the facts that changed it; it equals the reports at both ends."""
    first = shop.get("/report")
    shop.take(LATE)
    last = shop.get("/report")
    found = shop.get("/diff", **{"from": first["position"], "to": last["position"]})
    assert [(each["variant_id"], each["figure"], each["difference"]) for each in found["figures"]] == [
        (None, "revenue", "-9.99"),
        ("A", "revenue", "-9.99"),
    ]
    assert [each["because"]["id"] for each in found["changes"]] == ["x1"]
    assert (found["from"], found["to"]) == (first["recorded_at"], last["recorded_at"])
    assert (found["from_position"], found["to_position"]) == (first["position"], last["position"])
    same = shop.get("/diff", **{"from": last["position"], "to": last["position"]})
    assert (same["figures"], same["changes_total"]) == ([], 0)
    assert shop.get("/diff", **{"from": "0", "to": first["position"]})["from"] == "1970-01-01T00:00:00Z"
    shop.refused("/diff", 404, "unknown_campaign", **{"from": "0", "to": "0"})


def test_a_frozen_report_comes_as_csv_and_is_not_sent_again(api: Api, shop: Tenant) -> None:
    """By content negotiation, with its position in a header, and an entity tag."""
    at = link(shop, api.service)
    add_late(shop)
    path, known = "/v1/campaigns/sale/report", {"at": at}
    rows = shop.client.get(path, params=known, headers={"Accept": "text/csv"})
    assert "sale,,,receipts,,,2" in rows.text.splitlines()
    assert rows.headers["x-position"] == at.partition(",")[0]
    tag = {"If-None-Match": shop.client.get(path, params=known).headers["etag"]}
    assert shop.client.get(path, params=known, headers=tag).status_code == 304


@pytest.fixture
def slow_folding(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, list[Key]]]:
    """Folding waits until the event is set; what was begun is in the list."""
    going, begun = threading.Event(), list[Key]()
    fold = Frozen.fold

    def fold_slowly(self: Frozen, key: Key, check: Callable[[], object]) -> FrozenTables:
        begun.append(key)
        going.wait(30)
        return fold(self, key, check)

    monkeypatch.setattr(Frozen, "fold", fold_slowly)
    yield going, begun
    going.set()


def ask_until_there(client: httpx.Client, path: str) -> dict[str, Any]:
    """What is so now: while a busy machine's projector is behind, the question is sent again, as its answer asks."""
    while (found := client.get(path)).status_code == 503:
        problem(found, 503, "behind")
    found.raise_for_status()
    answered: dict[str, Any] = found.json()
    return answered


def test_whoever_asks_too_early_is_asked_to_come_again(
    tmp_path: Path, slow_folding: tuple[threading.Event, list[Key]]
) -> None:
    """503 with Retry-After; many that ask the same begin it once, and what was folded then answers the next."""
    going, begun = slow_folding
    with serving(tmp_path, [SALE], wait_seconds=0.5) as api, ThreadPoolExecutor(6) as pool:
        client, path = api.client(), "/v1/campaigns/sale/report"
        post(client, RECEIPT)
        said = ask_until_there(client, path)
        post(client, PURCHASE)
        ask_until_there(client, path)
        params = {"at": said["position"]}
        refused = list(pool.map(lambda _: client.get(path, params=params), range(6)))
        for each in refused:
            problem(each, 503, "folding")
            assert each.headers["retry-after"] == "2"
        assert len(begun) == 1
        assert client.get(path).status_code == 200
        going.set()
        found = client.get(path, params=params)
        while found.status_code == 503:
            found = client.get(path, params=params)
        assert found.json()["totals"] == said["totals"]
        assert len(begun) == 1


def test_so_many_positions_are_folded_at_a_time_and_no_more(
    tmp_path: Path, slow_folding: tuple[threading.Event, list[Key]]
) -> None:
    """503 for the others of an app group; its live questions are answered meanwhile."""
    going, begun = slow_folding
    with serving(tmp_path, [SALE], wait_seconds=0.5) as api, ThreadPoolExecutor(5) as pool:
        client, path = api.client(), "/v1/campaigns/sale/report"
        for number in range(6):
            post(client, RECEIPT | {"id": f"r{number}"})
        newest = int(ask_until_there(client, path)["position"])
        answers = pool.map(lambda back: client.get(path, params={"at": str(newest - back)}), range(1, 6))
        assert {(each.status_code, each.json()["code"]) for each in answers} <= {
            (503, "folding"),
            (503, "too_busy"),
        }
        assert len(begun) == 2
        assert client.get(path).status_code == 200
        going.set()


def test_what_is_kept_is_bounded_in_number_and_bytes() -> None:
    """The one that was used longest ago goes first, and is closed; the last one stays whatever its size."""
    kept = FoldedCampaigns(most_bytes=100, most=2)

    def keep(position: int, size: int) -> tuple[Key, FrozenTables]:
        made = FrozenTables(OF_CAMPAIGN, position)
        made.bytes = size
        key = Key("shop", "sale", position, "rows")
        kept.keep(key, made)
        return key, made

    one, first = keep(1, 10)
    two, second = keep(2, 20)
    assert kept.find(one._replace(part="sums")) is first
    three, third = keep(3, 30)
    assert (kept.find(one), kept.find(two), kept.find(three), kept.bytes) == (first, None, third, 40)
    with pytest.raises(Closed), second.reading():
        pass
    four, large = keep(4, 1_000)
    assert (kept.find(four), kept.find(one), kept.find(three), kept.bytes) == (large, None, None, 1_000)
    kept.close()
    assert (kept.find(four), kept.bytes) == (None, 0)


def test_who_takes_most_room_forgets_first() -> None:
    """An app group that asks about many positions does not make another's links slow."""
    kept = FoldedCampaigns(most_bytes=100, most=10)

    def keep(app_group: str, position: int, size: int) -> Key:
        made = FrozenTables(OF_CAMPAIGN, position)
        made.bytes = size
        key = Key(app_group, "sale", position, "rows")
        kept.keep(key, made)
        return key

    quiet = keep("quiet", 1, 40)
    busy = [keep("busy", position, 30) for position in range(1, 5)]
    assert [kept.find(each) is None for each in (quiet, *busy)] == [False, True, True, False, False]
    kept.close()


def test_a_question_meets_no_closed_database(api: Api, shop: Tenant) -> None:
    """What was forgotten between finding and reading it is folded once more."""
    at = link(shop, api.service)
    add_late(shop)
    answer(shop)  # read models that still stand at the position would be read, and nothing folded
    said = shop.get("/report", at=at)
    found = api.service.folded.find(Key(shop.app_group, "sale", int(said["position"]), "sums"))
    assert found is not None
    found.close()
    assert shop.get("/report", at=at) == said


def test_folding_from_the_beginning_and_from_now_give_the_same(
    api: Api, shop: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever is less work."""
    at = link(shop, api.service)
    said = answer(shop)
    add_late(shop)
    for worth in (0.0, 1_000.0):
        monkeypatch.setattr(frozen, "_WORTH", worth)
        api.service.folded.close()
        assert answer(shop, at=at) == said


def test_folding_holds_a_batch_of_events_at_a_time(shop: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there are: `check` is called for each, and may end it."""
    add_late(shop)
    checks = list[int]()

    def end() -> None:
        checks.append(1)
        if len(checks) > 1:
            raise InterruptedError

    monkeypatch.setattr("projections.frozen.folding.BATCH", 2)
    position = int(shop.get("/report")["position"]) - 1
    reads = shop.service.reads_at(At(position), (shop.app_group, "sale"))
    with pytest.raises(InterruptedError):
        reads.fold(Key(shop.app_group, "sale", position, "rows"), end)
    assert shop.service.folded.find(Key(shop.app_group, "sale", position, "rows")) is None
