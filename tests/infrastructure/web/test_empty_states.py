"""What a campaign's page says before there is anything to say: what came in lately, and how to send a receipt."""

import json
import shlex
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy.exc import OperationalError

from application.commands.definitions import read_campaigns
from application.queries.arrivals import count_rejected_lately, find_last_fact_at
from domain.instants import microseconds, printed
from infrastructure.access.keys import Scope
from infrastructure.access.operator import stamp
from infrastructure.http.settings import WebSettings
from infrastructure.inbound import rejects
from infrastructure.inbound.arrivals import StoredArrivals
from infrastructure.inbound.rejects import Refusal
from infrastructure.web.activity import tell_ago
from infrastructure.web.links import campaign_path
from tests.infrastructure.http.test_http import MISSING, SALE, eventually, post
from tests.infrastructure.web.forms import read_text
from tests.support.ledgers import GROUP, NOW
from tests.support.serving import Api, serving
from tests.support.strategies import APP_GROUP

PAID: dict[str, Any] = {
    "type": "purchase",
    "id": "p",
    "user_id": "u9",
    "product_id": "x",
    "price": "1.00",
    "currency": "EUR",
    "at": "2026-03-01T10:00:00Z",
}


def receipt_of(user: str, at: str = "2026-03-01T09:00:00Z", **more: Any) -> dict[str, Any]:
    """A receipt of the campaign."""
    receipt = {"type": "received", "id": f"r-{user}", "user_id": user, "campaign_id": "sale"}
    return receipt | {"variant_id": "A", "at": at} | more


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server with a launched campaign that nobody received."""
    with serving(tmp_path, [SALE], web=WebSettings(pages="on")) as api:
        yield api


def sent_by(command: str) -> tuple[str, dict[str, str], bytes]:
    """What a shell would make of a curl command: the address, the headers and the body."""
    words = shlex.split(command)
    assert words[:2] == ["curl", "-sS"]
    headers = dict(words[place + 1].split(": ", 1) for place, each in enumerate(words) if each == "-H")
    return words[2], headers, words[words.index("-d") + 1].encode()


@pytest.mark.parametrize(
    "name", ["spring-sale", 'it\'s "$HOME" `x`', "two\nlines \N{PARTY POPPER}\u202e", "i" * 255]
)
def test_the_command_on_the_page_sends_the_first_receipt(api: Api, name: str) -> None:
    """It names this service, this campaign and a variant that is sent; then the page shows the receipt."""
    variants = [{"id": "c", "control": True}, {"id": name}]
    campaign = SALE | {"id": name, "variants": variants}
    api.service.campaigns.apply(read_campaigns(APP_GROUP | {"campaigns": [campaign]}), stamp())
    browser = api.logged_in(Scope.READ)
    url, headers, body = sent_by(read_text(browser.get(campaign_path(name)), "receipt"))
    assert url == f"{api.url}/v1/facts"
    assert headers["Authorization"] == "Bearer $KEY"
    assert json.loads(body)["facts"][0]["variant_id"] == name
    authorized = headers | {"Authorization": f"Bearer {api.key(Scope.INGEST)}"}
    taken = httpx.post(url, headers=authorized, content=body)
    assert taken.json()["accepted"] == 1, taken.text
    page = browser.get(campaign_path(name))
    assert "nobody has received it yet" not in page.text
    assert "the first window ends at" in page.text


def send(api: Api, command: str, scope: Scope, app_group: str = GROUP) -> dict[str, Any]:
    """Do what a shell does with the command, with a key in the place of the variable."""
    url, headers, body = sent_by(command)
    method = "PATCH" if "-X PATCH" in command else "POST"
    authorized = headers | {"Authorization": f"Bearer {api.key(scope, app_group=app_group)}"}
    answer = httpx.request(method, url, headers=authorized, content=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize(
    "event",
    [
        {"type": "makes_purchase", "deadline": "3d"},
        {"type": "makes_purchase", "deadline": "30s", "product_id": "tea's"},
        {"type": "starts_session", "deadline": "1d"},
        {"type": "upgrades_app", "deadline": "1d", "app_ids": ["ios"]},
        {"type": "performs_custom_event", "deadline": "1d", "name": "signed up"},
        None,
    ],
)
def test_after_the_first_receipt_the_page_gives_the_command_that_converts(
    api: Api, event: dict[str, Any] | None
) -> None:
    """It is of the same user, some minutes later and not in the future; after the conversion it is gone."""
    campaign = {"id": "trial", "variants": SALE["variants"], "conversion_events": [event] if event else []}
    group = APP_GROUP | {"default_currency": "JPY", "custom_events": ["signed up"], "campaigns": [campaign]}
    api.service.campaigns.apply(read_campaigns(group | {"apps": ["ios"]}), stamp())
    browser = api.logged_in(Scope.READ)
    before = browser.get("/campaigns/trial")
    assert 'id="next-fact"' not in before.text
    assert send(api, read_text(before, "receipt"), Scope.INGEST)["accepted"] == 1
    page = browser.get("/campaigns/trial")
    assert "<bdi>user-1</bdi>" in page.text
    command = read_text(page, "next-fact")
    assert ("JPY" in command) == (event is None or event["type"] == "makes_purchase")
    taken = send(api, command, Scope.INGEST)
    assert taken["accepted"] == 1, taken
    after = browser.get("/campaigns/trial")
    assert 'id="next-fact"' not in after.text
    totals = browser.get("/campaigns/trial.json").json()["totals"]
    assert totals["conversions"] == ([1] if event else [])
    assert bool(totals["revenue"]) == ("JPY" in command)


def start_trial(api: Api, event: dict[str, Any], *facts: dict[str, Any]) -> httpx.Client:
    """A campaign with a control group, and what was sent for it; returns a browser."""
    variants = [{"id": "A"}, {"id": "H", "control": True}]
    campaign = {"id": "trial", "variants": variants, "conversion_events": [event]}
    group = APP_GROUP | {"apps": ["ios"], "custom_events": ["signed up"], "campaigns": [campaign]}
    api.service.campaigns.apply(read_campaigns(group), stamp())
    assert post(api.client(), *facts).json()["accepted"] == len(facts)
    return api.logged_in(Scope.READ)


def send_next(api: Api, browser: httpx.Client) -> dict[str, Any]:
    """Do what the page says; returns the fact that was sent, after which one user has converted for A alone."""
    command = read_text(browser.get("/campaigns/trial"), "next-fact")
    assert send(api, command, Scope.INGEST)["accepted"] == 1
    report = browser.get("/campaigns/trial.json").json()
    assert [each["conversions"] for each in report["variants"]] == [[1], [0]]
    assert 'id="next-fact"' not in browser.get("/campaigns/trial").text
    fact: dict[str, Any] = json.loads(sent_by(command)[2])["facts"][0]
    return fact


TRIED = {"campaign_id": "trial"}
UPGRADE = {"type": "upgrades_app", "deadline": "1d", "app_ids": ["ios"]}
PURCHASE = {"type": "makes_purchase", "deadline": "1d"}


@pytest.mark.parametrize(
    ("known", "following"),
    [
        ({"2026-02-01T09:00:00Z": "3.0"}, "4.0"),
        ({"2026-02-01T09:00:00Z": "5.1", "2026-02-02T09:00:00Z": "1.10.2"}, "2.0"),
        ({"2026-02-01T09:00:00Z": "2.0-beta"}, "2.0"),
        ({"2026-02-01T09:00:00Z": "9" * 64}, "2.0-next"),
        ({"2026-03-02T09:00:00Z": "8.0"}, "2.0"),
        ({"2026-03-01T09:10:00Z": "8.0"}, "9.0"),
    ],
)
def test_the_command_upgrades_from_the_version_that_the_user_has(
    api: Api, known: dict[str, str], following: str
) -> None:
    """R10: a report is compared with the latest earlier one, also at the same instant."""
    reports = [
        {
            "type": "app_version",
            "id": f"a{at}",
            "user_id": "u1",
            "app_id": "ios",
            "version": version,
            "at": at,
        }
        for at, version in known.items()
    ]
    browser = start_trial(api, UPGRADE, *reports, receipt_of("u1", **TRIED))
    assert send_next(api, browser)["version"] == following


def test_the_command_converts_again_after_its_fact_was_voided(api: Api) -> None:
    """R13, R17: the id of a voided fact stays taken, and so does the one that a void waits for."""
    browser = start_trial(api, PURCHASE, receipt_of("u1", **TRIED))
    first = send_next(api, browser)
    for fact_id in (first["id"], f"{first['id']}-2"):
        void = {"type": "void", "id": f"v {fact_id}", "user_id": "u1", "fact_id": fact_id, "at": first["at"]}
        assert post(api.client(), void).json()["accepted"] == 1
    assert send_next(api, browser)["id"] == f"{first['id']}-3"


@pytest.mark.parametrize(
    ("receipts", "at"),
    [
        ([("A", "09:00"), ("H", "15:00")], "09:10"),
        ([("A", "09:00"), ("H", "09:05")], "09:00"),
        ([("H", "09:00"), ("A", "09:05")], "09:15"),
        ([("A", "08:00"), ("A", "09:00"), ("H", "09:00")], "08:10"),
    ],
)
def test_the_command_converts_for_a_variant_and_not_for_the_control_group(
    api: Api, receipts: list[tuple[str, str]], at: str
) -> None:
    """R9: the behaviour comes before the next receipt, so that no receipt of control gets it."""
    facts = [
        receipt_of("u1", f"2026-03-01T{time}:00Z", id=f"r{number}", variant_id=variant, **TRIED)
        for number, (variant, time) in enumerate(receipts)
    ]
    browser = start_trial(api, PURCHASE, *facts)
    assert send_next(api, browser)["at"] == f"2026-03-01T{at}:00Z"


def test_revenue_alone_is_no_conversion(api: Api) -> None:
    """R11: any purchase within the deadline counts as revenue; the page still says how to convert."""
    event = {"type": "performs_custom_event", "deadline": "1d", "name": "signed up"}
    browser = start_trial(api, event, receipt_of("u9", **TRIED), PAID)
    assert browser.get("/campaigns/trial.json").json()["totals"]["revenue"]
    assert send_next(api, browser)["name"] == "signed up"


def test_nobody_makes_up_what_a_customer_does(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever has a long journey is left out; somebody else is taken, if there is anybody."""
    monkeypatch.setattr("infrastructure.web.next_fact._MOST_EVENTS", 4)
    many = [PAID | {"id": f"p{number}", "at": "2026-01-01T09:00:00Z"} for number in range(5)]
    browser = start_trial(api, PURCHASE, *many, receipt_of("u9", **TRIED))
    assert 'id="next-fact"' not in browser.get("/campaigns/trial").text
    assert post(api.client(), receipt_of("u1", **TRIED)).json()["accepted"] == 1
    assert send_next(api, browser)["user_id"] == "u1"


