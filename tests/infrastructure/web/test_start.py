"""The first app group: who may make it, what is asked, and the keys that are shown once."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from domain.instants import microseconds
from infrastructure.access import keys, login_links
from infrastructure.access.keys import Scope
from infrastructure.http.settings import WebSettings
from tests.infrastructure.web.forms import read_form, read_text
from tests.support.ledgers import rows
from tests.support.serving import Api, serving


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Api]:
    """A server over an empty ledger."""
    with serving(tmp_path, web=WebSettings(pages="on")) as api:
        yield api


@pytest.fixture
def browser(api: Api) -> httpx.Client:
    """Somebody who followed the first link."""
    with api.service.database.writing() as connection:
        token = login_links.make(connection, None, microseconds(api.service.now()))
    made = api.browser()
    answer = made.get(login_links.PATH + token)
    assert answer.headers["location"] == "/start"
    return made


def scopes_of(api: Api, text: str) -> tuple[str, set[Scope]]:
    """The app group and the scopes of a valid key."""
    with api.service.database.reading() as connection:
        key = keys.find_valid(connection, text, microseconds(api.service.now()))
    assert key is not None
    return key.app_group, set(key.scopes)


def test_the_first_app_group_is_made_and_its_keys_are_shown_once(api: Api, browser: httpx.Client) -> None:
    """One key sends facts and no more, the session has the other; afterwards the page leads to the list."""
    form = read_form(browser.get("/start"), "/start").fill(
        app_group="shop", time_zone="Europe/Berlin", default_currency="eur", apps="ios, android,\nweb, ios"
    )
    made = form.press(browser, "Make it")
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    group = api.service.ledger.existing_app_group("shop")
    assert (group.time_zone, group.default_currency) == ("Europe/Berlin", "EUR")
    assert group.apps == {"ios", "android", "web"}
    ingest, manage = read_text(made, "ingest-key"), read_text(made, "manage-key")
    assert scopes_of(api, ingest) == ("shop", {Scope.INGEST})
    assert scopes_of(api, manage) == ("shop", {Scope.READ, Scope.MANAGE})
    listed = browser.get("/")
    assert "No campaign yet" in listed.text
    assert ingest not in listed.text + browser.get("/campaigns/new").text
    assert browser.get("/start").headers["location"] == "/"
    assert form.press(browser, "Make it").headers["location"] == "/", "sent twice"
    with api.service.database.reading() as connection:
        assert len(keys.list_all(connection)) == 2
    assert "KEY=" + ingest in made.text


def test_the_page_of_keys_is_in_the_chosen_zone_and_its_command_leaves_nothing(
    api: Api, browser: httpx.Client
) -> None:
    """Nobody need be afraid to try the key, and no link of the page's foot leads away from the keys."""
    form = read_form(browser.get("/start"), "/start").fill(app_group="shop", time_zone="Europe/Berlin")
    made = form.press(browser, "Make it")
    assert "Times are in Europe/Berlin." in made.text
    assert "Show UTC" not in made.text
    words = shlex.split(read_text(made, "trial").replace("\\\n", " "))
    export, body = words[1], words[words.index("-d") + 1]
    before = len(rows(api.service))
    answer = api.browser().post(
        urlsplit(next(each for each in words if "/v1/" in each)).path,
        content=body,
        headers={
            "Authorization": f"Bearer {export.removeprefix('KEY=')}",
            "Content-Type": "application/json",
        },
    )
    assert (answer.status_code, answer.text[:13]) == (200, '{"accepted":0')
    assert len(rows(api.service)) == before


def test_whoever_made_it_stands_in_the_log(api: Api, browser: httpx.Client) -> None:
    """The actor is the first link: there was no key yet."""
    read_form(browser.get("/start"), "/start").fill(app_group="shop").press(browser, "Make it")
    assert {row.actor for row in rows(api.service)} == {"link:first"}


