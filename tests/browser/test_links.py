"""Where pages lead: every link works, no page is heavy, and nothing leads into another app group."""

from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from infrastructure.web.assets import load_assets
from infrastructure.web.links import campaign_path
from tests.browser import routes, world
from tests.browser.conftest import Site
from tests.browser.crawling import Found, client_of, crawl
from tests.browser.places import HOSTILE_PLACES, PLACES

MOST_OF_A_PAGE = 60_000
MOST_OF_SCRIPT = 20_000
NO_PAGES = {"/static/{name}", "/login/once/{token}", "/campaigns"}
"""What is no page of its own: files, links that log in, and an address that leads to another."""


@pytest.fixture(scope="module")
def found(site: Site) -> list[Found]:
    """What links lead to from the list of the demo's campaigns."""
    with client_of(site, world.DEMO) as client:
        return list(crawl(client))


def test_every_link_works(found: list[Found]) -> None:
    """From page to page, twins and files included; each shape of address is tried."""
    assert len(found) > 20
    assert [str(each) for each in found if each.status >= 400] == []


def test_no_page_is_heavy(found: list[Found]) -> None:
    """As sent: 60 kB a page, and 20 kB for all script together."""
    pages = [each for each in found if each.kind == "text/html"]
    assert pages
    assert [str(each) for each in pages if each.sent > MOST_OF_A_PAGE] == []
    scripts = [each for each in found if each.path.startswith("/static/") and each.path.endswith(".js")]
    assert {each.path for each in scripts} <= {asset.url for asset in load_assets().values()}
    assert 0 < sum(each.sent for each in scripts) <= MOST_OF_SCRIPT


def test_every_page_is_looked_at() -> None:
    """Each route that shows a page is among the places that are checked, and among the hostile ones if it has an id."""
    pages = {
        path for path in routes.of("GET") if not path.endswith((".json", ".csv")) and path not in NO_PAGES
    }
    looked_at = {routes.route_of(place.path) for place in PLACES.values()}
    hostile = {routes.route_of(place.path) for place in HOSTILE_PLACES.values()}
    assert pages - looked_at == set()
    assert {path for path in pages if "{" in path} - hostile == set()


def names_something(found: Found) -> bool:
    """Whether an address names a campaign or a user of the demo."""
    route = routes.route_of(found.path) or ""
    return "{" in route and not route.startswith("/static")


def test_nobody_sees_another_app_groups(site: Site, found: list[Found]) -> None:
    """Every address that names something of the demo answers 404 to a session of another app group."""
    named = [each for each in found if names_something(each) and each.status < 400]
    assert len(named) >= 8
    with client_of(site, world.STRANGERS) as client:
        answers = {each.path: client.get(each.path).status_code for each in named}
    assert {path: status for path, status in answers.items() if status != HTTPStatus.NOT_FOUND} == {}


def test_what_names_nothing_shows_nothing_of_another_app_group(site: Site, found: list[Found]) -> None:
    """The list, the search, the ledger's page: no id and no name of the demo is on them."""
    secrets = ["win-back", "We miss you", "glass-teapot", "customer-0", world.DRAFT, world.DEMO]
    with client_of(site, world.STRANGERS) as client:
        for each in found:
            if not names_something(each) and each.kind in {"text/html", "application/json", "text/csv"}:
                answer = client.get(each.path.partition("?")[0])
                assert not [text for text in secrets if text in answer.text], each


@pytest.mark.parametrize("path", [path for path in routes.of("POST") if "{" in path])
def test_nobody_changes_another_app_groups(site: Site, path: str) -> None:
    """Every form that names a campaign answers 404 to another app group, and 403 to who may only read."""
    concrete = path.replace("{step}", "spring-sale").replace("{user}", "customer-06002")
    assert "{" not in concrete, path
    for app_group, kind, status in (
        (world.STRANGERS, "manage", HTTPStatus.NOT_FOUND),
        (world.DEMO, "read", HTTPStatus.FORBIDDEN),
    ):
        with client_of(site, app_group, kind) as client:
            assert client.post(concrete).status_code == status, (concrete, app_group)


def test_without_a_session_every_page_leads_to_the_login(site: Site) -> None:
    """And keeps what was asked for; twins say 401."""
    places = [
        place.path
        for place in PLACES.values()
        if place.app_group in world.GROUPS and place.app_group != world.NOBODY and place.status == 200
    ]
    with httpx.Client(base_url=site.origin, timeout=120) as nobody:
        for path in places:
            answer = nobody.get(path)
            login = urlsplit(answer.headers["location"])
            assert (answer.status_code, login.path) == (HTTPStatus.SEE_OTHER, "/login")
            assert parse_qs(login.query).get("next", ["/"]) == [path]
        twin = nobody.get(campaign_path("spring-sale", kind=".json"))
    assert twin.status_code == HTTPStatus.UNAUTHORIZED
    assert "Spring sale" not in twin.text