def test_without_an_app_the_page_gives_the_command_that_adds_one(api: Api) -> None:
    """Before the one that opens it; both are taken."""
    campaign = SALE | {"conversion_events": [{"type": "starts_session", "deadline": "1d"}]}
    api.service.campaigns.apply(
        read_campaigns({"app_group": "appless", "campaigns": [campaign | {"status": "launched"}]}), stamp()
    )
    assert post(api.client(app_group="appless"), receipt_of("u1")).json()["accepted"] == 1
    browser = api.logged_in(Scope.READ, app_group="appless")
    page = browser.get("/campaigns/sale")
    assert send(api, read_text(page, "add-app"), Scope.MANAGE, "appless")["apps"] == ["ios"]
    assert 'id="add-app"' not in browser.get("/campaigns/sale").text
    assert send(api, read_text(page, "next-fact"), Scope.INGEST, "appless")["accepted"] == 1
    assert browser.get("/campaigns/sale.json").json()["totals"]["conversions"] == [1]


def test_a_receipt_of_this_moment_has_its_behaviour_at_once(api: Api) -> None:
    """A purchase some minutes later would be in the future, and one of many receipts is made up by nobody."""
    now = api.service.now()
    post(api.client(), receipt_of("u1", at=printed(now)))
    browser = api.logged_in(Scope.READ)
    command = read_text(browser.get("/campaigns/sale"), "next-fact")
    assert json.loads(sent_by(command)[2])["facts"][0]["at"] == printed(now)
    post(api.client(), *[receipt_of(f"v{each}") for each in range(10)])
    assert 'id="next-fact"' not in browser.get("/campaigns/sale").text


