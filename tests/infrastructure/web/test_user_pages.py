"""Explanations and journeys: why somebody converted or not is the same answer wherever it is asked."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest

from infrastructure.web import explanations, users
from infrastructure.web.links import user_path, with_query
from tests.infrastructure.web.shops import HOSTILE, OTHER, SALE, Page, Shop, bought, received
from tests.support.serving import Api, serving

LATE = (
    "The nearest is purchase p1 (tea) of 2026-03-05 11:00:00 CET, 1 day 1 hour after the window of receipt "
    "r-sale-ann ended (2026-03-01 10:00:00 CET to 2026-03-04 10:00:00 CET)."
)


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("users")) as api:
        yield api


@pytest.fixture(scope="module")
def shop(api: Api) -> Shop:
    """A shop with two campaigns: ann bought too late for the first, and in time for the second."""
    made = Shop.open(api, SALE, OTHER)
    made.take(received("ann", "A"), received("ann", "only", "other", at="2026-03-02T09:00:00Z"))
    made.take(bought("ann", at="2026-03-05T10:00:00Z"))
    return made


def explained(shop: Shop, user_id: str, campaign: str = "sale") -> str:
    """The path of an explanation."""
    return shop.of(campaign=campaign) + user_path(user_id)


def test_walk_3_the_same_answer_from_the_campaign_the_list_and_the_user(shop: Shop) -> None:
    """Why did ann not convert? The link of the list, the user's page in each density, and the API say the same."""
    form = urlsplit(shop.page(shop.of()).links["Explain a user"])
    assert (form.path, form.fragment) == (shop.of("people"), "filter-user_id")
    assert shop.page(shop.of("people"), user_id="ann").links["ann"] == explained(shop, "ann")
    people = shop.page(shop.of("people"), not_converted="A", user_id="ann")
    page = shop.page(people.links["ann"])
    assert "Not converted" in page.text
    assert LATE in page.text
    assert page.links["The user's whole journey"] == "/users/ann"
    for density in ("compact", "full"):
        journey = shop.page("/users/ann", density=density)
        assert LATE in journey.text
        assert journey.links["Spring sale"] == explained(shop, "ann")
    told = shop.client.get("/v1/campaigns/sale/users/ann").json()
    assert told["conversion_events"][0]["reason"] == "after_deadline"
    assert shop.get(explained(shop, "ann") + ".json").json() == told
    both = [told, shop.client.get("/v1/campaigns/other/users/ann").json()]
    assert shop.get("/users/ann.json").json()["explanations"] == both[::-1]


def test_an_explanation_has_receipts_with_windows_revenue_refunds_and_restatements(api: Api) -> None:
    """R9, R12, R14: both ends of a window, what a purchase counts, what was given back, and what was decided again."""
    shop = Shop.open(api, SALE)
    shop.take(received("bob", "A"), bought("bob", at="2026-03-03T10:00:00Z", fact_id="p2"))
    shop.take(bought("bob", at="2026-03-02T10:00:00Z", price="7.00"))
    refund = {"type": "refund", "id": "x1", "user_id": "bob", "purchase_id": "p2", "amount": "5.00"}
    shop.take(refund | {"at": "2026-03-09T10:00:00Z"})
    shop.take(refund | {"id": "x2", "purchase_id": "nothing", "at": "2026-03-09T10:00:00Z"})
    said = shop.page(explained(shop, "bob")).text
    for sentence in (
        "Purchase p1 (tea) of 2026-03-02 11:00:00 CET lies in the window of receipt r-sale-bob",
        "Decided again on",
        "Before: p2 of 2026-03-03 11:00:00 CET, credited to variant A. Now: p1 of 2026-03-02 11:00:00 CET",
        "1 Mar 2026, 10:00:00 CET A r-sale-bob 4 Mar 2026, 10:00:00 CET 2 Mar 2026, 10:00:00 CET",
        "Revenue: 15.00 EUR after 1 refund on 20.00, purchase p2",
        "Refund x1 of 2026-03-09 11:00:00 CET gave back 5.00 EUR.",
        "Refund x2 of 5 has no effect: no purchase nothing of this user is known (yet).",
    ):
        assert sentence in said, sentence


