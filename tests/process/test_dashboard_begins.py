"""`conversions serve` and `conversions demo --serve`: how somebody gets into the dashboard."""

import re
from pathlib import Path

import httpx
import pytest

from application.commands.definitions import read_campaigns
from infrastructure.access.operator import stamp
from infrastructure.composition import Service
from tests.support.begun import LINK, PATIENCE, begun
from tests.support.strategies import APP_GROUP


def follow(link: re.Match[str]) -> list[tuple[int, str | None]]:
    """What a browser gets that follows a link twice."""
    with httpx.Client(base_url=link[1], timeout=PATIENCE) as browser:
        answers = [browser.get(link[2]) for _ in range(2)]
    return [(each.status_code, each.headers.get("location")) for each in answers]


def test_an_empty_ledger_begins_with_a_link(tmp_path: Path) -> None:
    """It is printed on standard error, works once, and leads to the page of the first app group."""
    with begun(tmp_path, "serve", "--port", "0") as said:
        link = said.wait_for(LINK.pattern)
        assert follow(link) == [(303, "/start"), (410, None)]
    assert "it logs in once, within 15 minutes" in str(said)


@pytest.mark.parametrize(
    ("settings", "tells"),
    [
        ({}, "set CONVERSIONS_WEB_ORIGIN to its address"),
        ({"CONVERSIONS_WEB_ORIGIN": "https://l.example"}, "dashboard is at https://l.example;"),
    ],
)
def test_a_service_that_others_can_reach_prints_no_link(
    tmp_path: Path, settings: dict[str, str], tells: str
) -> None:
    """It says how to make a key to log in with."""
    everywhere = "0.0.0.0"  # noqa: S104 - it is about that
    with begun(tmp_path, "serve", "--port", "0", "--host", everywhere, **settings) as said:
        said.wait_for(re.escape(tells))
    assert LINK.search(str(said)) is None
    assert "conversions keys create --app-group GROUP --scope read --scope manage" in str(said)


def test_a_ledger_with_an_app_group_needs_a_key(tmp_path: Path) -> None:
    """No link is printed for it."""
    with Service(f"sqlite:///{tmp_path / 'conversions.db'}") as service:
        service.campaigns.apply(read_campaigns(APP_GROUP | {"campaigns": []}), stamp())
    with begun(tmp_path, "serve", "--port", "0") as said:
        said.wait_for(
            "The dashboard is at http://127.0.0.1:[0-9]+; log in with a key that may read or manage."
        )
    assert LINK.search(str(said)) is None


def test_without_a_dashboard_nothing_is_said_of_it(tmp_path: Path) -> None:
    """And there is no page."""
    with begun(tmp_path, "serve", "--port", "0", CONVERSIONS_WEB="off") as said:
        address = said.wait_for(r"Listening at (\S+);")[1]
        assert httpx.get(f"{address}/login", timeout=PATIENCE).status_code == 404
    assert "dashboard" not in str(said)
    assert LINK.search(str(said)) is None


@pytest.mark.slow
def test_the_demo_opens_its_shop(tmp_path: Path) -> None:
    """The link logs in once, with a key that may do everything in the demo's app group; Ctrl-C ends it."""
    with begun(tmp_path, "demo", "--serve", "--port", "0", "--directory", str(tmp_path / "shop")) as said:
        link = said.wait_for(LINK.pattern)
        assert follow(link) == [(303, "/"), (410, None)]
    with Service(f"sqlite:///{tmp_path / 'shop' / 'conversions.db'}") as service:
        assert service.ledger.existing_app_group("demo-shop").version