def test_the_page_says_what_came_in_and_what_was_rejected(api: Api) -> None:
    """With links to the rejected facts; those of another app group are not counted."""
    browser, client = api.logged_in(Scope.READ), api.client()
    waiting = browser.get("/campaigns/sale").text
    assert "No fact of this app group has been recorded yet" in waiting
    # A rejected fact does not move the log, so that the page asks by the clock.
    assert 'data-live-every="5"' in waiting
    assert "<noscript>Load this page again to see it.</noscript>" in waiting
    assert post(client, PAID).json()["accepted"] == 1
    post(client, MISSING, {"type": "what"})
    with api.service.database.writing() as connection:
        rejects.keep(connection, "other", "facts", [Refusal("bad_time", "x", "{}")], microseconds(NOW))

    def says_both() -> bool:
        page = browser.get("/campaigns/sale").text
        return "recorded just now" in page and "1 as <code>unknown_campaign</code></a>" in page

    eventually(says_both)
    page = browser.get("/campaigns/sale").text
    assert 'href="/rejected?code=malformed"' in page
    assert "bad_time" not in page


def test_rejected_facts_have_a_page(api: Api) -> None:
    """The newest first, of one code or all, escaped; the JSON has the same."""
    hostile = {"type": "<script>alert(1)</script>"}
    at = microseconds(NOW)
    with api.service.database.writing() as connection:
        for place, code in enumerate(["malformed", "unknown_campaign", "malformed"]):
            refusal = Refusal(code, f"</td><b>{place}", json.dumps(hostile | {"n": place}))
            rejects.keep(connection, GROUP, "facts", [refusal], at + place)
        rejects.keep(connection, "other", "facts", [Refusal("malformed", "theirs", "{}")], at)
    browser = api.logged_in(Scope.READ)
    page = browser.get("/rejected", params={"code": "malformed"})
    assert "<script>alert" not in page.text
    assert "</td><b>" not in page.text
    assert "theirs" not in page.text
    twin = browser.get("/rejected.json").json()["rejected"]
    assert [each["fact"]["n"] for each in twin] == [2, 1, 0]
    of_one = browser.get("/rejected.json", params={"code": "malformed"}).json()["rejected"]
    assert [each["fact"]["n"] for each in of_one] == [2, 0]
    assert "No fact was rejected as" in browser.get("/rejected", params={"code": "nope"}).text