def test_without_a_conversion_event_or_a_receipt_that_is_said(api: Api) -> None:
    """There is nothing to explain, for different reasons."""
    shop = Shop.open(api, SALE | {"id": "plain", "conversion_events": []}, OTHER)
    shop.take(received("ann", "A", "plain"), received("bob", "only", "other"))
    assert "The campaign has no conversion event" in shop.page(explained(shop, "ann", "plain")).text
    assert "This user never received the campaign." in shop.page(explained(shop, "bob", "plain")).text
    assert "The campaign has no conversion event." in shop.page("/users/ann").text
    shop.take(bought("zoe"))
    assert "The user received no campaign." in shop.page("/users/zoe").text


def test_a_journey_has_every_event_in_the_order_of_either_clock(api: Api) -> None:
    """R14: a fact that came late stands where it happened, or where it was recorded; decisions follow their facts."""
    shop = Shop.open(api, SALE)
    shop.take(bought("ann", fact_id="first-sent", at="2026-03-03T10:00:00Z"))
    shop.take(received("ann", "A"))
    events = shop.client.get("/v1/users/ann/journey").json()["events"]
    happened, recorded = (
        shop.get("/users/ann.json", clock=clock).json() for clock in ("occurred", "recorded")
    )
    assert recorded["events"] == events
    assert next(each["topic"] for each in happened["events"]) == "journey.received"
    assert sorted(happened["events"], key=lambda each: each["version"]) == events
    assert (happened["clock"], happened["pages"], happened["events_in_all"]) == ("occurred", 1, len(events))
    said = ""
    for clock, sooner, later in (
        ("occurred", "received variant A", "bought 1 x tea"),
        ("recorded", "bought 1 x tea", "received variant A"),
    ):
        said = shop.page("/users/ann", clock=clock).text.partition("All events")[2]
        assert (
            said.index(sooner)
            < said.index(later)
            < said.index("The user converted on purchase in 3 d (event A) of sale: first-sent")
        )
    key_id = shop.client.headers["Authorization"].split("_")[1]
    assert f"key {key_id}" in said
    assert "replaced by a later decision" not in said
    shop.take(bought("ann", fact_id="earlier", at="2026-03-02T10:00:00Z"))
    said = shop.page("/users/ann").text
    # Both decisions on the conversion are listed, and the older one says so.
    assert said.count("replaced by a later decision") == 1
    assert said.index("replaced by a later decision") < said.index(
        "The user converted on purchase in 3 d (event A) of sale: first-sent"
    )
    assert f"{events[-1]['position']}" in said


