"""The page about the ledger."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from infrastructure.web import words
from projections.campaign_report import CAMPAIGN_REPORT
from projections.engine import generations
from tests.infrastructure.web.shops import SALE, Shop, received
from tests.support.serving import Api, serving


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """One server for all tests; each of them has an app group of its own."""
    with serving(tmp_path_factory.mktemp("about")) as api:
        yield api


def statuses(shop: Shop) -> dict[str, dict[str, Any]]:
    """The read models as the page's twin has them."""
    return {each["name"]: each for each in shop.get("/about.json").json()["read_models"]}


def test_every_word_that_a_page_links_is_explained(api: Api) -> None:
    """Each link to the page of words has its place there."""
    page = Shop.open(api, SALE).get("/words")
    explained = set(re.findall(r'<dt id="([a-z-]+)"', page.text))
    templates = Path(words.__file__).parent.glob("templates/**/*.html")
    linked = {
        each for path in templates for each in re.findall(r'"/words#([a-z-]+)"', path.read_text("utf-8"))
    }
    assert {"interval", "p", "mature", "credited", "caused"} <= linked <= explained


def test_about_says_that_all_is_well(api: Api) -> None:
    """The version, the kind of the database and nothing more of it, the position, and each read model."""
    shop = Shop.open(api, SALE)
    position = shop.take(received("u1", "A"))
    for path in ("/results", "/overlap", "/conversions", "/recipients", "/series", "/report"):
        shop.client.get(f"/v1/campaigns/sale{path}").raise_for_status()
    page, given = shop.page("/about"), shop.get("/about.json").json()
    assert "All is well" in page.text
    assert "Version 0." in page.text
    assert "Database SQLite" in page.text
    assert f"Position of the log {position}, recorded" in page.text
    assert given["position"] == position
    assert {"campaign_report", "conversions", "overlap", "recipients", "series"} <= {
        each["name"] for each in given["read_models"]
    }
    assert "conversions.db" not in page.text + str(given)
    assert "problem" not in str(given)


def test_about_puts_what_is_not_well_first(tmp_path: Path) -> None:
    """A read model that stopped: where, what to do; why is not said, because any app group's event may be the cause."""
    with serving(tmp_path, projecting=False) as api:
        shop = Shop.open(api, SALE)
        assert statuses(shop)["campaign_report"]["state"] == "not built"
        api.service.projector.catch_up()
        position = shop.take(received("u1", "A"))
        behind = statuses(shop)["campaign_report"]
        assert behind["state"] in {"moving", "stalled"}
        assert behind["lag_events"] > 0
        with api.service.database.writing() as connection:
            found = generations.current(connection, CAMPAIGN_REPORT)
            generations.move(connection, found, found.position, 1, problem="secret of another shop")
        page = shop.page("/about")
        assert "1 read model does not keep up." in page.text or "read models do not keep up." in page.text
        assert f"Stopped before position {found.position + 1}" in page.text
        assert "conversions projections" in page.text
        assert "secret" not in page.text
        first = page.text.index("Reports and the list of campaigns campaign_report , version")
        assert first < page.text.index("App groups app_groups , version")
        given = statuses(shop)
        assert given["campaign_report"]["state"] == "stopped"
        assert "secret" not in str(given)
        assert int(position) > found.position


def test_the_page_of_the_ledger_needs_a_session(api: Api) -> None:
    """It leads to the login, and its twin says that nobody is logged in."""
    browser = api.browser()
    assert browser.get("/about").headers["location"] == "/login?next=%2Fabout"
    assert browser.get("/about.json").status_code == 401