@pytest.mark.parametrize(
    ("typed", "zone"),
    [
        ("", "UTC"),
        ("berlin", "Europe/Berlin"),
        (" New  York ", "America/New_York"),
        ("asia/tokyo", "Asia/Tokyo"),
    ],
)
def test_a_city_alone_is_a_time_zone(api: Api, browser: httpx.Client, typed: str, zone: str) -> None:
    """However it is written; the field is empty, so that what is typed is not added to anything."""
    form = read_form(browser.get("/start"), "/start")
    assert form.values("time_zone") == [""]
    form.fill(app_group="shop", time_zone=typed).press(browser, "Make it")
    assert api.service.ledger.existing_app_group("shop").time_zone == zone


def test_a_city_of_two_time_zones_is_asked_about(browser: httpx.Client) -> None:
    """Both are named, and what was typed stays."""
    form = read_form(browser.get("/start"), "/start").fill(app_group="shop", time_zone="central")
    answer = form.press(browser, "Make it")
    assert answer.status_code == 422
    assert "central may mean Canada/Central or US/Central. Choose one of them." in answer.text
    assert read_form(answer, "/start").values("time_zone") == ["central"]


@pytest.mark.parametrize(
    ("typed", "field"),
    [
        ({"app_group": ""}, "app_group"),
        ({"app_group": "g" * 256}, "app_group"),
        ({"app_group": "g", "time_zone": "Europe/Nowhere"}, "time_zone"),
        ({"app_group": "g", "time_zone": "z" * 256}, "time_zone"),
        ({"app_group": "g", "time_zone": "Berlin\0"}, "time_zone"),
        ({"app_group": "g", "default_currency": "XXQ"}, "default_currency"),
        ({"app_group": "g", "apps": "a" * 256}, "apps-0"),
    ],
)
def test_what_is_wrong_is_said_and_no_key_is_made(
    api: Api, browser: httpx.Client, typed: dict[str, str], field: str
) -> None:
    """With 422 and what was typed; the link's session goes on."""
    answer = read_form(browser.get("/start"), "/start").fill(**typed).press(browser, "Make it")
    assert answer.status_code == 422
    assert f'<a href="#{field}">' in answer.text
    assert read_form(answer, "/start").values("app_group") == [typed["app_group"]]
    with api.service.database.reading() as connection:
        assert keys.list_all(connection) == []
    assert browser.get("/start").status_code == 200


def test_a_hostile_name_is_harmless(browser: httpx.Client) -> None:
    """It is escaped, on the page and in the pages that follow."""
    name = '"><script>alert(1)</script>\u202e'
    made = read_form(browser.get("/start"), "/start").fill(app_group=name).press(browser, "Make it")
    assert made.status_code == 200
    assert "<script>alert" not in made.text + browser.get("/").text


def test_a_key_whose_app_group_is_not_there_yet_makes_that_one(api: Api) -> None:
    """`keys create` may come before the group: its name is fixed, and only a key that sends facts is made."""
    browser = api.logged_in(Scope.MANAGE, app_group="later")
    assert browser.get("/").headers["location"] == "/start"
    form = read_form(browser.get("/start"), "/start")
    assert form.values("app_group") == []
    made = form.fill(time_zone="Asia/Tokyo").press(browser, "Make it")
    assert "manage-key" not in made.text
    assert re.fullmatch(r"cl_\w+_[\w-]+", read_text(made, "ingest-key"))
    assert api.service.ledger.existing_app_group("later").time_zone == "Asia/Tokyo"
    assert api.logged_in(Scope.READ, app_group="never").get("/start").status_code == 403


def test_nobody_else_comes_here(api: Api) -> None:
    """Without a session the page leads to the login."""
    assert api.browser().get("/start").headers["location"].startswith("/login")
    assert api.browser().post("/start", data={"app_group": "x"}).status_code == 303
    assert rows(api.service) == []