@pytest.mark.parametrize("most_sorted", [5_000, 1])
def test_a_long_journey_has_pages(shop: Shop, monkeypatch: pytest.MonkeyPatch, most_sorted: int) -> None:
    """All of its events, once each; a journey too long to sort is shown as it was recorded, and says so."""
    monkeypatch.setattr(users, "PAGE", 4)
    monkeypatch.setattr(users, "MOST_SORTED", most_sorted)
    first = shop.get("/users/ann.json").json()
    assert first["pages"] == -(-first["events_in_all"] // 4) > 1
    found = [
        each
        for number in range(1, first["pages"] + 1)
        for each in shop.get("/users/ann.json", page=str(number)).json()["events"]
    ]
    assert sorted(each["version"] for each in found) == list(range(1, first["events_in_all"] + 1))
    page = shop.page("/users/ann")
    assert page.links["Later"] == "/users/ann?page=2"
    assert ("is shown in the order in which it was recorded" in page.text) is (most_sorted == 1)
    assert first["clock"] == ("recorded" if most_sorted == 1 else "occurred")
    assert "This page has no event." in shop.page("/users/ann", page="99").text


def test_campaigns_that_are_not_drawn_are_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those received last are explained; the others are links to their explanations."""
    monkeypatch.setattr(explanations, "MOST_CAMPAIGNS", 1)
    monkeypatch.setattr(users, "MOST_CAMPAIGNS", 1)
    page = shop.page("/users/ann")
    assert page.links["Other campaign"] == explained(shop, "ann", "other")
    assert page.links["sale"] == explained(shop, "ann")
    told = shop.get("/users/ann.json").json()
    assert (told["campaigns"], len(told["explanations"])) == (["other", "sale"], 1)


def test_what_is_too_long_for_a_page_is_a_link(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page stays small: the newest receipts and purchases are on it, and it says how many are not."""
    monkeypatch.setattr(explanations, "MOST_ROWS", 1)
    monkeypatch.setattr(users, "MOST_SALES", 1)
    monkeypatch.setattr(users, "MOST_JSON_BYTES", 10)
    shop = Shop.open(api, SALE)
    shop.take(*(received("ann", "A") | {"id": f"r{number}"} for number in range(3)))
    shop.take(
        *(bought("ann", fact_id=f"p{number}", at=f"2026-03-02T1{number}:00:00Z") for number in range(4))
    )
    page = shop.page(explained(shop, "ann"))
    assert "2 earlier receipts are not on this page" in page.text
    assert "3 earlier purchases and orders are not on this page" in page.text
    assert page.links["JSON has all"] == explained(shop, "ann") + ".json"
    revenue = page.text.partition("Revenue")[2]
    assert ("p3" in revenue, "p2" in revenue) == (True, False)
    link = shop.page("/users/ann", density="full").links["3 earlier purchases and orders"]
    assert link == explained(shop, "ann")
    assert shop.page("/users/ann", density="json").links["Open it as a file"] == "/users/ann.json"


def test_the_picture_has_a_lane_a_campaign_and_a_sign_a_behaviour(shop: Shop) -> None:
    """Its description says the same in words; compact and full draw it, JSON prints what the twin has."""
    for density in ("compact", "full"):
        said = re.sub("[\u2068\u2069]", "", shop.page("/users/ann", density=density).text)
        assert "Spring sale: 1 receipt, no conversion." in said
        assert "Other campaign: 1 receipt, converted (Purchase in 7 d on" in said
        assert "The user bought 1 x tea at 20.00 EUR (p1), 5 Mar 2026, 11:00" in said
        assert "purchase or order: 1" in said
        assert "\ufffd" not in said
    printed = re.search(r"<pre[^>]*>(.*?)</pre>", shop.get("/users/ann", density="json").text, re.DOTALL)
    assert printed is not None
    assert orjson.loads(Page.read(printed[1]).raw) == shop.get("/users/ann.json").json()


def test_a_voided_fact_is_drawn_as_such_and_listed_with_its_void(api: Api) -> None:
    """R17: it stays recorded, and counts no more."""
    shop = Shop.open(api, SALE)
    shop.take(received("ann", "A"), bought("ann"))
    shop.take({"type": "void", "id": "d1", "user_id": "ann", "fact_id": "p1", "at": "2026-03-09T09:00:00Z"})
    page = shop.page("/users/ann")
    assert "(voided)" in page.text
    assert "The purchase p1 counts no more: void d1 names it." in page.text
    assert "The conversion on purchase in 3 d (event A) of sale is withdrawn" in page.text


def test_bad_parameters_are_refused_with_their_place(shop: Shop) -> None:
    """A density, a clock or a page that there is not."""
    for given in ({"density": "tiny"}, {"clock": "wall"}, {"page": "0"}, {"page": "x"}, {"page": "1234567"}):
        [place] = given
        assert shop.get("/users/ann.json", 400, **given).json()["place"] == place
        assert "Bad Request" in shop.page("/users/ann", 400, **given).text


def test_an_id_leads_to_its_page_or_to_those_that_look_like_it(api: Api) -> None:
    """Spaces, letters and zeros are forgiven; nothing that looks unlike it is offered; an empty id gets the form."""
    shop = Shop.open(api, SALE)
    shop.take(*(received(user, "A") for user in ("customer-06002", "customer-06003", "Zoe", "7")))
    answer = shop.browser.get("/users", params={"id": "customer-06002", "zone": "utc"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/users/customer-06002?zone=utc")
    for text, near in (
        (" customer-06002 ", "customer-06002"),
        ("Customer-6002", "customer-06002"),
        ("customer-06004", "customer-06003"),
        ("ZOE", "Zoe"),
        ("0007", "7"),
    ):
        for path, given in (("/users", {"id": text}), (user_path(text), {})):
            page = shop.page(path, 404, **given)
            assert page.links[near] == user_path(near), (text, path)
    assert "There is no id that looks like it" in shop.page("/users", 404, id="\u05d0").text
    assert shop.page("/users").find_text("h1", None) == "Find a user"
    near = shop.get("/users/customer-6002.json", 404).json()
    assert (near["code"], near["near"][0]) == ("unknown_user", ["customer-06002", "/users/customer-06002"])
    page = shop.page(explained(shop, "customer-6002"))
    assert page.links["customer-06002"] == explained(shop, "customer-06002")
    assert shop.get("/users", 400, id="x" * 256).status_code == 400
    assert shop.get("/users/%00", 404).status_code == 404


def test_a_frozen_page_offers_no_ids_that_came_later(api: Api) -> None:
    """Neither as a page nor as JSON, by whichever address; the live page does."""
    shop = Shop.open(api, SALE)
    at = shop.take(received("u002", "A"))
    shop.take(received("u0001", "A"))
    for path, given in (("/users", {"id": "u001"}), ("/users/u001", {})):
        page = shop.page(path, 404, at=at, **given)
        assert "u0001" not in page.text
        assert page.links["u002"] == with_query("/users/u002", {"at": at})
        assert {"u0001", "u002"} <= shop.page(path, 404, **given).links.keys()
    frozen, live = (shop.get("/users/u001.json", 404, **given).json()["near"] for given in ({"at": at}, {}))
    assert [each[0] for each in frozen] == ["u002"]
    assert {each[0] for each in live} == {"u0001", "u002"}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_ids_are_only_text(api: Api, text: str) -> None:
    """Of a user, a campaign, a variant, facts and events: on every page and in the picture."""
    shop = Shop.open(api, SALE | {"id": text, "name": text, "variants": [{"id": text}]})
    event = {"type": "custom_event", "id": "c", "user_id": text, "name": text, "at": "2026-03-02T09:00:00Z"}
    shop.take(
        received(text, text, text) | {"id": text}, bought(text), event | {"properties": {text[:50]: text}}
    )
    for path in (explained(shop, text, text), user_path(text)):
        for given in ({}, {"density": "full"}, {"density": "json"}):
            page = shop.page(path, **given)
            assert not page.find(lambda tag, has: tag == "script" and "alert" in str(has))
            assert "\u202e" not in page.find_sentences()
        assert shop.get(path + ".json").json()["user_id"] == text
    assert shop.browser.get("/users", params={"id": text}).headers["location"] == user_path(text)


def test_another_app_group_sees_nothing_of_a_user(api: Api, shop: Shop) -> None:
    """404 for the campaign, and for the user, who is not offered as near either."""
    other = Shop.open(api)
    for kind in ("", ".json"):
        assert "there is no campaign" in other.get(explained(shop, "ann") + kind, 404).text.lower()
        assert other.get("/users/ann" + kind, 404).status_code == 404
    assert "ann" not in other.page("/users", 404, id="Ann").links


def test_without_a_session_each_page_leads_to_the_login(api: Api) -> None:
    """The address is kept; a program is told."""
    browser = api.browser()
    for path in ("/users/ann", "/users?id=ann", "/campaigns/sale/users/ann", "/campaigns/sale/people"):
        assert browser.get(path).headers["location"].startswith("/login?next=%2F")
    assert browser.get("/users/ann.json").status_code == 401


def test_free_text_of_facts_is_in_the_json_as_the_api_has_it(api: Api) -> None:
    """Properties are kept outside the events, and belong to their facts."""
    shop = Shop.open(api, SALE)
    event: dict[str, Any] = {"type": "custom_event", "id": "c", "user_id": "ann", "name": "signed"}
    shop.take(event | {"at": "2026-03-02T09:00:00Z", "properties": {"plan": "gold"}})
    assert shop.get("/users/ann.json").json()["events"][0]["event"]["properties"] == {"plan": "gold"}
    assert "gold" in shop.get("/users/ann", density="json").text