def test_rejected_facts_are_counted_of_the_last_day(api: Api) -> None:
    """The most first; what is older is left out."""
    now, day = microseconds(NOW), 86_400_000_000
    with api.service.database.writing() as connection:
        for at, code in [(now - day - 1, "old"), (now - day, "b"), (now, "b"), (now, "a")]:
            rejects.keep(connection, GROUP, "facts", [Refusal(code, "", "{}")], at)
    arrivals = StoredArrivals(api.service.database)
    found = count_rejected_lately(arrivals, GROUP, NOW)
    assert found.codes == [("b", 2), ("a", 1)]
    assert (found.number, found.has_more) == (3, False)
    assert find_last_fact_at(arrivals, GROUP) is None


def reject(api: Api, app_group: str, *codes: str) -> None:
    """Keep facts as rejected now."""
    with api.service.database.writing() as connection:
        refused = [Refusal(code, "", "{}") for code in codes]
        rejects.keep(connection, app_group, "facts", refused, microseconds(api.service.now()))


def test_rejected_facts_are_said_wherever_figures_are(api: Api) -> None:
    """On the results also after the first receipt, on the list and on About; not on frozen pages, nor theirs."""
    browser, client = api.logged_in(Scope.READ), api.client()
    position = post(client, receipt_of("u1")).json()["position"]
    reject(api, "other", "theirs")
    for path in ("/", "/campaigns/sale", "/about"):
        assert "The ledger rejected" not in browser.get(path).text
    assert 'href="/rejected"' in browser.get("/about").text
    reject(api, GROUP, "malformed", "bad_time", "malformed", "bad_value", "unknown_app")
    for path in ("/", "/campaigns/sale", "/campaigns/sale?from=2020-01-01&to=2020-01-02", "/about"):
        page = browser.get(path).text
        assert page.count("The ledger rejected 5 facts of this app group in the last day") == 1, path
        assert 'href="/rejected?code=malformed">2 as <code>malformed</code>' in page
        assert "theirs" not in page
    assert "The ledger rejected" not in browser.get("/campaigns/sale", params={"at": position}).text


def test_of_very_many_rejected_facts_some_are_counted(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page says that there may be more."""
    monkeypatch.setattr("application.queries.arrivals.LOOKED_AT", 2)
    reject(api, GROUP, "malformed", "malformed", "malformed")
    assert "The ledger rejected 2 facts or more of" in api.logged_in(Scope.READ).get("/").text


def test_where_rejected_facts_cannot_be_counted_the_page_has_the_rest(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures are shown all the same."""

    def fail(*_: object) -> None:
        raise OperationalError("SELECT", {}, Exception("disk I/O error"))

    browser = api.logged_in(Scope.READ)
    monkeypatch.setattr(rejects, "count_since", fail)
    for path in ("/", "/campaigns/sale"):
        page = browser.get(path)
        assert page.status_code == 200
        assert "This part cannot be shown now" in page.text


def test_in_a_long_ledger_only_the_last_events_are_looked_at(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says how many, because an older fact of the group may be there."""
    monkeypatch.setattr("infrastructure.web.activity.LOOKED_AT", 1)
    page = api.logged_in(Scope.READ).get("/campaigns/sale").text
    assert "is among the ledger's last" in page
    assert "has been recorded yet" not in page


def test_how_long_ago_is_told_in_words() -> None:
    """In the largest unit that fits."""
    told = [tell_ago(NOW - timedelta(seconds=each), NOW) for each in (-5, 0, 12, 3_600, 3 * 86_400)]
    assert told == ["just now", "just now", "12 seconds ago", "1 hour ago", "3 days ago"]
